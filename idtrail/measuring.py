"""Metrics outside the API: the listener of a worker that runs alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import start_http_server

from idtrail.settings import Settings
from schemas.errors import BadUsage
from schemas.metrics import REGISTRY

log = structlog.get_logger(__name__)


@contextmanager
def serving_metrics(settings: Settings) -> Iterator[int]:
    """Serve the metrics while the block runs, if the settings ask for it. Yields the port, or 0.

    Raises `BadUsage` if the address is taken.
    """
    if not settings.metrics_port:
        yield 0
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, REGISTRY)
    except OSError as error:
        raise BadUsage(
            f"the metrics cannot be served at {settings.metrics_host}:{settings.metrics_port} ({error.strerror}): "
            "stop what listens there, or set IDTRAIL_METRICS_PORT"
        ) from None
    log.info("metrics are served", address=f"{settings.metrics_host}:{server.server_port}")
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
