"""Builds batches of records without `AIOKafkaProducer.send`.

`send` spends three quarters of its time on a future per record and on hashing the same keys again; `bench/emitter.py`
has the figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

from aiokafka.partitioner import murmur2

MOST_KEYS: Final = 65_536


class Keyed(Protocol):
    """A record without its topic."""

    @property
    def key(self) -> bytes: ...
    @property
    def value(self) -> bytes: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition in which every Kafka client puts a key."""
    return _hashed(key) % partitions


@lru_cache(maxsize=MOST_KEYS)
def _hashed(key: bytes) -> int:
    """Cached: in Python, hashing costs more than the rest of a send."""
    return int(murmur2(key)) & 0x7FFFFFFF


def batch_of(producer: Any, records: Sequence[Keyed], start: int) -> tuple[Any, int]:
    """Return a closed batch of the records from `start` on, as many as the producer's batch size allows and at least
    one, and the index where the next batch begins."""
    batch = producer.create_batch()
    end = start
    while end < len(records):
        record = records[end]
        if batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
            break
        end += 1
    batch.close()
    return batch, end


async def send_all(producer: Any, topic: str, records: Sequence[Keyed]) -> list[asyncio.Future[Any]]:
    """Send records of one topic, those of a partition in order. Returns the confirmations, one per batch."""
    if not records:
        return []
    count = len(await producer.partitions_for(topic))
    lanes: dict[int, list[Keyed]] = {}
    for record in records:
        lanes.setdefault(partition_of(record.key, count), []).append(record)
    sent: list[asyncio.Future[Any]] = []
    for partition, lane in lanes.items():
        start = 0
        while start < len(lane):
            batch, start = batch_of(producer, lane, start)
            sent.append(await producer.send_batch(batch, topic, partition=partition))
    return sent
