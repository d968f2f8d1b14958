"""Reading single records back from the log."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from producers.refusal import failure
from schemas.errors import NotFound
from schemas.kafka import KafkaConnection

ANSWER_SECONDS: Final = 10.0


async def read_record(connection: KafkaConnection, topic: str, partition: int, offset: int) -> bytes:
    """The value of one record. Raises `NotFound` when the log no longer has it, `BrokerAway`."""
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(**connection.options())
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await consumer.start()
            consumer.assign([place])
            beginnings = await consumer.beginning_offsets([place])
            ends = await consumer.end_offsets([place])
            if not beginnings[place] <= offset < ends[place]:
                raise NotFound(f"{topic}[{partition}]@{offset} is not on the log any more")
            consumer.seek(place, offset)
            record = await consumer.getone(place)
            return bytes(record.value or b"")
    except (KafkaError, OSError, TimeoutError) as error:
        raise await failure(connection, error) from error
    finally:
        await consumer.stop()
