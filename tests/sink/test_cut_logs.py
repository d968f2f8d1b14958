"""A log that was cut behind the sink's back: what is new is stored, and what is gone is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from queries.checks.blindness import cut_logs
from queries.checks.habits import read_cuts
from queries.store import Store
from schemas.kafka import KafkaConnection
from schemas.letters import LOST_BEGINNING, LOST_END
from streams.blocks import Block
from streams.sink import Sink
from streams.writer import StoreWriter
from tests.fixtures_kafka import Topics, until
from tests.sink.test_sink import options, records

pytestmark = [pytest.mark.kafka, pytest.mark.store]


async def put_apart(producer: AIOKafkaProducer, topics: Topics, count: int) -> list[int]:
    """Records of one partition, each of a millisecond of its own; the append times."""
    times: list[int] = []
    for record in records(count):
        put = await producer.send_and_wait(topics.events, record.value, partition=0, headers=record.headers)
        times.append(put.timestamp)
        await until(lambda put=put: time.time() * 1000 >= put.timestamp + 1)  # type: ignore[misc]  # because of the default
    assert sorted(set(times)) == times
    return times


async def commit(kafka: KafkaConnection, topics: Topics, offset: int, metadata: str) -> None:
    place = TopicPartition(topics.events, 0)
    consumer = AIOKafkaConsumer(group_id=topics.group, enable_auto_commit=False, **kafka.options())
    async with consumer:
        consumer.assign([place])
        await consumer.commit({place: (offset, metadata)})


async def delete_before(kafka: KafkaConnection, topics: Topics, offset: int) -> None:
    admin = AIOKafkaAdminClient(**kafka.options())
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topics.events, 0): RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


def stored(store: Store) -> list[int]:
    return [offset for (offset,) in store.query("SELECT log_offset FROM events ORDER BY log_offset")]


def letters(store: Store) -> list[tuple[str, str]]:
    return [(*row,) for row in store.query("SELECT reason, position FROM dead_letters FINAL ORDER BY position")]


async def run_until_told(sink: Sink, store: Store, offsets: list[int], told: int) -> None:
    """Run a sink until these are stored, and so many letters; then stop it."""
    task = asyncio.create_task(sink.run())
    try:
        await until(lambda: task.done() or (stored(store) == offsets and len(letters(store)) == told), 60)
        if task.done():
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("committed", "mark_of", "intent", "read"),
    [
        pytest.param(9, 2, "", [3, 4, 5], id="it ends before what was read"),
        pytest.param(5, 2, "", [3, 4, 5], id="it has grown beyond what was read"),
        pytest.param(2, 3, ":2-4", [2, 3, 4, 5], id="it has grown beyond a chunk in flight"),
        pytest.param(9, None, "", [0, 1, 2, 3, 4, 5], id="it ends before what an older release read"),
    ],
)
async def test_what_is_new_of_a_log_that_lost_its_end_is_stored(
    kafka: KafkaConnection,
    topics: Topics,
    store: Store,
    producer: AIOKafkaProducer,
    committed: int,
    mark_of: int | None,
    intent: str,
    read: list[int],
) -> None:
    times = await put_apart(producer, topics, 6)
    mark = "" if mark_of is None else f"@{times[mark_of]}"
    await commit(kafka, topics, committed, f"0a1b2c3d{intent}{mark}")
    await run_until_told(Sink(kafka, StoreWriter(store, 30), options(topics)), store, read, 1)
    position = 4 if intent else read[0]
    assert letters(store) == [(LOST_END, f"{topics.events}[0]@{position}")]


async def test_what_was_removed_before_it_was_stored_is_told_once(
    kafka: KafkaConnection, topics: Topics, store: Store, producer: AIOKafkaProducer
) -> None:
    times = await put_apart(producer, topics, 6)
    await commit(kafka, topics, 1, f"0a1b2c3d@{times[0]}")
    await delete_before(kafka, topics, 4)

    def die(point: str) -> None:
        if point == "told":
            raise RuntimeError("told to fail")

    with pytest.raises(RuntimeError, match="told to fail"):  # before the offset moves
        await asyncio.wait_for(Sink(kafka, StoreWriter(store, 30), options(topics), die).run(), 30)
    await run_until_told(Sink(kafka, StoreWriter(store, 30), options(topics)), store, [4, 5], 1)
    assert letters(store) == [(LOST_BEGINNING, f"{topics.events}[0]@1")]
    (blind,) = [spot for spot in cut_logs(read_cuts(store)) if topics.events in spot.name]
    assert "offsets 1 to 3 were removed" in blind.text


class CutBeneath:
    """A writer during whose first insert the log is cut before the sink's position."""

    def __init__(self, store: Store, cut: Callable[[], Awaitable[None]]) -> None:
        self._inner = StoreWriter(store, 30)
        self._cut = cut
        self.writes = 0

    async def write(self, blocks: Sequence[Block], token: str) -> None:
        self.writes += 1
        if self.writes == 1:
            await self._cut()
        await self._inner.write(blocks, token)


async def test_a_sink_whose_position_the_log_does_not_hold_looks_again_where_it_stands(
    kafka: KafkaConnection, topics: Topics, store: Store, producer: AIOKafkaProducer
) -> None:
    await put_apart(producer, topics, 3)

    async def cut() -> None:
        await delete_before(kafka, topics, 2)
        sink._consumer.seek(TopicPartition(topics.events, 0), 1)  # as of a consumer that was not as far

    writer = CutBeneath(store, cut)
    sink = Sink(kafka, writer, options(topics))
    task = asyncio.create_task(sink.run())
    try:
        await until(lambda: task.done() or writer.writes > 0, 60)
        await put_apart(producer, topics, 2)
        await until(lambda: task.done() or stored(store) == [0, 1, 2, 3, 4], 60)
        if task.done():
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert letters(store) == []
