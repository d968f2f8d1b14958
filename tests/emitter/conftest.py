"""Fixtures of the emitter's tests: a broker that may be killed, and topics of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.kafka import LETTER_DECISIONS, KafkaConnection
from tests.emitter.broker import PARTITIONS, OwnBroker
from tests.emitter.support import FullDisk


@pytest.fixture(scope="package")
def broker_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnBroker]:
    broker = OwnBroker(tmp_path_factory.mktemp("broker") / "node")
    try:
        yield broker
    finally:
        broker.kill()


@pytest.fixture
def broker(broker_process: OwnBroker) -> OwnBroker:
    """Running when the test begins, whatever the one before did to it."""
    if not broker_process.running:
        broker_process.start()
    return broker_process


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


@dataclass(frozen=True)
class Topics:
    connection: KafkaConnection
    events: str
    dead_letters: str


@pytest.fixture
async def topics(broker: OwnBroker) -> Topics:
    """An events and a dead-letters topic that nothing else writes to."""
    name = uuid4()
    made = Topics(broker.connection, f"events-{name}", f"dead-letters-{name}")
    admin = AIOKafkaAdminClient(**made.connection.options())
    await admin.start()
    try:
        names = (made.events, made.dead_letters, LETTER_DECISIONS)
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    finally:
        await admin.close()
    return made
