"""An idempotent Kafka producer that sends records in order and reports for each whether all replicas have it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from broker.batches import batch_of, partition_of
from broker.refusal import failure, reason_of
from producers.spool import Record
from schemas.errors import BrokerAway
from schemas.kafka import COMPRESSION, KafkaConnection

BATCH_BYTES: Final = 256 * 1024
"""Before compression; the broker takes 1 MiB by default."""


class Place(NamedTuple):
    """The place of a confirmed record on the log."""

    partition: int
    offset: int


class Flight(NamedTuple):
    """The outcome for some records, in their order."""

    places: list[Place | None]
    """None if it is not confirmed: it may or may not be on the log."""
    trouble: str
    """Why some are not confirmed; empty when all are."""


class Uplink:
    """A connected producer. After a flight with trouble it must be closed: its order is broken."""

    def __init__(self, connection: KafkaConnection, answer_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._partitions: dict[str, int] = {}
        self._producer: Any = AIOKafkaProducer(
            **connection.options(),
            acks="all",
            enable_idempotence=True,
            compression_type=COMPRESSION,
            max_batch_size=BATCH_BYTES,
            # A little shorter than ours, so that the client's own time-out cleans up after itself.
            request_timeout_ms=int(answer_seconds * 750),
        )
        self._started: asyncio.Task[None] = asyncio.create_task(self._producer.start())

    @classmethod
    async def connect(cls, connection: KafkaConnection, topic: str, answer_seconds: float) -> Uplink:
        """Connect to the broker and check that the topic exists, within `answer_seconds`.

        Raises `BrokerAway`, or `BrokerRefuses` when the broker refuses us.
        """
        uplink = cls(connection, answer_seconds)
        try:
            async with asyncio.timeout(answer_seconds):
                await asyncio.shield(uplink._started)
            await uplink._count(topic)
        except (KafkaError, OSError, TimeoutError) as error:
            await uplink.close()
            raise await failure(connection, error) from error
        except BaseException:
            await uplink.close()
            raise
        return uplink

    async def fly(self, records: Sequence[Record]) -> Flight:
        """Send, and wait until each record is confirmed or `answer_seconds` have passed.

        The records of a partition are confirmed from the first on, without a gap: a batch is sent only when the one
        before it is confirmed.
        """
        places: list[Place | None] = [None] * len(records)
        lanes, trouble = await self._lanes(records)
        if not lanes:
            return Flight(places, trouble)
        tasks = [
            asyncio.create_task(self._lane(topic, partition, lane, records, places))
            for (topic, partition), lane in lanes.items()
        ]
        try:
            await asyncio.wait(tasks, timeout=self._answer_seconds)
        finally:
            for task in tasks:
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, asyncio.CancelledError):
                trouble = trouble or f"no answer within {self._answer_seconds:g} s"
            elif isinstance(result, KafkaError):
                trouble = reason_of(result)
            elif isinstance(result, BaseException):
                raise result
        return Flight(places, trouble)

    async def _lanes(self, records: Sequence[Record]) -> tuple[dict[tuple[str, int], list[int]], str]:
        """Return the records by partition, and why some have none: a missing topic holds up only its own records."""
        lanes: dict[tuple[str, int], list[int]] = {}
        counts, trouble = self._partitions, ""
        missing: set[str] = set()
        for index, (topic, key, _, _) in enumerate(records):
            if topic in missing:
                continue
            try:
                count = counts.get(topic) or await self._count(topic)
            except (KafkaError, BrokerAway) as error:
                trouble = reason_of(error)
                missing.add(topic)
            else:
                lanes.setdefault((topic, partition_of(key, count)), []).append(index)
        return lanes, trouble

    async def _count(self, topic: str) -> int:
        try:
            async with asyncio.timeout(self._answer_seconds):
                self._partitions[topic] = len(await self._producer.partitions_for(topic))
        except (UnknownTopicOrPartitionError, TimeoutError) as error:
            # The client asks again and again for a topic that does not exist, up to its time-out.
            raise BrokerAway(f"Kafka has no topic {topic}, or did not name it in time") from error
        return self._partitions[topic]

    async def _lane(
        self,
        topic: str,
        partition: int,
        lane: list[int],
        records: Sequence[Record],
        places: list[Place | None],
    ) -> None:
        flown = [records[index] for index in lane]
        start = 0
        while start < len(lane):
            batch, end = batch_of(self._producer, flown, start)
            sent = await self._producer.send_batch(batch, topic, partition=partition)
            sent.add_done_callback(_looked_at)
            # Shielded: an answer that comes after we gave up must still be looked at.
            first = (await asyncio.shield(sent)).offset
            if first < 0:
                # A repeat whose first place the broker no longer knows: a receipt must not invent one.
                raise KafkaError(f"the broker did not say where on {topic}-{partition} it put the records")
            for number, index in enumerate(lane[start:end]):
                places[index] = Place(partition, first + number)
            start = end

    async def close(self) -> None:
        """End the producer without waiting for a broker that is away, whatever is in progress.

        Its own `stop` would flush, and an idempotent producer retries forever. aiokafka 0.14 has no public way around
        that, so the sender is cancelled and the client is closed.
        """
        # Cancelled in the middle of its first request, it would leave a connection behind.
        await asyncio.wait([self._started], timeout=self._answer_seconds)
        await _end(self._started, 1)
        sender = self._producer._sender.sender_task
        if sender is not None:
            # It lets requests on the wire finish first, which a frozen broker never answers.
            await _end(sender, self._answer_seconds)
        self._producer._closed = True
        with suppress(KafkaError, OSError):
            await self._producer.client.close()


async def _end(task: asyncio.Task[None], seconds: float) -> None:
    """Cancel a task, and once more if it takes longer than `seconds` to clean up."""
    for patience in (seconds, 1):
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=patience)
    if task.done() and not task.cancelled():
        task.exception()  # the caller has seen it already, or no longer cares


def _looked_at(sent: asyncio.Future[Any]) -> None:
    """Retrieve the error, or the event loop complains about one that was handled long ago."""
    if not sent.cancelled():
        sent.exception()
