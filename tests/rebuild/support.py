"""A trail to rebuild, and what all of its tables hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from producers.simulation import load
from queries.generation import derived_tables
from queries.migrate import Deployment
from queries.store import BULK_LIMITS, Store
from schemas.kafka import KafkaConnection
from streams.backfill import Backfill
from streams.incident_writer import IncidentWriter
from streams.incidents import Incident
from streams.lag import read_lag
from streams.rebuild import Rebuild
from streams.sink import Sink, SinkOptions
from streams.writer import StoreWriter
from tests.fixtures_kafka import Topics, until
from tests.records import Record, record_of
from tests.sink.support import everything_stored

CLOCKS = {"stored_at", "folded_at"}
"""When this store was written: the only columns that a rebuild changes."""
SESSION = timedelta(seconds=2)
EMBEDDED = Deployment("embedded", synced=False)


def simulated(count: int, seed: int = 7) -> list[Record]:
    """Events of last year: none of them is fresh."""
    begin = datetime.now(UTC) - timedelta(days=300)
    return [record_of(event.raw) for event in load(seed, count, begin, days=40.0)]


def options(topics: Topics) -> SinkOptions:
    return SinkOptions(
        topics=topics.names, decisions=topics.decisions, alerts=topics.alerts, group=topics.group, session=SESSION
    )


def sink(kafka: KafkaConnection, topics: Topics, store: Store) -> Sink:
    return Sink(kafka, StoreWriter(store, 30), options(topics))


async def store_everything(kafka: KafkaConnection, topics: Topics, store: Store) -> None:
    """By the live path: the sink, then the backfill."""
    running = asyncio.create_task(sink(kafka, topics, store).run())
    try:
        await until(lambda: running.done() or everything_stored(kafka, topics, topics.decisions, topics.alerts))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    lag = await read_lag(kafka, topics.group, [topics.events])

    async def own_lag() -> Sequence[Any]:
        return lag

    await Backfill(store, own_lag, IncidentWriter(store, 30, _nobody), topics.events).catch_up()


async def _nobody(incidents: Sequence[Incident]) -> None:
    return None


def rebuild(kafka: KafkaConnection, topics: Topics, store: Store, **more: Any) -> Rebuild:
    return Rebuild(kafka, store, EMBEDDED, options(topics), decoders=1, code="test", **more)


def contents(store: Store) -> dict[str, list[str]]:
    """Every row of every table that is made from the log, merged, states as what they say."""
    return {table: _rows(store, table) for table in derived_tables()}


def _rows(store: Store, table: str) -> list[str]:
    columns = store.query(
        "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}",
        {"database": store.database, "table": table},
    )
    shown = [
        f"finalizeAggregation({name})" if kind.startswith("AggregateFunction") else name
        for name, kind in columns
        if name not in CLOCKS
    ]
    counted = " WHERE attempts > 0" if table in ("failure_windows", "incidents") else ""
    return sorted(map(repr, store.query(f"SELECT {', '.join(shown)} FROM {table} FINAL{counted}", limits=BULK_LIMITS)))
