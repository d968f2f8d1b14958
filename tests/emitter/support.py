"""What the emitter's tests share: records to emit, a condition to wait for, the log read back."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from producers.spool import Spool
from schemas.envelope import Source, Trust
from schemas.kafka import KafkaConnection
from tests.records import ORGANIZATION, event

SOURCE: Final = Source("file:export.json.gz", Trust.EXPORT, ORGANIZATION)
NOW: Final = datetime(2026, 3, 19, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def raw_events(count: int, people: int = 7) -> list[bytes]:
    """Events of several people; each says by `id` which it is."""
    return [
        orjson.dumps(event(resource={"id": f"{number % people:024x}", "type": "user", "username": "ines"}))
        for number in range(count)
    ]


class FullDisk:
    """While `full`, SQLite finds no room for whatever a transaction writes."""

    full = False

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        begin = Spool._transaction

        def refused(spool: Spool) -> AbstractContextManager[sqlite3.Connection]:
            if self.full:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return begin(spool)

        patch.setattr(Spool, "_transaction", refused)


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.01)


async def read_log(connection: KafkaConnection, topic: str) -> list[Any]:
    """Every record of a topic, by partition and offset."""
    consumer = AIOKafkaConsumer(**connection.options(), auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in await _partitions(consumer, topic)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        records: list[Any] = []
        while True:
            places = [await consumer.position(partition) for partition in partitions]
            if all(place >= ends[partition] for place, partition in zip(places, partitions, strict=True)):
                return sorted(records, key=lambda record: (record.partition, record.offset))
            for found in (await consumer.getmany(timeout_ms=200)).values():
                records += found
    finally:
        await consumer.stop()


async def _partitions(consumer: Any, topic: str) -> Sequence[int]:
    await consumer._client._wait_on_metadata(topic)
    return sorted(consumer.partitions_for_topic(topic))


def ids_on(log: Sequence[Any]) -> list[UUID]:
    """The event ids in order of first appearance."""
    return list(dict.fromkeys(UUID(dict(record.headers)["ce_id"].decode()) for record in log))


def by_key(records: Sequence[Any]) -> dict[bytes, list[bytes]]:
    """The values of each key, in order of first appearance."""
    found: dict[bytes, dict[bytes, None]] = {}
    for record in records:
        found.setdefault(record.key, {}).setdefault(record.value)
    return {key: list(values) for key, values in found.items()}
