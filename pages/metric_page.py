"""Generates `docs/metrics.md` from the declarations of the metrics."""

from __future__ import annotations

from typing import Final

from schemas.metrics import DECLARED

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


def metrics_page() -> str:
    """Return the whole page."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {metric.unit} | {', '.join(metric.labels) or '-'} | {metric.served_by} "
        f"| {metric.sentence} |\n"
        for metric in DECLARED
    ]
    return _INTRODUCTION + "".join(rows)
