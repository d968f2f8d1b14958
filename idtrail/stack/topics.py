"""The topics: created by idtrail, never by the broker, and never changed afterwards. Existing ones are checked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter
from tenacity.stop import stop_after_delay, stop_never

from broker.refusal import failure
from idtrail.stack.topic_rules import LOOKED_AT, Objection, judge, missing
from schemas.errors import BadUsage, BrokerAway, Fatal
from schemas.kafka import TOPICS, KafkaConnection, TopicSpec

LONGEST_WAIT_SECONDS: Final = 15.0
LISTED_ATTEMPTS: Final = 100
LISTED_WAIT_SECONDS: Final = 0.05

log = structlog.get_logger(__name__)


async def create_topics(
    connection: KafkaConnection,
    partitions: int,
    replication: int,
    topics: Sequence[TopicSpec] = TOPICS,
    patience_seconds: float | None = None,
) -> None:
    """Create the missing topics. Waits for a broker that is away, for ever unless `patience_seconds` is given.

    Raises `BrokerAway` when that time is over, `Fatal` if the broker refuses to create one, `BrokerRefuses`, or
    `BadUsage` if the settings of an existing topic break a promise of the trail.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(BrokerAway),
        wait=wait_exponential_jitter(multiplier=0.3, max=LONGEST_WAIT_SECONDS),
        stop=stop_never if patience_seconds is None else stop_after_delay(patience_seconds),
        before_sleep=_say,
        reraise=True,
    )
    async for attempt in attempts:
        with attempt:
            await _create(connection, partitions, replication, topics)


def _say(state: RetryCallState) -> None:
    assert state.outcome is not None
    log.warning("waiting for the broker", reason=str(state.outcome.exception()), attempt=state.attempt_number)


async def examine_topics(connection: KafkaConnection, topics: Sequence[TopicSpec] = TOPICS) -> list[Objection]:
    """Return what is wrong with `topics`, missing ones first. Raises `BrokerAway`; `BrokerRefuses`."""
    admin = AIOKafkaAdminClient(**connection.options())
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        absent = [missing(topic) for topic in topics if topic.name not in existing]
        return absent + await _examine(admin, [topic for topic in topics if topic.name in existing])
    except (KafkaError, OSError) as error:
        raise await failure(connection, error) from error
    finally:
        await admin.close()


async def _create(connection: KafkaConnection, partitions: int, replication: int, topics: Sequence[TopicSpec]) -> None:
    admin = AIOKafkaAdminClient(**connection.options())
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        ours: set[str] = set()
        wanted = [
            NewTopic(
                topic.name,
                topic.partitions or partitions,
                replication,
                topic_configs=_configuration(topic, replication),
            )
            for topic in topics
            if topic.name not in existing
        ]
        if wanted:
            answer = await admin.create_topics(wanted)
            for name, code, message in answer.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):
                    raise _refusal(name, code, message)
                if code == 0:
                    ours.add(name)
            await _until_listed(admin, {topic.name for topic in topics})
            existing = {topic.name for topic in topics} - ours
        await _warn_of_other_counts(admin, partitions, existing, topics)
        _object(await _examine(admin, [topic for topic in topics if topic.name in existing]))
    except (KafkaError, OSError) as error:
        raise await failure(connection, error) from error
    finally:
        await admin.close()


def _refusal(name: str, code: int, message: str | None) -> BrokerAway | Fatal:
    """Return the error for a topic that was not created; for some reasons waiting helps."""
    told = f"Kafka refused to make the topic {name}: {message or for_code(code).__name__}"
    # A broker is fenced while it starts, and if it was too slow to report that it lives; its code has other reasons
    # too.
    passing = for_code(code).retriable or "fenced" in told
    return BrokerAway(told) if passing else Fatal(told)


async def _until_listed(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait until the brokers list topics that the controller has created, which takes a moment."""
    for _ in range(LISTED_ATTEMPTS):
        missing = names - set(await admin.list_topics())
        if not missing:
            return
        await asyncio.sleep(LISTED_WAIT_SECONDS)
    raise BrokerAway(f"the topics {', '.join(sorted(missing))} are made, but the brokers do not list them yet")


def _configuration(topic: TopicSpec, replication: int) -> dict[str, str]:
    configuration = {
        "cleanup.policy": topic.cleanup_policy,
        "retention.ms": str(topic.retention_ms),
        # The broker's clock is the only one that a producer cannot forge.
        "message.timestamp.type": "LogAppendTime",
    }
    if topic.record_bytes:
        configuration["max.message.bytes"] = str(topic.record_bytes)
    if replication > 1:
        configuration["min.insync.replicas"] = "2"
    return configuration


async def _warn_of_other_counts(
    admin: AIOKafkaAdminClient, partitions: int, existing: set[str], topics: Sequence[TopicSpec]
) -> None:
    """Warn about topics with another number of partitions. It is never changed: the order by key and the agents' tables
    depend on it."""
    names = [topic.name for topic in topics if topic.name in existing and not topic.partitions]
    for description in await admin.describe_topics(names) if names else []:
        found = len(description["partitions"])
        if found != partitions:
            log.warning("topic keeps its partitions", topic=description["topic"], partitions=found, setting=partitions)


async def _examine(admin: AIOKafkaAdminClient, topics: Sequence[TopicSpec]) -> list[Objection]:
    if not topics:
        return []
    replicas = {
        description["topic"]: min(len(partition["replicas"]) for partition in description["partitions"])
        for description in await admin.describe_topics([topic.name for topic in topics])
    }
    answers = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic.name, dict.fromkeys(LOOKED_AT, "")) for topic in topics]
    )
    found: dict[str, dict[str, str]] = {}
    for code, message, _, name, entries in (resource for answer in answers for resource in answer.resources):
        if code:
            # A broker may allow writing to a topic but not reading its settings.
            log.warning("settings of the topic cannot be read", topic=name, reason=message or for_code(code).__name__)
        found[name] = {entry[0]: entry[1] for entry in entries}
    return [
        objection for topic in topics for objection in judge(topic, found.get(topic.name, {}), replicas[topic.name])
    ]


def _object(objections: Sequence[Objection]) -> None:
    breaches = [str(objection) for objection in objections if objection.breaks]
    if breaches:
        raise BadUsage(f"{'; '.join(breaches)} (change it with kafka-configs, or let idtrail make the topic)")
    for objection in objections:
        log.warning("topic is set unwisely", reason=str(objection))
