"""The sink: from the log into the store, each record once, whatever is killed or wakes up late.

Its own consumer, its own group, offsets committed by hand. For each flight of chunks, under one lock:

    fetch, decode -> commit the intent -> of each chunk: insert under its token, send dead letters and
    forwards -> confirm these -> commit the end

A worker that takes a partition over finds an unfinished intent in the committed metadata, fetches those
very offsets and inserts the same rows under the same token. The rebalance listener takes the same lock
and drops whatever was fetched, so nothing fetched before a rebalance is inserted after it.

Crash over guess: whatever is not expected here ends the process before offsets move.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol
from uuid import uuid4

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, KafkaError

from broker.batches import send_all
from broker.refusal import failure, refusal
from schemas.errors import BrokerRefuses, Fatal
from schemas.kafka import ALERTS, DEAD_LETTERS, EVENTS, LETTER_DECISIONS, PROVISIONING, KafkaConnection
from schemas.metrics import DEAD_LETTERED, EVENTS_STORED, FLUSH_SECONDS, FORWARDED, NEWEST_STORED
from streams.blocks import Block
from streams.chunk import Progress, read_progress, token
from streams.flight import Flight, Loader
from streams.gatherer import FLIGHT_BYTES, Gatherer
from streams.hold import SinkAssignor
from streams.portion import Reading
from streams.shared_reading import SharedReading

GROUP: Final = "idtrail-sink"
REBALANCE_TIMEOUT_MS: Final = 300_000
"""A rebalance waits for the flight in the air, and that for a store that is away."""
FETCH_BYTES: Final = 8 * 1024 * 1024
PRODUCE_BATCH_BYTES: Final = 512 * 1024
"""One organization is one partition of `idtrail.provisioning`: small batches would go out one by one."""

log = structlog.get_logger(__name__)


class ChunkWriter(Protocol):
    """Where chunks go."""

    async def write(self, blocks: Sequence[Block], token: str) -> None:
        """Insert the rows of one chunk under its token; retries by itself, raises `Fatal` when spent."""


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """How the sink cuts its work."""

    flight_rows: int = 50_000
    flush: timedelta = timedelta(milliseconds=200)
    horizon: timedelta = timedelta(hours=24)
    poison_limit: int = 500
    session: timedelta = timedelta(seconds=6)
    """How long a silent worker keeps its partitions: a killed one's move within 10 s."""
    topics: tuple[str, str, str] = (EVENTS, DEAD_LETTERS, PROVISIONING)
    decisions: str = LETTER_DECISIONS
    alerts: str = ALERTS
    group: str = GROUP
    also: frozenset[str] = frozenset()
    """Event types that detection wants beside those of provisioning."""
    decoders: int = 0
    """Child processes, at most, that decode what has piled up beside this one."""

    @property
    def stored(self) -> tuple[str, str, str, str]:
        """The topics that the sink puts into the store: events first, then the dead letters."""
        return self.topics[0], self.topics[1], self.decisions, self.alerts

    @property
    def reading(self) -> Reading:
        """How it reads their records."""
        return Reading(self.topics[0], self.alerts, self.horizon, self.also)


@dataclass(slots=True)
class _Assignment:
    """What is known of the partitions held, between two rebalances."""

    progress: dict[TopicPartition, Progress] = field(default_factory=dict)
    """As committed."""
    unreadable: dict[TopicPartition, int] = field(default_factory=dict)
    """The run of unreadable records up to what was read last; that may be ahead of what is committed."""


class Sink(ConsumerRebalanceListener):  # type: ignore[misc]  # because aiokafka ships no types
    """Run with `run()`; ends only by cancellation or by an error that must end the process."""

    def __init__(
        self,
        connection: KafkaConnection,
        writer: ChunkWriter,
        options: SinkOptions,
        checkpoint: Callable[[str], None] = lambda point: None,
    ) -> None:
        """`checkpoint` is called with the name of each step that is done; tests kill the process there."""
        self._connection = connection
        self._writer = writer
        self._options = options
        self._checkpoint = checkpoint
        self._reading = SharedReading(options.reading, options.decoders)
        self._loader = Loader(self._reading, options.poison_limit)
        self._lock = asyncio.Lock()
        self._assigned = asyncio.Event()
        self._revoked = asyncio.Event()
        self._held = _Assignment()
        self._next: asyncio.Task[list[Flight]] | None = None
        self._lands = False
        self._broken: BaseException | None = None
        self._newest_ms = 0
        self.stored = 0
        """Records stored since the start."""

    async def run(self) -> None:
        """Consume until cancelled. Raises `Fatal` when going on could lose or double events, `BrokerRefuses` when the
        broker refuses us."""
        session_ms = self._options.session // timedelta(milliseconds=1)
        self._consumer = AIOKafkaConsumer(
            group_id=self._options.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // 12,  # how soon a rebalance is noticed
            max_poll_interval_ms=REBALANCE_TIMEOUT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=FLIGHT_BYTES,
            isolation_level="read_committed",
            partition_assignment_strategy=(SinkAssignor,),  # so that a rebuild can hold it
            **self._connection.options(),
        )
        self._producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=5,
            max_request_size=FETCH_BYTES,
            max_batch_size=PRODUCE_BATCH_BYTES,
            **self._connection.options(),
        )
        self._admin = AIOKafkaAdminClient(**self._connection.options())
        self._gatherer = Gatherer(
            self._consumer, self._revoked, self._options.group, self._options.flight_rows, self._options.flush
        )
        clients = (self._admin, self._producer, self._consumer)
        try:
            await self._admin.start()
            await self._producer.start()
            self._consumer.subscribe(list(self._options.stored), listener=self)
            await self._consumer.start()
            while True:
                await self._assigned.wait()
                if self._broken is not None:
                    raise self._broken
                async with self._lock:
                    if self._assigned.is_set():
                        await self._step()
        except CommitFailedError as error:
            raise Fatal(
                "another worker has this one's partitions: it was silent for longer than its session "
                f"({self._options.session.total_seconds():.0f} s), frozen or overloaded. Nothing is lost, and started "
                "again it takes its share"
            ) from error
        except KafkaError as error:
            if isinstance(refused := await failure(self._connection, error), BrokerRefuses):
                raise refused from error
            raise Fatal(f"the sink lost its partitions or its broker: {error!r}") from error
        finally:
            self._drop_next()
            self._reading.close()
            for client in reversed(clients):
                await (client.close() if client is self._admin else client.stop())

    def partitions(self) -> set[tuple[str, int]]:
        """The partitions that are held now."""
        held = self._held.progress if self._assigned.is_set() else ()
        return {(place.topic, place.partition) for place in held}

    # Rebalances -------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Wait for the flight in the air, then forget whatever was fetched ahead."""
        self._assigned.clear()
        self._revoked.set()
        async with self._lock:
            self._drop_next()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Read where each partition stands, unfinished intents included, before anything is fetched."""
        try:
            committed = await self._admin.list_consumer_group_offsets(
                self._options.group, partitions=list(assigned) or None
            )
            metadata = {place: committed[place].metadata for place in assigned if place in committed}
            progress = {place: read_progress(metadata.get(place) or "", uuid4().hex[:8]) for place in assigned}
            self._held = _Assignment(progress, {place: at.unreadable for place, at in progress.items()})
        except (KafkaError, Fatal) as error:
            # aiokafka logs and swallows what a listener raises; `run` raises it instead.
            refused = refusal(self._connection, error)
            self._broken = refused or (error if isinstance(error, Fatal) else Fatal(f"cannot read offsets: {error!r}"))
        if not assigned:
            self._reading.rest(0)
        if assigned or self._broken:
            log.info("sink assigned", partitions=len(assigned))
            self._revoked.clear()
            self._assigned.set()

    def _drop_next(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    # One flight -------------------------------------------------------------------------------------

    async def _step(self) -> None:
        """Land one flight while the next is being fetched and decoded. Holds the lock throughout."""
        flights = await self._prepare() if self._next is None else await self._next
        self._next = asyncio.create_task(self._prepare()) if flights and not self._recovers() else None
        self._lands = True
        try:
            for flight in flights:
                await self._land(flight)
        finally:
            self._lands = False
        if self._next is not None:
            await asyncio.wait([self._next])

    async def _prepare(self) -> list[Flight]:
        """Fetch what there is and decode it."""
        intents = {place: progress.intent for place, progress in self._held.progress.items() if progress.intent}
        gatherer = self._gatherer
        fetched = await (gatherer.gather_again(intents) if intents else gatherer.gather(lambda: self._lands))
        self._reading.rest()
        if fetched:
            self._checkpoint("fetched")
        return await asyncio.to_thread(self._loader.load, fetched, self._held.unreadable)

    def _recovers(self) -> bool:
        """Boundaries of an unfinished intent may hold for several fetches: nothing is fetched ahead then."""
        return any(progress.intent for progress in self._held.progress.values())

    async def _land(self, flight: Flight) -> None:
        began = asyncio.get_running_loop().time()
        progress = self._held.progress
        intents = {
            chunk.place: Progress(progress[chunk.place].epoch, chunk.portion.span, chunk.unreadable_before)
            for chunk in flight
        }
        await self._commit(
            {chunk.place: (chunk.portion.span.first, intents[chunk.place].metadata()) for chunk in flight}
        )
        self._checkpoint("intended")
        _, dead_letters, provisioning = self._options.topics
        sent: list[asyncio.Future[Any]] = []
        for chunk in flight:
            place, portion = chunk.place, chunk.portion
            name = token(progress[place].epoch, place.topic, place.partition, portion.span)
            await self._writer.write(portion.blocks, name)
            self._checkpoint("inserted")
            # Detection need not wait for the inserts of the other chunks.
            sent += await send_all(self._producer, dead_letters, portion.dead)
            sent += await send_all(self._producer, provisioning, portion.forward)
        # Every one is looked at: an error of any ends the process before the offsets move.
        await asyncio.gather(*sent)
        self._checkpoint("forwarded")
        ends = {chunk.place: Progress(progress[chunk.place].epoch, unreadable=chunk.unreadable) for chunk in flight}
        await self._commit(
            {chunk.place: (chunk.portion.span.last + 1, ends[chunk.place].metadata()) for chunk in flight}
        )
        progress.update(ends)
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
        """Fenced by the group's generation: a worker that has lost a partition cannot pass here."""
        await self._consumer.commit(offsets)
