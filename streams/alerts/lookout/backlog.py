"""Tells whether the records that wait to be stored are fresh or a backfill."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from aiokafka.errors import KafkaError

from broker.refusal import failure
from schemas.errors import RecordError
from schemas.kafka import KafkaConnection
from streams.lag import Lag
from streams.rows import LogRecord, is_fresh, read
from streams.span_reader import SpanReader, Stretch


async def live_waits(connection: KafkaConnection, lag: Sequence[Lag], horizon: timedelta) -> bool:
    """Whether in any of these partitions the next event to be stored is fresh. Raises `BrokerAway`, `BrokerRefuses`."""
    heads = [Stretch(place.topic, place.partition, place.stored, place.stored + 1) for place in lag if place.behind]
    if not heads:
        return False
    try:
        async with SpanReader(connection) as reader:
            for head in heads:
                async for _, records in reader.parts(head):
                    if any(_fresh(record, horizon) for record in records):
                        return True
    except (KafkaError, OSError) as error:
        raise await failure(connection, error) from error
    return False


def _fresh(record: LogRecord, horizon: timedelta) -> bool:
    try:
        logged = read(record)
    except RecordError:
        return False  # it becomes a dead letter, and then the next record is looked at
    return is_fresh(logged.moment, logged.known_at, horizon)
