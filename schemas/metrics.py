"""Every metric: its kind, unit and one sentence. `docs/metrics.md` is generated from here.

Declared below all packages, because all of them use it. Counted per chunk, flight or request, never per event.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

# Omit the gauges that say when each counter began: the start of the process says it once.
disable_created_metrics()  # type: ignore[no-untyped-call]  # because the library's types end here

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
REGISTRY: Final = CollectorRegistry()
"""This process's registry."""

FLUSH_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
REQUEST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class Declared(NamedTuple):
    """The page's entry for one metric."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    served_by: str
    sentence: str


DECLARED: Final[list[Declared]] = []


Labels = tuple[str, ...]


def _counter(name: str, unit: str, by: str, sentence: str, labels: Labels = ()) -> Counter:
    DECLARED.append(Declared(name, "counter", unit, labels, by, sentence))
    return Counter(name, sentence, labels, registry=REGISTRY)


def _gauge(name: str, unit: str, by: str, sentence: str, labels: Labels = ()) -> Gauge:
    DECLARED.append(Declared(name, "gauge", unit, labels, by, sentence))
    return Gauge(name, sentence, labels, registry=REGISTRY)


def _histogram(
    name: str, unit: str, by: str, sentence: str, labels: Labels = (), *, buckets: tuple[float, ...]
) -> Histogram:
    DECLARED.append(Declared(name, "histogram", unit, labels, by, sentence))
    return Histogram(name, sentence, labels, buckets=buckets, registry=REGISTRY)


EVENTS_STORED: Final = _counter(
    "idtrail_events_stored_total", "events", "worker", "Events inserted into the store and committed; repeats count."
)
DECODED_ASIDE: Final = _counter(
    "idtrail_decoded_aside_total",
    "records",
    "worker",
    "Records that the worker's child processes decoded while it was catching up.",
)
DEAD_LETTERED: Final = _counter(
    "idtrail_dead_lettered_total",
    "records",
    "worker",
    "Records that the sink could not read and sent to the dead letters.",
)
FORWARDED: Final = _counter(
    "idtrail_forwarded_total", "events", "worker", "Fresh events that the sink passed on to live detection."
)
FLUSH_SECONDS: Final = _histogram(
    "idtrail_flush_seconds",
    "seconds",
    "worker",
    "Time from the intent of a flight of chunks to the commit of its end.",
    buckets=FLUSH_BUCKETS,
)
STORE_RETRIES: Final = _counter(
    "idtrail_store_retries_total",
    "attempts",
    "worker",
    "Store operations that were retried because the store was away.",
)
NEWEST_STORED: Final = _gauge(
    "idtrail_newest_stored_timestamp_seconds",
    "seconds since 1970",
    "worker",
    "Append time of the newest event stored since the start, NaN before the first: `time() - max(...)` is its age.",
)
NEWEST_STORED.set(math.nan)  # 0 would be an age of half a century after each start
WINDOWS_WRITTEN: Final = _counter(
    "idtrail_windows_written_total", "rows", "worker", "Failure windows written, live and by the backfill."
)
ALERT_RECORDS: Final = _counter(
    "idtrail_alert_records_total", "records", "worker", "Alert records logged: opened, grown, ended or withdrawn."
)
ALERTS_SHED: Final = _gauge(
    "idtrail_alerts_shed",
    "events",
    "worker",
    "Events left out since the start because their rule follows too many groups.",
)
EXPRESSION_ERRORS: Final = _gauge(
    "idtrail_expression_errors",
    "events",
    "worker",
    "Events since the start on which an expression of the rule failed, for example because a field was missing.",
    labels=("rule",),
)
BACKFILL_MINUTES: Final = _counter(
    "idtrail_backfill_minutes_total",
    "minutes",
    "worker",
    "Minutes of event time whose windows the backfill recomputed.",
)
DELIVERIES: Final = _counter(
    "idtrail_deliveries_total",
    "messages",
    "worker",
    "Messages to destinations, by result: told or failed. A retry counts again.",
    labels=("result",),
)
LAG: Final = _gauge(
    "idtrail_lag_records",
    "records",
    "api",
    "Records on the log that are not stored yet, or, of `idtrail.provisioning`, not examined by the rules, as of the "
    "last check (every 15 s).",
    labels=("topic", "partition"),
)
RECEIPTS: Final = _counter(
    "idtrail_receipts_total",
    "records",
    "api",
    "Records accepted, by the state in their receipt: logged or spooled.",
    labels=("state",),
)
SPOOL_RECORDS: Final = _gauge(
    "idtrail_spool_records", "records", "api", "Records in the spool, waiting for the broker."
)
SPOOL_BYTES: Final = _gauge("idtrail_spool_bytes", "bytes", "api", "Disk space that the records in the spool take.")
FEED_READERS: Final = _gauge("idtrail_feed_readers", "readers", "api", "Readers that follow the live feed.")
FEED_DROPPED: Final = _counter(
    "idtrail_feed_dropped_total",
    "readers",
    "api",
    "Readers of the live feed that were dropped: more came than they took, or they gave way to another organization's.",
)
REQUESTS: Final = _counter(
    "idtrail_http_requests_total",
    "requests",
    "api",
    "Requests answered, by route (the path without ids) and status.",
    labels=("method", "route", "status"),
)
REQUEST_SECONDS: Final = _histogram(
    "idtrail_http_request_seconds",
    "seconds",
    "api",
    "Time from a request to the end of its answer; live streams last as long as their reader.",
    buckets=REQUEST_BUCKETS,
    labels=("method", "route"),
)
ProcessCollector(registry=REGISTRY)


def exposition() -> bytes:
    """Return all metrics in Prometheus's text format, `CONTENT_TYPE`."""
    return generate_latest(REGISTRY)
