"""Delivers alerts to destinations, and records the results on the log.

What is still due is derived from `idtrail.alerts` alone. All records of an alert are in one partition; whoever holds
the partition reads it from its beginning and continues, after a kill as after a rebalance. Each try is confirmed on the
topic before the next one to the same destination: a kill in between repeats a message, and a webhook recognises it by
its id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from broker.consumers import stop_consumer
from broker.refusal import failure
from schemas.alerts import AlertRecord, Delivered, read_alert_record, seal_record
from schemas.errors import BrokerRefuses, Fatal, MalformedRecord
from schemas.kafka import ALERTS, KafkaConnection
from schemas.metrics import DELIVERIES
from streams.alerts.delivery.channel import Channel
from streams.alerts.delivery.destinations import Destinations
from streams.alerts.delivery.ledger import Ledger
from streams.alerts.delivery.plan import Message, make_plan

GROUP: Final = "idtrail-deliveries"
SESSION_MS: Final = 6_000
REBALANCE_MS: Final = 60_000
"""How long a rebalance waits for messages in flight."""
LOOK_MS: Final = 200
"""How long to wait for records before checking the time again."""
MOST_RECORDS: Final = 500
REST: Final = 9
"""After planning, rest this many times as long as it took: with ten thousand waiting alerts, others need the loop
too."""
AT_ONCE: Final = 6
"""Concurrent requests to one webhook: one at a time cannot keep up with fifty alerts a second. A kill may repeat as
many messages, with the same ids."""
PUT_BACK: Final = timedelta(seconds=1)
"""A clock that goes back by more than this was ahead: what it stamped is read again."""
STOP_SECONDS: Final = 10.0
"""How long a stop waits for messages in flight; what it cuts off is sent again."""

log = structlog.get_logger(__name__)


def now_utc() -> datetime:
    """Return the current time; tests inject their own clock."""
    return datetime.now(UTC)


class Courier(ConsumerRebalanceListener):  # type: ignore[misc]  # because aiokafka ships no types
    """Delivers until `run()` is cancelled or an error must end the process."""

    def __init__(
        self,
        connection: KafkaConnection,
        destinations: Destinations,
        channels: Mapping[str, Channel],
        *,
        topic: str = ALERTS,
        group: str = GROUP,
        clock: Callable[[], datetime] = now_utc,
        checkpoint: Callable[[str], None] = lambda point: None,
    ) -> None:
        """`channels` is by destination name. `checkpoint` is called with the name of each completed step; tests kill
        the process there."""
        self._connection = connection
        self._destinations = destinations
        self._channels = channels
        self._topic = topic
        self._group = group
        self._clock = clock
        self._checkpoint = checkpoint
        self._ledgers: dict[int, Ledger] = {}
        self._ends: dict[TopicPartition, int] = {}
        """The ends, at assignment, of the partitions that have not been read that far."""
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._reported: set[str] = set()
        self._now = clock()
        self._wake: datetime | None = None
        self._changed = True
        self._rested = 0.0
        self._assigned = self._reading = False
        """Whether we hold partitions, and whether they are being read from their beginning."""
        self._assignments = 0

    async def run(self) -> None:
        """Deliver until cancelled. Raises `Fatal`, or `BrokerRefuses` when the broker refuses the connection."""
        self._producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **self._connection.options())
        self._consumer = AIOKafkaConsumer(
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 12,
            rebalance_timeout_ms=REBALANCE_MS,
            isolation_level="read_committed",
            **self._connection.options(),
        )
        try:
            await self._producer.start()
            self._consumer.subscribe([self._topic], listener=self)
            await self._consumer.start()
            while True:
                await self._step()
        except KafkaError as error:
            if isinstance(refused := await failure(self._connection, error), BrokerRefuses):
                raise refused from error
            raise Fatal(f"the deliveries lost their partitions or their broker: {error!r}") from error
        finally:
            await self._settle(STOP_SECONDS)
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)
            await stop_consumer(self._consumer)
            await self._producer.stop()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Wait for messages in flight, so that the next holder of the partitions reads their results."""
        self._reading = self._assigned = False
        await self._settle(REBALANCE_MS / 2_000)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Make `run` read each partition from its beginning."""
        self._assigned = True
        self._assignments += 1

    async def _begin(self) -> None:
        number, places = self._assignments, list(self._consumer.assignment())
        beginnings = await self._consumer.beginning_offsets(places) if places else {}
        ends = await self._consumer.end_offsets(places) if places else {}
        if not self._assigned or number != self._assignments:
            return  # they belong to other workers by now
        # No await from here on: the next record read is the first of these partitions.
        for place in places:
            self._consumer.seek(place, beginnings[place])
        self._ends = dict(ends)
        self._ledgers = {place.partition: Ledger() for place in places}
        self._reading = self._changed = True
        log.info("deliveries assigned", partitions=len(places))

    async def _step(self) -> None:
        before, self._now = self._now, self._clock()
        if self._now < before - PUT_BACK:
            self._reading = False
            log.warning("the clock was put back", seconds=round((before - self._now).total_seconds()))
        reading = self._reading
        fetched = await self._consumer.getmany(timeout_ms=LOOK_MS, max_records=MOST_RECORDS)
        if not (reading and self._reading):
            if self._assigned:
                await self._begin()
            return
        for place, records in fetched.items():
            for record in records:
                self._take(self._ledgers[place.partition], record)
        for name, task in list(self._sending.items()):
            if task.done():
                del self._sending[name]
                task.result()
                self._changed = True
        if await self._behind():
            return
        now, began = self._clock(), time.monotonic()
        if began >= self._rested and (self._changed or (self._wake is not None and now >= self._wake)):
            self._changed = False
            await self._act(now)
            self._rested = time.monotonic() + REST * (time.monotonic() - began)

    def _take(self, ledger: Ledger, record: Any) -> None:
        try:
            found = read_alert_record(record.value)
        except MalformedRecord:
            return  # the sink makes a dead letter of it
        ledger.read(found, datetime.fromtimestamp(record.timestamp / 1000, UTC), self._now)
        self._changed = self._changed or not isinstance(found, Delivered)  # our own records are known already

    async def _behind(self) -> bool:
        """Whether a partition has not been read to its end, so that its ledger may be out of date."""
        for place, end in list(self._ends.items()):
            try:
                if await self._consumer.position(place) < end:
                    return True
            except IllegalStateError:  # a rebalance took it away
                return True
            self._ends.pop(place, None)
        return False

    async def _act(self, now: datetime) -> None:
        ledgers = self._ledgers
        for ledger in ledgers.values():
            ledger.forget(now)
        plan = make_plan(ledgers, self._destinations, now, self._sending.keys())
        self._wake = plan.wake
        for partition, alert_id in plan.done:
            ledgers[partition].watched.discard(alert_id)
        for report in plan.reports:
            about = f"{report.alert_id} {report.detection} {report.episodes}"
            if about not in self._reported:
                self._reported.add(about)
                await self._publish([report])
        rounds: dict[str, list[Message]] = {}
        for message in plan.messages:
            rounds.setdefault(message.destination, []).append(message)
        for name, messages in rounds.items():
            self._sending[name] = asyncio.create_task(self._send(name, messages, ledgers))

    async def _send(self, name: str, messages: Sequence[Message], ledgers: Mapping[int, Ledger]) -> None:
        """Send the messages of one destination, several at a time to a webhook, each about a different alert. Stops
        when one is not accepted, or when `ledgers`, from which they were planned, have been replaced: then another
        worker sends them."""
        waiting, taken = iter(messages), True
        at_once = AT_ONCE if self._destinations[name].is_webhook else 1

        async def send_some() -> None:
            nonlocal taken
            for message in waiting:
                if not taken or self._ledgers is not ledgers:
                    return
                taken = await self._tell(name, message) and taken

        await asyncio.gather(*(send_some() for _ in messages[:at_once]))

    async def _tell(self, name: str, message: Message) -> bool:
        """Send one message and record the result. Returns whether it was accepted."""
        try:
            problem, not_before = await self._channels[name].tell(message)
        except Exception as error:  # of whatever library: one destination must not keep the others from being told
            problem, not_before = f"the message could not be sent ({type(error).__name__})", None
        self._checkpoint("told")
        at = self._clock()
        records = [
            (
                item.partition,
                Delivered(
                    alert_id=item.alert.alert_id,
                    organization=item.alert.organization,
                    rule_id=item.alert.rule_id,
                    destination=name,
                    occasion=item.occasion.name,
                    attempt=item.attempt,
                    at=at,
                    succeeded=not problem,
                    detail=problem,
                    not_before=not_before,
                ),
            )
            for item in message.items
        ]
        await self._publish([record for _, record in records])
        self._checkpoint("recorded")
        DELIVERIES.labels("failed" if problem else "told").inc()
        for partition, record in records:
            if partition in self._ledgers:
                self._ledgers[partition].read(record, at, self._clock())
        if problem:
            log.warning("a destination was not told", destination=name, alerts=len(records), reason=problem)
        return not problem

    async def _publish(self, records: Sequence[AlertRecord]) -> None:
        """Publish records. Returns when all of them are confirmed."""
        confirmed = []
        for key, value, headers in map(seal_record, records):
            confirmed.append(await self._producer.send(self._topic, value, key=key, headers=headers))
        await asyncio.gather(*confirmed)

    async def _settle(self, seconds: float) -> None:
        """Start no more messages and wait for those in flight; the next step raises their errors."""
        self._ledgers = {}
        if self._sending:
            await asyncio.wait(self._sending.values(), timeout=seconds)
