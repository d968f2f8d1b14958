"""Holding sinks: what is committed stands still, and they go on by themselves."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from queries.store import Store
from schemas.kafka import KafkaConnection
from streams.hold import hold
from streams.sink import Sink, SinkOptions
from streams.writer import StoreWriter
from tests.fixtures_kafka import Topics, until
from tests.records import event, record_of
from tests.sink.support import fill

pytestmark = [pytest.mark.kafka, pytest.mark.store]


@pytest.mark.soak
async def test_sinks_stand_still_while_held_and_go_on_afterwards(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    options = SinkOptions(topics=topics.names, group=topics.group, session=timedelta(seconds=2))
    writer = StoreWriter(store, 30, events=topics.events, dead_letters=topics.dead_letters)
    sink = Sink(kafka, writer, options)
    running = asyncio.create_task(sink.run())
    try:
        await fill(kafka, topics.events, [record_of(event()) for _ in range(20)])
        await until(lambda: sink.stored == 20)
        async with hold(kafka, topics.group, (*topics.names[:2], topics.decisions), timedelta(seconds=2)) as held:
            assert sum(offset for (topic, _), offset in held.barrier.items() if topic == topics.events) == 20
            assert sink.partitions() == set()
            await fill(kafka, topics.events, [record_of(event()) for _ in range(10)])
            assert await held.still()
            assert sink.stored == 20
        await until(lambda: sink.stored == 30)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
