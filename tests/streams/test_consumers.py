"""A consumer that is stopped tells nobody that he is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NodeNotReadyError

from broker.consumers import stop_consumer
from schemas.errors import BrokerAway
from schemas.kafka import KafkaConnection
from streams.hold import hold
from streams.lag import read_bounds, read_lag
from tests.fixtures_kafka import Topics

pytestmark = pytest.mark.kafka


async def _hold(kafka: KafkaConnection, topics: Topics) -> None:
    async with hold(kafka, topics.group, [topics.events], timedelta(seconds=2)):
        raise AssertionError("it holds")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda kafka, topics: read_lag(kafka, topics.group, [topics.events]), id="lag"),
        pytest.param(lambda kafka, topics: read_bounds(kafka, [topics.events]), id="bounds"),
        pytest.param(_hold, id="hold"),
    ],
)
async def test_a_hiccup_of_the_broker_is_a_broker_that_is_away(
    kafka: KafkaConnection,
    topics: Topics,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[KafkaConnection, Topics], Awaitable[object]],
) -> None:
    async def away(*arguments: object, **options: object) -> None:
        raise NodeNotReadyError("node id None")

    monkeypatch.setattr(AIOKafkaAdminClient, "list_consumer_group_offsets", away)
    monkeypatch.setattr(AIOKafkaAdminClient, "describe_topics", away)
    before = asyncio.all_tasks()
    with pytest.raises(BrokerAway, match="NodeNotReadyError"):
        await call(kafka, topics)
    left = asyncio.all_tasks() - before
    await asyncio.wait(left, timeout=5) if left else None
    assert not [task for task in left if not task.done()]


async def test_who_stops_one_and_is_cancelled_is_cancelled(kafka: KafkaConnection) -> None:
    consumer = AIOKafkaConsumer(**kafka.options())
    await consumer.start()
    stopping = asyncio.create_task(stop_consumer(consumer))
    asyncio.get_running_loop().call_soon(partial(stopping.cancel))
    with pytest.raises(asyncio.CancelledError):
        await stopping
