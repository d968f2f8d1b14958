"""How far the sink's group is behind the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from broker.consumers import stop_consumer
from broker.refusal import failure
from schemas.errors import BrokerAway
from schemas.kafka import KafkaConnection


class Lag(NamedTuple):
    """The lag of one partition: where the log ends, and up to where everything is stored."""

    topic: str
    partition: int
    end: int
    """Offset of the next record to be written."""
    stored: int
    """All records before this offset are stored; the beginning of the log if none are. Always within what the log
    holds, even if the log has lost more than was committed."""

    @property
    def behind(self) -> int:
        """The number of records on the log that are not yet stored."""
        return self.end - self.stored


async def read_lag(connection: KafkaConnection, group: str, topics: Sequence[str]) -> list[Lag]:
    """Return the lag of every partition of `topics`. Raises `BrokerAway`, or `BrokerRefuses` when the broker refuses
    the connection."""
    admin = AIOKafkaAdminClient(**connection.options())
    # The consumer waits this long between asking where a topic is and asking for its offsets: with the default, four
    # tenths of a second for all topics.
    consumer = AIOKafkaConsumer(retry_backoff_ms=10, **connection.options())
    try:
        await admin.start()
        await consumer.start()
        committed = await admin.list_consumer_group_offsets(group)
        places = await _places(admin, topics)
        beginnings = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        return [
            Lag(
                place.topic,
                place.partition,
                ends[place],
                min(ends[place], max(beginnings[place], committed[place].offset if place in committed else 0)),
            )
            for place in sorted(places)
        ]
    except (KafkaError, OSError) as error:
        raise await failure(connection, error) from error
    finally:
        await stop_consumer(consumer)
        await admin.close()


async def rewind(connection: KafkaConnection, group: str, offsets: Mapping[tuple[str, int], int]) -> None:
    """Make a group without members read partitions from these offsets again, under new tokens.

    Raises `BrokerAway`, also while a worker is in the group.
    """
    consumer = AIOKafkaConsumer(group_id=group, enable_auto_commit=False, **connection.options())
    try:
        await consumer.start()
        places = {TopicPartition(*place): (offset, "") for place, offset in offsets.items()}
        consumer.assign(list(places))
        await consumer.commit(places)
    except (KafkaError, OSError) as error:
        raise BrokerAway(f"the group {group} cannot be rewound while others are in it: {error!r}") from error
    finally:
        await stop_consumer(consumer)


class Bounds(NamedTuple):
    """The bounds of what a partition of the log holds."""

    begin: int
    end: int
    """Offset of the next record to be written."""


async def read_bounds(connection: KafkaConnection, topics: Sequence[str]) -> dict[tuple[str, int], Bounds]:
    """Return the bounds by topic and partition. Raises `BrokerAway`, or `BrokerRefuses` when the broker refuses the
    connection."""
    admin = AIOKafkaAdminClient(**connection.options())
    consumer = AIOKafkaConsumer(**connection.options())
    try:
        await admin.start()
        await consumer.start()
        places = await _places(admin, topics)
        beginnings = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        return {(place.topic, place.partition): Bounds(beginnings[place], ends[place]) for place in places}
    except (KafkaError, OSError) as error:
        raise await failure(connection, error) from error
    finally:
        await stop_consumer(consumer)
        await admin.close()


async def _places(admin: Any, topics: Sequence[str]) -> list[TopicPartition]:
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in await admin.describe_topics(list(topics))
        for partition in topic["partitions"]
    ]
