"""Holding sinks: what is committed stands still, and they go on by themselves."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.protocol.metadata import MetadataResponse_v0

from queries.store import Store
from schemas.kafka import KafkaConnection
from streams.hold import HOLDER, HOLDING, SinkAssignor, hold
from streams.sink import Sink, SinkOptions
from streams.writer import StoreWriter
from tests.fixtures_kafka import Topics, until
from tests.records import event, record_of
from tests.sink.support import fill


@pytest.mark.parametrize(
    ("told", "holder"),
    [
        pytest.param({"a": b"", "b": HOLDER}, "b", id="one that would hold"),
        pytest.param({"a": HOLDER, "b": HOLDER}, "a", id="of two that would hold one"),
        pytest.param({"a": HOLDER, "b": HOLDING, "c": b""}, "b", id="the one that holds, whoever else would"),
    ],
)
def test_everything_is_given_to(told: dict[str, bytes], holder: str) -> None:
    cluster = ClusterMetadata()
    partitions = [(0, partition, 1, [1], [1]) for partition in range(3)]
    cluster.update_metadata(MetadataResponse_v0([(1, "broker", 9092)], [(0, "events", partitions)]))
    members = {name: ConsumerProtocolMemberMetadata(0, ["events"], what) for name, what in told.items()}
    given = {name: one.partitions() for name, one in SinkAssignor.assign(cluster, members).items()}
    assert {name: len(places) for name, places in given.items()} == dict.fromkeys(told, 0) | {holder: 3}


@pytest.mark.kafka
@pytest.mark.store
@pytest.mark.soak
async def test_sinks_stand_still_while_held_and_go_on_afterwards(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    options = SinkOptions(topics=topics.names, group=topics.group, session=timedelta(seconds=2))
    writer = StoreWriter(store, 30)
    sink = Sink(kafka, writer, options)
    running = asyncio.create_task(sink.run())
    try:
        await fill(kafka, topics.events, [record_of(event()) for _ in range(20)])
        await until(lambda: sink.stored == 20)
        async with hold(kafka, topics.group, options.stored, timedelta(seconds=2)) as held:
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
