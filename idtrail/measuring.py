"""Metrics outside the API: the listener of a worker that runs alone, and the documentation page of all metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from prometheus_client import start_http_server

from idtrail.settings import Settings
from schemas.errors import BadUsage
from schemas.metrics import DECLARED, REGISTRY

_INTRODUCTION: Final = """# Metrics

Metrics are in Prometheus's text format. The API serves its process's metrics at `GET /metrics`, to a token with scope
`read` for all organizations: `idtrail token create prometheus --organization '*'`. A separate worker serves its own at
`http://IDTRAIL_METRICS_HOST:IDTRAIL_METRICS_PORT/metrics`, without a token and only if the port is set: use the
loopback address or a network of your own. In `idtrail up` one process is both, and the API's route has everything.

Counters start at 0 with their process. Counting is per chunk, flight or request and costs an event next to nothing.
The usual `process_*` metrics (memory, processor time, open files) are served too.

This page is generated from `schemas/metrics.py` (`make generate`).

| metric | kind | unit | labels | by | meaning |
|---|---|---|---|---|---|
"""

log = structlog.get_logger(__name__)


def metrics_page() -> str:
    """Return the whole page."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {metric.unit} | {', '.join(metric.labels) or '-'} | {metric.served_by} "
        f"| {metric.sentence} |\n"
        for metric in DECLARED
    ]
    return _INTRODUCTION + "".join(rows)


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
