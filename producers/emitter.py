"""Puts events on the log. A receipt means: on all in-sync replicas (logged) or fsynced on our disk (spooled).

Records of one key reach the log in the order of acceptance. Await a call to get its outcome; cancelling it does not
take the record back.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel

from producers.delivery import Delivery, Outcome, Status
from producers.spool import Record, Spool
from producers.uplink import Place, Uplink
from schemas.alerts import Acted, seal_record
from schemas.envelope import Envelope, Source, seal
from schemas.envelope import dead_letter as seal_dead_letter
from schemas.errors import Fatal, MalformedRecord, RecordError, SpoolFull
from schemas.kafka import ALERTS, DEAD_LETTERS, EVENTS, LETTER_DECISIONS, KafkaConnection
from schemas.letters import Decision

ANSWER_SECONDS: Final = 4.0
"""How long a caller waits for a broker that does not confirm, before its record is spooled."""
MAX_RECORD_BYTES: Final = 1_000_000
"""Kafka's default limit of a batch is 1,048,588; a record must fit into one, with its headers."""
SEAL_AT_ONCE: Final = 256
"""About 5 ms of sealing, after which other tasks of this event loop run."""
SEAL_SECONDS: Final = 0.02
"""The same limit in time, for records that take longer than most."""
MAX_INLINE_BYTES: Final = 65_536
"""Larger records are searched for secrets in a thread: a single one could block the event loop for longer."""

_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an accepted record is: on the log, or in the spool on its way there."""

    state: Literal["logged", "spooled"]
    event_id: UUID | None
    """None for a dead letter."""
    topic: str
    partition: int | None = None
    offset: int | None = None
    position: int | None = None
    """Its number in the spool, never used twice."""

    @classmethod
    def logged(cls, topic: str, partition: int, offset: int, event_id: UUID | None) -> Receipt:
        """Return a receipt for a record confirmed by all in-sync replicas."""
        return cls("logged", event_id, topic, partition=partition, offset=offset)

    @classmethod
    def spooled(cls, topic: str, position: int, event_id: UUID | None) -> Receipt:
        """Return a receipt for a record on our disk, which reaches the log before anything newer."""
        return cls("spooled", event_id, topic, position=position)


@dataclass(frozen=True, slots=True)
class Batch:
    """The outcome of emitting many records."""

    logged: int
    spooled: int
    refused: list[tuple[int, RecordError]]
    """By index in the input: records that were not accepted and belong in the dead letters."""
    by_type: Counter[str]
    """Accepted records by event type; "" for those without one."""


class Emitter:
    """An asynchronous context manager that opens the spool it is given. A missing broker is not an error."""

    def __init__(
        self,
        connection: KafkaConnection,
        spool: Spool,
        clock: Callable[[], datetime],
        topic: str = EVENTS,
        dead_letters: str = DEAD_LETTERS,
        decisions: str = LETTER_DECISIONS,
        alerts: str = ALERTS,
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        async def connect() -> Uplink:
            return await Uplink.connect(connection, topic, answer_seconds)

        self._clock = clock
        self._topic = topic
        self._dead_letters = dead_letters
        self._decisions = decisions
        self._alerts = alerts
        self._delivery = Delivery(connect, spool, clock)

    async def __aenter__(self) -> Self:
        """Start; raises only for the spool: `AlreadyRunning`, `BadUsage`, `Fatal`."""
        await self._delivery.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log or spool what was accepted, then end."""
        await self._delivery.stop()

    def status(self) -> Status:
        """Return whether records go to the log or to the spool, and the spool's content."""
        return self._delivery.status()

    def broken(self) -> Fatal | None:
        """The error that stopped acceptance, if waiting cannot fix it: start a new emitter."""
        return self._delivery.broken

    async def died(self) -> None:
        """Raise the error that `broken` reports, when it happens; otherwise wait forever."""
        await self._delivery.died()

    async def let_drain(self) -> None:
        """Wait, instead of filling the spool, until it is empty or makes no progress."""
        await self._delivery.let_drain()

    async def emit(self, record: bytes | Mapping[str, Any] | BaseModel, source: Source) -> Receipt:
        """Accept one event; on return it is logged or spooled.

        Raises `RecordError` for a record that can never be read and `SpoolFull` when there is no room: then it was not
        accepted. Each sequential call costs a round trip; call concurrently or use `emit_many`.
        """
        return await self.emit_sealed(await _aside(seal, _serialised(record), source, self._clock()))

    async def emit_sealed(self, envelope: Envelope) -> Receipt:
        """Accept an event that is sealed already, such as a dead letter that can now be read; otherwise as `emit`."""
        envelope = _small_enough(envelope)
        ready = Record(self._topic, envelope.key, envelope.value, envelope.headers)
        return await self._one(ready, envelope.event_id)

    async def emit_many(self, records: Iterable[bytes], source: Source) -> Batch:
        """Accept many events in order; on return each is logged, spooled or refused.

        Raises `SpoolFull` when the spool could not take all of them: earlier ones may be accepted, and emitting the
        whole again is harmless.
        """
        refused: list[tuple[int, RecordError]] = []
        by_type: Counter[str] = Counter()
        answers: deque[asyncio.Future[list[Outcome]]] = deque()
        logged = spooled = 0
        numbered = enumerate(records)
        for first in numbered:
            now, due = self._clock(), time.monotonic() + SEAL_SECONDS
            sealed: list[Record] = []
            for index, raw in chain((first,), islice(numbered, SEAL_AT_ONCE - 1)):
                try:
                    key, value, headers, _, event_type, _ = _small_enough(await _aside(seal, raw, source, now))
                except RecordError as error:
                    refused.append((index, error))
                else:
                    sealed.append(Record(self._topic, key, value, headers))
                    by_type[event_type] += 1
                if time.monotonic() > due:
                    break
            if sealed:
                answers.append(await self._delivery.accept(sealed))
            await asyncio.sleep(0)  # lets the pump fly this chunk while the next is sealed
            while answers and answers[0].done():
                on_log, on_disk = _counted(await answers.popleft())
                logged += on_log
                spooled += on_disk
        for answer in answers:
            on_log, on_disk = _counted(await answer)
            logged += on_log
            spooled += on_disk
        return Batch(logged, spooled, refused, by_type)

    async def dead_letter(
        self, raw: bytes, source: Source, reason: RecordError, position: str, *, size: int = 0
    ) -> Receipt:
        """Keep a record that cannot be read, byte for byte, in the dead letters; confirmed like an event.

        `size` is its full size in bytes, where `raw` is only its beginning.
        """
        key, value, headers = await _aside(seal_dead_letter, raw, source, reason, position)
        record = Record(self._dead_letters, key, value, headers)
        excess = record.size() - MAX_RECORD_BYTES
        if excess > 0 or size > len(raw):
            # Too large for the log: only its beginning is kept, or this record would stop all others.
            headers = [*headers, ("idtrail_truncated_from", str(max(size, len(value))).encode())]
            kept = value[: max(0, len(value) - max(0, excess + 64))]
            record = Record(self._dead_letters, key, kept, headers)
        return await self._one(record, None)

    async def decide(self, decision: Decision) -> Receipt:
        """Put a decision about a dead letter on the log; confirmed like an event."""
        return await self._one(Record(self._decisions, *decision.record()), None)

    async def act(self, acted: Acted) -> Receipt:
        """Put somebody's act on an alert on the log; confirmed like an event."""
        return await self._one(Record(self._alerts, *seal_record(acted)), None)

    async def _one(self, record: Record, event_id: UUID | None) -> Receipt:
        (outcome,) = await (await self._delivery.accept([record]))
        if isinstance(outcome, Place):
            return Receipt.logged(record.topic, outcome.partition, outcome.offset, event_id)
        if isinstance(outcome, str):
            raise SpoolFull(outcome)
        return Receipt.spooled(record.topic, outcome, event_id)


async def _aside(work: Callable[..., _Done], raw: bytes, *told: object) -> _Done:
    """Run `work` on a record, in a thread if the record is large."""
    return work(raw, *told) if len(raw) <= MAX_INLINE_BYTES else await asyncio.to_thread(work, raw, *told)


def _small_enough(envelope: Envelope) -> Envelope:
    """Raises `MalformedRecord` for an envelope that no Kafka record can hold."""
    if len(envelope.value) > MAX_RECORD_BYTES - 65_536:  # the headers are far smaller than this margin
        size = Record("", envelope.key, envelope.value, envelope.headers).size()
        if size > MAX_RECORD_BYTES:
            raise MalformedRecord(
                f"the record has {size} bytes with its headers; the log takes {MAX_RECORD_BYTES}",
                reason="too_large",
            )
    return envelope


def _serialised(record: bytes | Mapping[str, Any] | BaseModel) -> bytes:
    if isinstance(record, bytes):
        return record
    if isinstance(record, BaseModel):
        record = record.model_dump(mode="json", by_alias=True, exclude_unset=True)
    try:
        return orjson.dumps(record)
    except orjson.JSONEncodeError as error:
        raise MalformedRecord(f"the record cannot be written as JSON: {error}", reason="not_json") from None


def _counted(outcomes: list[Outcome]) -> tuple[int, int]:
    """Count the records on the log and in the spool. Raises `SpoolFull` if any is in neither."""
    on_log = sum(isinstance(outcome, Place) for outcome in outcomes)
    on_disk = sum(isinstance(outcome, int) for outcome in outcomes)
    if on_log + on_disk < len(outcomes):
        raise SpoolFull(next(outcome for outcome in outcomes if isinstance(outcome, str)))
    return on_log, on_disk
