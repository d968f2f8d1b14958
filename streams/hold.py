"""Holds every sink of a group still, wherever it runs, by means of the group itself.

The holder joins the sinks' own group, whose assignor gives it all partitions. A rebalance waits for the flights in the
air, so what is committed then is what is stored. Kafka fences it: a holder that dies loses the partitions within its
session, and the sinks continue by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.errors import InconsistentGroupProtocolError, KafkaError

from broker.consumers import stop_consumer
from broker.refusal import failure
from schemas.errors import BrokerAway
from schemas.kafka import KafkaConnection
from streams.joining import SESSION, membership

HOLDER: Final = b"hold"
HOLDING: Final = b"holding"
"""What a holder tells the group about itself, before it holds and from then on."""
PATIENCE_SECONDS: Final = 300.0
"""As long as a rebalance waits for a flight whose store is away."""

_HELD: Final = (HOLDER, HOLDING)

log = structlog.get_logger(__name__)


class SinkAssignor(RoundRobinPartitionAssignor):  # type: ignore[misc]  # because aiokafka ships no types
    """Round robin among the sinks, but everything to a member that holds."""

    name = "idtrail"

    @classmethod
    def assign(
        cls, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Assign partitions. Of several members that want to hold, one does until it ends; a sink that does not know
        about holding gets nothing."""
        holders = [(told.user_data != HOLDING, member) for member, told in members.items() if told.user_data in _HELD]
        if not holders:
            assigned: dict[str, ConsumerProtocolMemberAssignment] = super().assign(cluster, members)
            return assigned
        _, holder = min(holders)
        nothing = {member: ConsumerProtocolMemberAssignment(cls.version, [], b"") for member in members}
        everything: dict[str, ConsumerProtocolMemberAssignment] = super().assign(cluster, {holder: members[holder]})
        return nothing | everything


def _assignor(listener: _Listener) -> type[SinkAssignor]:
    """Return an assignor for one holder: what it tells the group changes once it holds."""

    class Holder(SinkAssignor):
        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            told = HOLDING if listener.holds else HOLDER
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), told)

    return Holder


class Held:
    """All sinks are still; `barrier` is what is stored."""

    def __init__(self, consumer: Any, committed: Mapping[TopicPartition, tuple[int, str]]) -> None:
        self._consumer = consumer
        self._committed = committed
        self.barrier: Mapping[tuple[str, int], int] = {
            (place.topic, place.partition): offset for place, (offset, _) in committed.items()
        }
        """The offset before which everything is stored, by topic and partition."""

    async def still(self) -> bool:
        """Whether no sink can have continued since: the group lets only its holder commit."""
        try:
            await self._consumer.commit(dict(self._committed))  # the same commit again, unfinished intents included
        except KafkaError as error:
            log.warning("the sinks are not held any more", error=repr(error))
            return False
        return True


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # because aiokafka ships no types
    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.assigned: set[TopicPartition] = set()
        self.holds = False
        """Whether everything has been assigned; it stays set."""

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.assigned = set()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.assigned = assigned
        self.changed.set()


@asynccontextmanager
async def hold(
    connection: KafkaConnection, group: str, topics: Iterable[str], session: timedelta = SESSION
) -> AsyncIterator[Held]:
    """Hold the sinks still inside the context. Raises `BrokerAway` if they do not stop within `PATIENCE_SECONDS`."""
    listener = _Listener()
    consumer = AIOKafkaConsumer(
        group_id=group,
        enable_auto_commit=False,
        **membership(session),
        max_poll_interval_ms=int(PATIENCE_SECONDS * 1000),
        rebalance_timeout_ms=int(PATIENCE_SECONDS * 1000),
        partition_assignment_strategy=(_assignor(listener),),
        **connection.options(),
    )
    try:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                held = await _take(connection, consumer, listener, group, list(topics))
        except TimeoutError as error:
            raise BrokerAway(
                f"the sinks did not stand still within {PATIENCE_SECONDS:.0f} s: does a worker of another version run?"
            ) from error
        except InconsistentGroupProtocolError as error:
            raise BrokerAway(
                f"a worker of another version is, or was until a moment ago, in the group {group}: end it"
            ) from error
        except (KafkaError, OSError) as error:
            raise await failure(connection, error) from error
        log.info("sinks held", group=group)
        yield held
    finally:
        await stop_consumer(consumer)


async def _take(
    connection: KafkaConnection, consumer: Any, listener: _Listener, group: str, topics: Sequence[str]
) -> Held:
    admin = AIOKafkaAdminClient(**connection.options())
    try:
        await admin.start()
        described = await admin.describe_topics(list(topics))
        wanted = {TopicPartition(topic["topic"], p["partition"]) for topic in described for p in topic["partitions"]}
        consumer.subscribe(topics, listener=listener)
        await consumer.start()
        while listener.assigned != wanted:
            listener.changed.clear()
            await listener.changed.wait()
        listener.holds = True
        consumer.pause(*wanted)
        committed = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    beginnings = await consumer.beginning_offsets(list(wanted))
    return Held(
        consumer,
        {
            place: (committed[place].offset, committed[place].metadata or "")
            if place in committed and committed[place].offset >= 0
            else (beginnings[place], "")
            for place in wanted
        },
    )
