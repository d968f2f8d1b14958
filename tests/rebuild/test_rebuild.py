"""A rebuild: every table as before, row for row, while the trail goes on, and whatever is killed."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from idtrail.stack.topics import create_topics
from producers.simulation import demo
from queries.store import Store
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from schemas.letters import Decision, Letter, Verdict
from streams.rebuild_state import States, Step
from streams.verify import Verification
from tests.alerts.records import acted, detected, logged
from tests.fixtures_kafka import Topics, until
from tests.forked import Forked
from tests.rebuild.process import main
from tests.rebuild.support import contents, options, rebuild, simulated, sink, store_everything
from tests.records import NOON, ORGANIZATION, Record, event, record_of
from tests.sink.support import ended, everything_stored, fill, sinks

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.soak]

LETTER = Letter(UUID(int=7), ORGANIZATION, "file:export.json", "element 1", "not_json", "no", NOON, 9, "gone", 0, 3)
"""Long gone from its topic."""

POINTS = ["made", "reached", "filled", "folded", "held", "compared", "swapping", "exchanged", "swapped", "dropped"]


def changed(before: dict[str, list[str]], store: Store) -> set[str]:
    """The tables that do not hold what they held."""
    after = contents(store)
    return {table for table, rows in before.items() if rows != after[table]}


async def test_after_a_rebuild_every_table_is_as_before_row_for_row(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    tail = topics.dead_letters.removeprefix("dead-letters")
    topics = replace(topics, decisions=f"letter-decisions{tail}", alerts=f"alerts{tail}")
    specs = [TopicSpec(topics.decisions, FOR_EVER, partitions=1), TopicSpec(topics.alerts, FOR_EVER)]
    await create_topics(kafka, 4, 1, specs, patience_seconds=30)
    key, value, headers = Decision(LETTER, Verdict.DISCARDED, NOON, "ada", message="test data").record()
    await fill(kafka, topics.decisions, [Record(value, headers, key=key)])
    await fill(kafka, topics.alerts, [logged(detected()), logged(acted("acknowledge", 5)), Record(b"?", key=b"?")])
    story = [record_of(one.raw) for one in demo(datetime.now(UTC) - timedelta(days=200))]
    await fill(kafka, topics.events, [*story, *simulated(500), record_of(event("nobody_knows_this"))])
    await fill(kafka, topics.events, [Record(b"{}", key=b"?"), Record(None, key=b"?")])
    await store_everything(kafka, topics, store)
    before = contents(store)
    assert [table for table, rows in before.items() if not rows] == []
    state = await rebuild(kafka, topics, store).run(accept_loss=False)
    assert (state.differences, state.step) == ([], Step.DONE)
    assert changed(before, store) == set()


async def test_a_store_that_lost_everything_gets_it_back(kafka: KafkaConnection, topics: Topics, store: Store) -> None:
    await fill(kafka, topics.events, simulated(3_000))
    await store_everything(kafka, topics, store)
    before = contents(store)
    for table in before:
        store.command(f"TRUNCATE TABLE {table}")
    state = await rebuild(kafka, topics, store).run(accept_loss=False)
    assert sum(item["after"] for item in state.differences) == len(before["events"])
    assert changed(before, store) == set()


async def test_live_events_flow_while_it_runs(kafka: KafkaConnection, topics: Topics, store: Store) -> None:
    records = simulated(6_000)
    await fill(kafka, topics.events, records[:3_000])
    live = sink(kafka, topics, store)
    running = asyncio.create_task(live.run())
    try:
        await until(lambda: live.stored == 3_000, 60)
        filling = asyncio.create_task(_trickle(kafka, topics, records[3_000:]))
        await rebuild(kafka, topics, store).run(accept_loss=False)
        await filling
        await until(lambda: live.stored == 6_000, 60)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    report = await Verification(kafka, store, options(topics), decoders=1).run()
    assert report["findings"] == []
    assert store.query("SELECT uniqExact(event_id) FROM events") == [(6_000,)]


async def test_a_verification_beside_a_busy_sink_finds_nothing(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    records = simulated(3_000)
    await fill(kafka, topics.events, records[:1_000])
    await store_everything(kafka, topics, store)
    running = asyncio.create_task(sink(kafka, topics, store).run())
    filling = asyncio.create_task(_trickle(kafka, topics, records[1_000:]))
    reports = []
    try:
        while not filling.done():
            reports.append(await Verification(kafka, store, options(topics), decoders=1, pause_seconds=0.1).run())
        await filling
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert [report["findings"] for report in reports] == [[]] * len(reports)


async def _trickle(kafka: KafkaConnection, topics: Topics, records: list[Record]) -> None:
    for start in range(0, len(records), 100):
        await fill(kafka, topics.events, records[start : start + 100])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_any_step_it_goes_on_and_ends_the_same(
    kafka: KafkaConnection, topics: Topics, http_store: Store, front: str, tmp_path: Path, point: str
) -> None:
    records = simulated(1_500)
    await fill(kafka, topics.events, records[:1_000])
    await store_everything(kafka, topics, http_store)
    with sinks(kafka, topics, front, http_store, tmp_path) as live:
        live.start(flight_rows=200)
        dying = _start(
            kafka, topics, http_store, front, tmp_path, die_at=point, die_after=3 if point == "exchanged" else 1
        )
        await fill(kafka, topics.events, records[1_000:])
        assert await ended(dying, 100) == -signal.SIGKILL
        assert await ended(_start(kafka, topics, http_store, front, tmp_path), 100) == 0
        await until(lambda: everything_stored(kafka, topics), 60)
    latest = States(http_store).latest()
    assert latest is not None
    assert latest.step is Step.DONE
    assert not http_store.query(f"SELECT 1 FROM system.databases WHERE name = '{http_store.database}_rebuild'")
    report = await Verification(kafka, http_store, options(topics), decoders=1).run()
    assert report["findings"] == []
    await store_everything(kafka, topics, http_store)
    before = contents(http_store)
    await rebuild(kafka, topics, http_store).run(accept_loss=False)
    assert changed(before, http_store) == set()


def _start(kafka: KafkaConnection, topics: Topics, store: Store, front: str, directory: Path, **more: Any) -> Forked:
    arguments = {
        "bootstrap": kafka.bootstrap,
        "store": front,
        "database": store.database,
        "topics": topics.names,
        "group": topics.group,
        **more,
    }
    return Forked(main, arguments, directory / "rebuild.log")
