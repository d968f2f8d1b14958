"""From the barrier on: what sinks stored while tables were exchanged is in the new ones, once, whoever exchanges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest

from queries.generation import PLACED, Generation
from queries.store import Store
from schemas.kafka import KafkaConnection
from streams import rebuild as module
from streams.blocks import Block
from streams.rebuild_state import RebuildState, States, Step
from streams.sink import Sink
from streams.verify import Verification
from streams.writer import StoreWriter
from tests.fixtures_kafka import Topics, until
from tests.rebuild.support import EMBEDDED, contents, options, rebuild, simulated, store_everything
from tests.sink.support import fill

pytestmark = pytest.mark.store


def begun(store: Store, step: Step, **more: Any) -> None:
    """A rebuild that was killed at that step."""
    state = RebuildState(rebuild_id=uuid4().hex, owner=uuid4().hex, code="test", step=step)
    States(store).save(state.changed(**more))


@pytest.mark.kafka
async def test_what_went_into_the_old_tables_is_added_and_nothing_is_there_twice(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    await fill(kafka, topics.events, simulated(300))
    await store_everything(kafka, topics, store)
    before = contents(store)
    # Events are exchanged first: what is not in theirs is in no other table.
    for number, table in enumerate(("events", "events_by_subject", "attempts_by_application", "attempts")):
        store.command(
            f"DELETE FROM {table} WHERE cityHash64(event_id) % 8 IN (0, {number}) SETTINGS mutations_sync = 2",
        )
    for table in PLACED:
        store.command(f"SYSTEM STOP MERGES `{store.database}`.{table}")
    for table in ("account_marks", "associations", "incidents"):
        store.command(f"TRUNCATE TABLE {table}")
    begun(store, Step.SETTLING)
    finished = await rebuild(kafka, topics, store).finish()
    assert finished is not None
    assert finished.step is Step.DONE
    assert {table for table, rows in contents(store).items() if rows != before[table]} == set()
    twice = "GROUP BY log_topic, log_partition, log_offset HAVING count() > 1"
    assert [table for table in PLACED if store.query(f"SELECT 1 FROM {table} {twice}")] == []


@pytest.mark.kafka
@pytest.mark.soak
async def test_a_flight_that_lands_in_the_old_tables_is_waited_for(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    old = Generation(store, EMBEDDED).make()
    landing, go = asyncio.Event(), asyncio.Event()

    class Late(StoreWriter):
        async def write(self, blocks: Sequence[Block], token: str) -> None:
            landing.set()
            await go.wait()
            await super().write(blocks, token)

    await fill(kafka, topics.events, simulated(200))
    late = Late(old, 30)
    sink = Sink(kafka, late, options(topics))
    running = asyncio.create_task(sink.run())
    finishing: asyncio.Task[RebuildState | None] | None = None
    try:
        await until(lambda: landing.is_set() or running.done(), 60)
        begun(store, Step.SETTLING)
        finishing = asyncio.create_task(rebuild(kafka, topics, store).finish())
        await until(lambda: not sink.partitions() or finishing.done(), 60)
        go.set()
        assert await finishing is not None
    finally:
        for task in (running, finishing):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        old.close()
    await store_everything(kafka, topics, store)
    assert store.query("SELECT count(), uniqExact(event_id) FROM events") == [(200, 200)]
    report = await Verification(kafka, store, options(topics), decoders=1).run()
    assert report["findings"] == []


class Lost:
    """A hold that is lost after a while."""

    def __init__(self, checks: int) -> None:
        self.barrier: dict[tuple[str, int], int] = {}
        self.checks = checks

    async def still(self) -> bool:
        self.checks -= 1
        return self.checks >= 0


async def test_whoever_does_not_hold_the_sinks_exchanges_nothing(
    store: Store, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = Generation(store, EMBEDDED)
    generation.make().close()
    tables = generation.tables()
    begun(store, Step.SWAPPING, tables=tables)
    waiting: list[int] = []
    holds = [Lost(2), Lost(0), Lost(1_000)]

    @asynccontextmanager
    async def hold(*arguments: Any) -> AsyncIterator[Lost]:
        waiting.append(len(generation.waiting(tables)))
        yield holds.pop(0)

    monkeypatch.setattr(module, "hold", hold)
    finished = await rebuild(KafkaConnection("unused:9092"), topics, store).finish()
    assert finished is not None
    assert finished.step is Step.DONE
    assert waiting == [len(tables), len(tables) - 2, len(tables) - 2]


async def test_an_exchange_that_another_process_ended_meanwhile_is_left_alone(
    store: Store, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = Generation(store, EMBEDDED)
    generation.make().close()
    tables = generation.tables()
    begun(store, Step.SWAPPING, tables=tables)

    @asynccontextmanager
    async def hold(*arguments: Any) -> AsyncIterator[Lost]:
        """The other one held until now."""
        generation.exchange(tables)
        latest = States(store).latest()
        assert latest is not None
        States(store).save(latest.changed(step=Step.DROPPING))
        yield Lost(1_000)

    monkeypatch.setattr(module, "hold", hold)
    assert await rebuild(KafkaConnection("unused:9092"), topics, store).finish() is None
    assert generation.waiting(tables) == []
    generation.drop()
