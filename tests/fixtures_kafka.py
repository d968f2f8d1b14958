"""The broker that all tests share, and topics of their own for each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from idtrail.stack.topics import create_topics
from schemas.kafka import ALERTS, FOR_EVER, INCIDENTS, LETTER_DECISIONS, TOPICS, KafkaConnection, TopicSpec
from tests.holder import shared


@pytest.fixture(scope="session")
def of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of a run know."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def kafka(of_the_run: Path) -> Iterator[KafkaConnection]:
    """A running broker."""
    with shared("kafka", of_the_run) as address:
        yield KafkaConnection(address)


@dataclass(frozen=True)
class Topics:
    """The topics of one test."""

    events: str
    dead_letters: str
    provisioning: str
    group: str
    decisions: str = LETTER_DECISIONS
    alerts: str = ALERTS
    """These two are shared, and empty, unless a test makes its own."""

    @property
    def names(self) -> tuple[str, str, str]:
        return self.events, self.dead_letters, self.provisioning


@pytest.fixture
async def topics(kafka: KafkaConnection) -> AsyncIterator[Topics]:
    """Four partitions each, named for this test alone.

    At its end they are deleted, with all others whose names have the same tail: every client that begins asks the
    broker for all topics there are, and with hundreds of them that takes most of its time.
    """
    tail = uuid4().hex[:8]
    made = Topics(f"events-{tail}", f"dead-letters-{tail}", f"provisioning-{tail}", f"sink-{tail}")
    own = [TopicSpec(name, FOR_EVER) for name in made.names]
    common = [topic for topic in TOPICS if topic.name in (INCIDENTS, LETTER_DECISIONS, ALERTS)]
    await create_topics(kafka, 4, 1, [*own, *common], patience_seconds=30)
    yield made
    admin = AIOKafkaAdminClient(**kafka.options())
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if tail in name])
    finally:
        await admin.close()


@pytest.fixture
async def producer(kafka: KafkaConnection) -> AsyncIterator[AIOKafkaProducer]:
    """A plain producer, for putting on the log what the emitter never would."""
    async with AIOKafkaProducer(**kafka.options(), acks="all", enable_idempotence=True) as plain:
        yield plain


async def until(condition: Callable[[], bool | Coroutine[Any, Any, bool]], seconds: float = 30) -> None:
    """Wait for a condition, at most `seconds`. It is asked less often the longer it takes: most ask a broker."""
    pause = 0.05
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if await answer if isinstance(answer, Coroutine) else answer:
                return
            await asyncio.sleep(pause)
            pause = min(1.2 * pause, 0.3)
