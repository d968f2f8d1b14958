"""The sink: writes the log into the store, each record once, even if workers are killed or wake up late.

It has its own consumer and group, and commits offsets by hand. For each flight of chunks, under one lock:

    fetch, decode -> commit the intent -> of each chunk: insert under its token, send dead letters and
    forwards -> confirm these -> commit the end

A worker that takes over a partition finds an unfinished intent in the committed metadata, fetches exactly
those offsets and inserts the same rows under the same token. The rebalance listener takes the same lock and
drops whatever was fetched, so nothing fetched before a rebalance is inserted after it. If the log is not the
one that was read (`streams/standing.py`), a dead letter reports it, and what is new in it is stored.

Crash over guess: any unexpected state ends the process before offsets move.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, KafkaError, OffsetOutOfRangeError

from broker.batches import send_all
from broker.consumers import stop_consumer
from broker.refusal import failure
from schemas.errors import BrokerRefuses, Fatal
from schemas.kafka import ALERTS, COMPRESSION, DEAD_LETTERS, EVENTS, LETTER_DECISIONS, PROVISIONING, KafkaConnection
from schemas.metrics import DEAD_LETTERED, EVENTS_STORED, FLUSH_SECONDS, FORWARDED, NEWEST_STORED
from streams.blocks import Block
from streams.flight import Flight, Loader
from streams.gatherer import FLIGHT_BYTES, Gatherer
from streams.hold import SinkAssignor
from streams.joining import SESSION, membership, start_in_group, wait_for_partitions
from streams.portion import Reading
from streams.shared_reading import SharedReading
from streams.standing import Assignment, look

GROUP: Final = "idtrail-sink"
REBALANCE_TIMEOUT_MS: Final = 300_000
"""A rebalance waits for the flight in the air, which may wait for a store that is away."""
FETCH_BYTES: Final = 8 * 1024 * 1024
PRODUCE_BATCH_BYTES: Final = 512 * 1024
"""One organization's records go to one partition of `idtrail.provisioning`: small batches would be sent one by one."""

log = structlog.get_logger(__name__)


class ChunkWriter(Protocol):
    """The destination of chunks."""

    async def write(self, blocks: Sequence[Block], token: str) -> None:
        """Insert the rows of one chunk under its token; retries by itself, raises `Fatal` when the retries are used
        up."""


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """Limits and settings of the sink."""

    flight_rows: int = 50_000
    flush: timedelta = timedelta(milliseconds=200)
    horizon: timedelta = timedelta(hours=24)
    poison_limit: int = 500
    session: timedelta = SESSION
    """How long a silent worker keeps its partitions."""
    topics: tuple[str, str, str] = (EVENTS, DEAD_LETTERS, PROVISIONING)
    decisions: str = LETTER_DECISIONS
    alerts: str = ALERTS
    group: str = GROUP
    also: frozenset[str] = frozenset()
    """Event types that detection wants besides those of provisioning."""
    decoders: int = 0
    """The most child processes that help to decode a backlog."""

    @property
    def stored(self) -> tuple[str, str, str, str]:
        """The topics that the sink stores: events first, then the dead letters."""
        return self.topics[0], self.topics[1], self.decisions, self.alerts

    @property
    def reading(self) -> Reading:
        """Return how to decode their records."""
        return Reading(self.topics[0], self.alerts, self.horizon, self.also)


class Sink(ConsumerRebalanceListener):  # type: ignore[misc]  # because aiokafka ships no types
    """Run with `run()`; ends only by cancellation or by an error that must end the process."""

    def __init__(
        self,
        connection: KafkaConnection,
        writer: ChunkWriter,
        options: SinkOptions,
        checkpoint: Callable[[str], None] = lambda point: None,
    ) -> None:
        """`checkpoint` is called with the name of each completed step; tests kill the process there."""
        self._connection = connection
        self._writer = writer
        self._options = options
        self._checkpoint = checkpoint
        self._reading = SharedReading(options.reading, options.decoders)
        self._loader = Loader(self._reading, options.poison_limit)
        self._lock = asyncio.Lock()
        self._assigned = asyncio.Event()
        self._revoked = asyncio.Event()
        self._places: set[TopicPartition] = set()
        self._held: Assignment | None = None
        """None while the partitions' positions are unknown."""
        self._next: asyncio.Task[list[Flight]] | None = None
        self._lands = False
        self._newest_ms = 0
        self.stored = 0
        """Records stored since the start."""

    async def run(self) -> None:
        """Consume until cancelled. Raises `Fatal` when going on could lose or double events, `BrokerRefuses` when the
        broker refuses the connection."""
        self._consumer = AIOKafkaConsumer(
            group_id=self._options.group,
            enable_auto_commit=False,
            auto_offset_reset="none",  # where to continue is never guessed
            **membership(self._options.session),
            max_poll_interval_ms=REBALANCE_TIMEOUT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=FLIGHT_BYTES,
            isolation_level="read_committed",
            partition_assignment_strategy=(SinkAssignor,),  # lets a rebuild hold it
            **self._connection.options(),
        )
        self._producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            compression_type=COMPRESSION,
            linger_ms=5,
            max_request_size=FETCH_BYTES,
            max_batch_size=PRODUCE_BATCH_BYTES,
            **self._connection.options(),
        )
        self._admin = AIOKafkaAdminClient(**self._connection.options())
        self._gatherer = Gatherer(self._consumer, self._revoked, self._options.flight_rows, self._options.flush)
        try:
            await self._admin.start()
            await self._producer.start()
            self._consumer.subscribe(list(self._options.stored), listener=self)
            await start_in_group(self._consumer)
            while True:
                await wait_for_partitions(self._consumer, self._assigned, self._options.group)
                async with self._lock:
                    if self._assigned.is_set():
                        await self._step()
        except KafkaError as error:
            if isinstance(refused := await failure(self._connection, error), BrokerRefuses):
                raise refused from error
            raise Fatal(f"the sink lost its partitions or its broker: {error!r}") from error
        finally:
            self._drop_next()
            self._reading.close()
            await stop_consumer(self._consumer)
            await self._producer.stop()
            await self._admin.close()

    def partitions(self) -> set[tuple[str, int]]:
        """The partitions that are held now."""
        held = self._held.progress if self._assigned.is_set() and self._held is not None else ()
        return {(place.topic, place.partition) for place in held}

    # Rebalances -------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Wait for the flight in the air, then forget whatever was fetched ahead."""
        self._assigned.clear()
        self._revoked.set()
        async with self._lock:
            self._drop_next()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Make `run` find the position of each partition before anything is fetched. `run` does it because aiokafka
        logs and swallows what a listener raises."""
        self._places, self._held = assigned, None
        if not assigned:
            self._reading.rest(0)
            return
        log.info("sink assigned", partitions=len(assigned))
        self._revoked.clear()
        self._assigned.set()

    def _drop_next(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    async def _stand(self) -> Assignment:
        """Seek to the position of each partition, unfinished intents included. Records that a log has lost are reported
        first."""
        standing = await look(self._consumer, self._admin, self._options.group, self._places)
        letters = [cut.letter(place) for place, at in standing.items() for cut in at.cuts]
        if letters:
            log.error("the log was cut", lost=[letter.value.decode() for letter in letters])
            await asyncio.gather(*await send_all(self._producer, self._options.topics[1], letters))
            self._checkpoint("told")
            await self._commit(
                {place: (at.offset, at.progress.metadata()) for place, at in standing.items() if at.cuts}
            )
            DEAD_LETTERED.inc(len(letters))
        for place, at in standing.items():
            self._consumer.seek(place, at.offset)
        return Assignment.of(standing)

    # One flight -------------------------------------------------------------------------------------

    async def _step(self) -> None:
        """Land what is ready. If the log turns out to have been cut, or the partitions to be lost, have the position
        found anew. Holds the lock throughout."""
        try:
            if self._held is None:
                self._held = await self._stand()
            await self._fly(self._held)
        except OffsetOutOfRangeError:
            self._drop_next()
            self._held = None
        except CommitFailedError:
            # The group joins again by itself. Whoever gets the partitions lands the chunk in flight under its token.
            log.warning(
                "the group went on without this worker, which was silent for longer than its session: it was frozen, "
                "or the machine is overloaded. It joins again, and nothing is lost",
                session_seconds=self._options.session.total_seconds(),
            )
            self._assigned.clear()
            self._drop_next()
            self._held = None

    async def _fly(self, held: Assignment) -> None:
        """Land one flight while the next is being fetched and decoded."""
        flights = await self._prepare(held) if self._next is None else await self._next
        self._next = asyncio.create_task(self._prepare(held)) if flights and not held.recovers() else None
        self._lands = True
        try:
            for flight in flights:
                await self._land(flight, held)
        finally:
            self._lands = False
        if self._next is not None:
            await asyncio.wait([self._next])

    async def _prepare(self, held: Assignment) -> list[Flight]:
        """Fetch what there is and decode it."""
        intents = {place: progress.intent for place, progress in held.progress.items() if progress.intent}
        gatherer = self._gatherer
        fetched = await (gatherer.gather_again(intents) if intents else gatherer.gather(lambda: self._lands))
        self._reading.rest()
        if fetched:
            self._checkpoint("fetched")
        return await asyncio.to_thread(self._loader.load, fetched, held.unreadable)

    async def _land(self, flight: Flight, held: Assignment) -> None:
        began = asyncio.get_running_loop().time()
        progress = held.progress
        await held.refuse_fork(self._consumer, [chunk.place for chunk in flight])
        await self._commit(
            {chunk.place: (chunk.portion.span.first, chunk.begun(progress[chunk.place]).metadata()) for chunk in flight}
        )
        self._checkpoint("intended")
        _, dead_letters, provisioning = self._options.topics
        sent: list[asyncio.Future[Any]] = []
        for chunk in flight:
            portion = chunk.portion
            await self._writer.write(portion.blocks, chunk.token(progress[chunk.place].epoch))
            self._checkpoint("inserted")
            # Detection need not wait for the inserts of the other chunks.
            sent += await send_all(self._producer, dead_letters, portion.dead)
            sent += await send_all(self._producer, provisioning, portion.forward)
        # All results are checked: any error ends the process before the offsets move.
        await asyncio.gather(*sent)
        self._checkpoint("forwarded")
        ends = {chunk.place: chunk.ended(progress[chunk.place]) for chunk in flight}
        offsets = {chunk.place: chunk.portion.span.last + 1 for chunk in flight}
        await self._commit({place: (offset, ends[place].metadata()) for place, offset in offsets.items()})
        progress.update(ends)
        held.offsets.update(offsets)
        self._measure(flight, asyncio.get_running_loop().time() - began)
        self._checkpoint("committed")

    def _measure(self, flight: Flight, seconds: float) -> None:
        FLUSH_SECONDS.observe(seconds)
        DEAD_LETTERED.inc(sum(len(chunk.portion.dead) for chunk in flight))
        FORWARDED.inc(sum(len(chunk.portion.forward) for chunk in flight))
        for portion in (chunk.portion for chunk in flight):
            self.stored += sum(block.rows.num_rows for block in portion.blocks if block.table != "letter_decisions")
            if (events := portion.rows("events")) is not None:
                EVENTS_STORED.inc(events.num_rows)
                self._newest_ms = max(self._newest_ms, events["known_at"][-1].value)
                NEWEST_STORED.set(self._newest_ms / 1000)

    async def _commit(self, offsets: dict[TopicPartition, tuple[int, str]]) -> None:
        """Commit, fenced by the group's generation: a worker that has lost a partition cannot pass here."""
        await self._consumer.commit(offsets)
