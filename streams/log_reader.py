"""Reads single records back from the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from broker.consumers import stop_consumer
from broker.refusal import failure
from schemas.envelope import Header
from schemas.errors import NotFound
from schemas.kafka import KafkaConnection
from schemas.letters import Coordinates

ANSWER_SECONDS: Final = 10.0
"""How long to wait for one record."""


class Logged(NamedTuple):
    """What the log has at one place."""

    value: bytes
    headers: tuple[Header, ...]


async def read_record(connection: KafkaConnection, topic: str, partition: int, offset: int) -> bytes:
    """Return the value of one record. Raises `NotFound` when the log no longer has it, `BrokerAway`."""
    place = Coordinates(topic, partition, offset)
    found = await read_records(connection, [place])
    if place not in found:
        raise NotFound(f"{topic}[{partition}]@{offset} is no longer on the log")
    return found[place].value


async def read_records(connection: KafkaConnection, places: Iterable[Coordinates]) -> Mapping[Coordinates, Logged]:
    """Return those records that the log still has. Raises `BrokerAway`."""
    wanted: dict[TopicPartition, list[int]] = {}
    for topic, partition, offset in sorted(places):
        wanted.setdefault(TopicPartition(topic, partition), []).append(offset)
    if not wanted:
        return {}
    found: dict[Coordinates, Logged] = {}
    consumer = AIOKafkaConsumer(**connection.options())
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await consumer.start()
            consumer.assign(list(wanted))
            beginnings = await consumer.beginning_offsets(list(wanted))
            ends = await consumer.end_offsets(list(wanted))
        for place, offsets in wanted.items():
            for offset in offsets:
                if not beginnings[place] <= offset < ends[place]:
                    continue
                consumer.seek(place, offset)
                async with asyncio.timeout(ANSWER_SECONDS):
                    record = await consumer.getone(place)
                if record.offset == offset:  # else it is the first record after a gap
                    at = Coordinates(place.topic, place.partition, offset)
                    found[at] = Logged(bytes(record.value or b""), tuple(record.headers))
    except (KafkaError, OSError, TimeoutError) as error:
        raise await failure(connection, error) from error
    finally:
        await stop_consumer(consumer)
    return found
