"""The topics: made by us, never by the broker, and never changed afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter
from tenacity.stop import stop_after_delay, stop_never

from schemas.errors import BrokerAway, Fatal
from schemas.kafka import TOPICS, KafkaConnection, TopicSpec

LONGEST_WAIT_SECONDS: Final = 15.0

log = structlog.get_logger(__name__)


async def create_topics(
    connection: KafkaConnection,
    partitions: int,
    replication: int,
    topics: Sequence[TopicSpec] = TOPICS,
    patience_seconds: float | None = None,
) -> None:
    """Make what is missing. A broker that is away is waited for, for ever unless `patience_seconds` is given.

    Raises `BrokerAway` when that is spent, `Fatal` when the broker refuses.
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


async def _create(connection: KafkaConnection, partitions: int, replication: int, topics: Sequence[TopicSpec]) -> None:
    admin = AIOKafkaAdminClient(**connection.options())
    try:
        await admin.start()
        existing = set(await admin.list_topics())
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
                    raise Fatal(f"Kafka refused to make the topic {name}: {message or for_code(code).__name__}")
        await _warn_of_other_counts(admin, partitions, existing, topics)
    except (KafkaError, OSError) as error:
        raise BrokerAway(f"Kafka at {connection.bootstrap} does not answer ({error!r})") from error
    finally:
        await admin.close()


def _configuration(topic: TopicSpec, replication: int) -> dict[str, str]:
    configuration = {
        "cleanup.policy": topic.cleanup_policy,
        "retention.ms": str(topic.retention_ms),
        # The broker's clock is the only one that a producer cannot forge.
        "message.timestamp.type": "LogAppendTime",
    }
    if replication > 1:
        configuration["min.insync.replicas"] = "2"
    return configuration


async def _warn_of_other_counts(
    admin: AIOKafkaAdminClient, partitions: int, existing: set[str], topics: Sequence[TopicSpec]
) -> None:
    """The number of partitions is never changed: order by key, and the agents' tables, depend on it."""
    names = [topic.name for topic in topics if topic.name in existing and not topic.partitions]
    for description in await admin.describe_topics(names) if names else []:
        found = len(description["partitions"])
        if found != partitions:
            log.warning("topic keeps its partitions", topic=description["topic"], partitions=found, setting=partitions)
