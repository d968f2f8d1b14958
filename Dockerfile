# syntax=docker/dockerfile:1
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/idtrail
COPY requirements.lock ./
RUN /opt/idtrail/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
# The build backend is not needed at run time.
COPY requirements-build.lock ./
RUN python -m venv /build && /build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY broker broker
COPY producers producers
COPY streams streams
COPY queries queries
COPY idtrail idtrail
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/idtrail/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/idtrail --create-home idtrail
COPY --from=build /opt/idtrail /opt/idtrail
ENV PATH=/opt/idtrail/bin:$PATH PYTHONUNBUFFERED=1
USER idtrail
VOLUME /var/lib/idtrail
ENTRYPOINT ["idtrail"]
CMD ["worker"]
