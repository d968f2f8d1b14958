"""Reads stretches of the log again, from first to last, independently of its other readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.consumers import stop_consumer
from schemas.kafka import KafkaConnection
from streams.rows import LogRecord

FETCH_BYTES: Final = 8 * 1024 * 1024
POLL_MS: Final = 200
PART_BYTES: Final = 32 * 1024 * 1024
"""Size of a part, in bytes of values and headers: one part is held in memory, and inserted by one statement."""

Place = tuple[str, int]
"""Topic and partition."""


class Stretch(NamedTuple):
    """Offsets of one partition, the end excluded."""

    topic: str
    partition: int
    first: int
    end: int


def stretches(begin: Mapping[Place, int], end: Mapping[Place, int], size: int) -> Iterator[Stretch]:
    """Yields the range in stretches that end at multiples of `size`: the same ones after any restart."""
    for place in sorted(end):
        first = begin[place]
        while first < end[place]:
            last = min(end[place], (first // size + 1) * size)
            yield Stretch(*place, first, last)
            first = last


class SpanReader:
    """A consumer without a group. Consecutive stretches of a partition are read without seeking."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._consumer: Any = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH_BYTES,
            **connection.options(),
        )
        self._at: tuple[TopicPartition, int] | None = None

    async def __aenter__(self) -> SpanReader:
        await self._consumer.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await stop_consumer(self._consumer)

    async def parts(self, stretch: Stretch) -> AsyncIterator[tuple[Stretch, list[LogRecord]]]:
        """Yields all records of a stretch in parts of at most `PART_BYTES`, each with at least one record; an empty
        stretch gives one empty part. The cuts do not depend on how the records arrive. If the stretch ends after the
        log does, waits for the records.

        Raises `KafkaError`.
        """
        place = TopicPartition(stretch.topic, stretch.partition)
        if self._at != (place, stretch.first):
            self._consumer.assign([place])
            self._consumer.seek(place, stretch.first)
        self._at = None  # unknown until the stretch is read to its end
        part: list[LogRecord] = []
        begin = at = stretch.first
        held = 0
        while at < stretch.end:
            batch = await self._consumer.getmany(place, timeout_ms=POLL_MS, max_records=stretch.end - at)
            records = batch.get(place, [])
            for record in records:
                if record.offset >= stretch.end:
                    break
                size = _bytes(record)
                if part and held + size > PART_BYTES:
                    yield stretch._replace(first=begin, end=record.offset), part
                    part, begin, held = [], record.offset, 0
                part.append(record)
                held += size
            # Transaction markers and aborted records have offsets, but are no records.
            at = records[-1].offset + 1 if records else await self._consumer.position(place)
        self._at = (place, at)
        yield stretch._replace(first=begin), part


def _bytes(record: LogRecord) -> int:
    return len(record.value or b"") + sum(len(value) for _, value in record.headers)
