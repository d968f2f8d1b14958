"""What is read again is cut as before: by bytes, and up to where it was to be filled."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import TopicPartition

from queries.store import Store
from schemas.kafka import KafkaConnection
from streams import rebuild as module
from streams import span_reader
from streams.decoders import Read
from streams.filling import inserting
from streams.replaying import Handle
from streams.span_reader import SpanReader, Stretch
from tests.fixtures_kafka import Topics
from tests.rebuild.support import rebuild, simulated, store_everything
from tests.records import Record
from tests.sink.support import fill


class Consumer:
    """A partition without the offsets 7 to 9, handed out in batches."""

    def __init__(self, batch: int, sizes: list[int]) -> None:
        self.records = [Record(b"x" * size, [("h", b"1")], n) for n, size in enumerate(sizes) if not 7 <= n <= 9]
        self.batch = batch
        self.at = 0

    def assign(self, places: list[TopicPartition]) -> None:
        pass

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.at = offset

    async def position(self, place: TopicPartition) -> int:
        return 10

    async def getmany(self, place: TopicPartition, *, max_records: int, **more: Any) -> dict[TopicPartition, Any]:
        found = [record for record in self.records if record.offset >= self.at][: min(self.batch, max_records)]
        if found:
            self.at = found[-1].offset + 1
        return {place: found}


@pytest.mark.parametrize("batch", [1, 3, 100])
async def test_a_stretch_is_read_in_parts_of_few_bytes_cut_the_same_however_it_comes(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_reader, "PART_BYTES", 100)
    reader = SpanReader.__new__(SpanReader)
    reader._consumer, reader._at = Consumer(batch, [40, 40, 40, 500, 10, 10, 10, 0, 0, 0]), None
    parts = [
        (part[2:], [one.offset for one in records]) async for part, records in reader.parts(Stretch("e", 0, 0, 10))
    ]
    assert parts == [((0, 2), [0, 1]), ((2, 3), [2]), ((3, 4), [3]), ((4, 10), [4, 5, 6])]


class Killed(Exception):
    pass


@pytest.mark.kafka
@pytest.mark.store
async def test_what_was_inserted_before_a_kill_is_not_inserted_again_though_more_has_come(
    kafka: KafkaConnection, topics: Topics, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = simulated(120)
    await fill(kafka, topics.events, records[:80])
    await store_everything(kafka, topics, store)

    def dying(into: Store, name: str) -> Handle:
        insert = inserting(into, name)

        async def once(stretch: Stretch, read: Read) -> None:
            await insert(stretch, read)
            if read.blocks:
                raise Killed

        return once

    store.command("SYSTEM STOP MERGES")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(module, "inserting", dying)
            with pytest.raises(Killed):
                await rebuild(kafka, topics, store).run(accept_loss=False)
        await fill(kafka, topics.events, records[80:])
        await store_everything(kafka, topics, store)
        await rebuild(kafka, topics, store).run(accept_loss=False)
        assert store.query("SELECT count(), uniqExact(log_partition, log_offset) FROM events") == [(120, 120)]
    finally:
        store.command("SYSTEM START MERGES")
