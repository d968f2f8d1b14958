"""A group in which a worker of another version is, or was."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupAuthorizationFailedError
from structlog.testing import capture_logs

from schemas.errors import BrokerAway, BrokerRefuses, Fatal
from schemas.kafka import KafkaConnection
from streams import joining
from streams.blocks import Block
from streams.hold import hold
from streams.sink import Sink
from tests.fixtures_kafka import Topics, until
from tests.sink.test_sink import options

pytestmark = pytest.mark.kafka


class Nowhere:
    """A writer that keeps nothing. The topics of alerts and decisions are everybody's, and may hold records."""

    async def write(self, blocks: Sequence[Block], token: str) -> None:
        pass


def other_version(kafka: KafkaConnection, topics: Topics) -> AIOKafkaConsumer:
    """A member that shares partitions out by other means."""
    return AIOKafkaConsumer(topics.events, group_id=topics.group, **kafka.options())


async def test_a_worker_of_another_version_is_waited_for(kafka: KafkaConnection, topics: Topics) -> None:
    other = other_version(kafka, topics)
    await other.start()
    sink = Sink(kafka, Nowhere(), options(topics))
    with capture_logs() as logged:
        task = asyncio.create_task(sink.run())
        try:
            await until(lambda: task.done() or any("another version" in line["event"] for line in logged), 30)
            with pytest.raises(BrokerAway, match="another version"):
                async with hold(kafka, topics.group, [topics.events], timedelta(seconds=2)):
                    raise AssertionError("it holds")
            await other.stop()
            await until(lambda: task.done() or len(sink.partitions()) > 0, 30)
            assert not task.done()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_a_worker_of_another_version_that_stays_is_named(
    kafka: KafkaConnection, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "JOIN_SECONDS", 0.5)
    other = other_version(kafka, topics)
    await other.start()
    try:
        with pytest.raises(Fatal, match=rf"another version has been in the group {topics.group}"):
            await asyncio.wait_for(Sink(kafka, Nowhere(), options(topics)).run(), 30)
    finally:
        await other.stop()


async def test_a_sink_that_is_not_let_in_again_after_a_rebalance_ends(
    kafka: KafkaConnection, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*arguments: object) -> None:
        raise GroupAuthorizationFailedError(topics.group)

    sink = Sink(kafka, Nowhere(), options(topics))
    task = asyncio.create_task(sink.run())
    await until(lambda: task.done() or len(sink.partitions()) > 0, 30)
    coordinator = sink._consumer._coordinator
    monkeypatch.setattr(coordinator, "_do_rejoin_group", refuse)
    coordinator.request_rejoin()
    with pytest.raises(BrokerRefuses, match="GroupAuthorizationFailedError"):
        await asyncio.wait_for(task, 30)
