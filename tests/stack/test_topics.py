"""Topics: made once, never changed, with the broker's clock on every record."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from structlog.testing import capture_logs

from idtrail.stack.kafka import MAX_MESSAGE_BYTES
from idtrail.stack.topics import _configuration, _refusal, _until_listed, create_topics, examine_topics
from schemas.errors import BadUsage, BrokerAway, Fatal
from schemas.kafka import DAY_MS, FOR_EVER, LARGEST_RECORD, TOPICS, KafkaConnection, TopicSpec
from streams.alerts.live import LARGEST_ENTRY
from streams.worker import WORKER_TOPICS, make_app


@pytest.fixture
def spec() -> TopicSpec:
    return TopicSpec(f"topics-{uuid4().hex[:8]}", 7 * DAY_MS)


async def _partitions(kafka: KafkaConnection, topic: str) -> int:
    admin = AIOKafkaAdminClient(**kafka.options())
    await admin.start()
    try:
        (description,) = await admin.describe_topics([topic])
        return len(description["partitions"])
    finally:
        await admin.close()


async def _configured(kafka: KafkaConnection, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(**kafka.options())
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}
    finally:
        await admin.close()


@pytest.mark.kafka
async def test_a_topic_is_made_as_specified(kafka: KafkaConnection, spec: TopicSpec) -> None:
    await create_topics(kafka, 3, 1, [spec], patience_seconds=20)
    assert await _partitions(kafka, spec.name) == 3
    configured = await _configured(kafka, spec.name)
    assert configured["message.timestamp.type"] == "LogAppendTime"
    assert configured["retention.ms"] == str(7 * DAY_MS)
    assert configured["cleanup.policy"] == "delete"


@pytest.mark.kafka
async def test_making_it_again_changes_nothing_and_a_differing_count_is_said(
    kafka: KafkaConnection, spec: TopicSpec
) -> None:
    await create_topics(kafka, 3, 1, [spec], patience_seconds=20)
    with capture_logs() as said:
        await create_topics(kafka, 3, 1, [spec], patience_seconds=20)
    assert said == []
    with capture_logs() as said:
        await create_topics(kafka, 5, 1, [spec], patience_seconds=20)
    assert [(entry["topic"], entry["partitions"], entry["setting"]) for entry in said] == [(spec.name, 3, 5)]
    assert await _partitions(kafka, spec.name) == 3


async def _make(kafka: KafkaConnection, topic: str, **settings: str) -> None:
    """As somebody else would, with settings of their own."""
    admin = AIOKafkaAdminClient(**kafka.options())
    await admin.start()
    try:
        configs = {name.replace("_", "."): value for name, value in settings.items()}
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=configs)])
        await _until_listed(admin, {topic})
    finally:
        await admin.close()


@pytest.mark.kafka
async def test_a_topic_that_forgets_what_is_kept_for_ever_stops_the_start(kafka: KafkaConnection) -> None:
    truth = TopicSpec(f"topics-{uuid4().hex[:8]}", FOR_EVER)
    await _make(kafka, truth.name, retention_ms=str(7 * DAY_MS))
    told = rf"topic {truth.name} has retention.ms={7 * DAY_MS}, needed is -1: .* gone after 7 days"
    with pytest.raises(BadUsage, match=told):
        await create_topics(kafka, 1, 1, [truth], patience_seconds=20)
    absent = TopicSpec(f"topics-{uuid4().hex[:8]}", FOR_EVER)
    lacks, objection = await examine_topics(kafka, [truth, absent])
    assert objection.breaks
    assert lacks.breaks
    assert str(lacks) == f"topic {absent.name} is missing: a worker creates it when it starts"


@pytest.mark.kafka
async def test_an_unwise_topic_is_used_and_said(kafka: KafkaConnection, spec: TopicSpec) -> None:
    await _make(kafka, spec.name, retention_ms=str(DAY_MS))
    with capture_logs() as said:
        await create_topics(kafka, 1, 1, [spec], patience_seconds=20)
    assert [entry["event"] for entry in said] == ["topic is set unwisely"]
    assert f"retention.ms={DAY_MS}" in said[0]["reason"]


@pytest.mark.kafka
async def test_a_refused_topic_is_fatal_and_named(kafka: KafkaConnection, spec: TopicSpec) -> None:
    with pytest.raises(Fatal, match=rf"Kafka refused to make the topic {spec.name}: "):
        await create_topics(kafka, 1, 3, [spec], patience_seconds=20)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        pytest.param(
            38,
            "Unable to replicate the partition 1 time(s): All brokers are currently fenced.",
            BrokerAway,
            id="a broker that starts or is slow",
        ),
        pytest.param(41, "", BrokerAway, id="another controller by now"),
        pytest.param(7, None, BrokerAway, id="no answer in time"),
        pytest.param(38, "only 1 broker(s) are registered.", Fatal, id="more replicas than brokers"),
        pytest.param(29, "", Fatal, id="no right to make it"),
    ],
)
def test_only_a_refusal_that_passes_is_waited_for(code: int, message: str | None, kind: type[Exception]) -> None:
    refusal = _refusal("idtrail.events", code, message)
    assert type(refusal) is kind
    assert re.match(r"Kafka refused to make the topic idtrail\.events: \w", str(refusal))


async def test_a_broker_that_stays_away_is_waited_for_and_then_named() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: refused
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with capture_logs() as said, pytest.raises(BrokerAway, match=f"Kafka at {address} does not answer"):
            await create_topics(KafkaConnection(address), 1, 1, patience_seconds=1)
    assert said
    assert {entry["event"] for entry in said} == {"waiting for the broker"}


@pytest.mark.parametrize(
    ("replication", "least"),
    [pytest.param(1, None, id="one replica"), pytest.param(2, "2", id="two"), pytest.param(3, "2", id="three")],
)
def test_what_has_replicas_is_acknowledged_by_two(replication: int, least: str | None) -> None:
    assert _configuration(TOPICS[0], replication).get("min.insync.replicas") == least


def test_the_truth_is_kept_for_ever_and_never_compacted() -> None:
    configuration = _configuration(TOPICS[0], 1)
    assert configuration["retention.ms"] == str(FOR_EVER)
    assert configuration["cleanup.policy"] == "delete"


def test_what_a_group_of_a_rule_remembers_is_taken_by_worker_and_topic(tmp_path: Path) -> None:
    (_, groups) = WORKER_TOPICS
    assert _configuration(groups, 1)["max.message.bytes"] == str(LARGEST_RECORD)
    assert make_app(KafkaConnection("127.0.0.1:9"), "an-app", tmp_path).conf.producer_max_request_size == LARGEST_RECORD
    assert LARGEST_ENTRY < LARGEST_RECORD < MAX_MESSAGE_BYTES
