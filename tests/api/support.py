"""Stand-ins for what the API is given: the emitter and reader of the log, a store that fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Any, NamedTuple, cast

import httpx

from producers import emitter
from queries.feed import Batch, Message, Start
from queries.jobs import JobState
from queries.store import Store
from schemas.alerts import Acted
from schemas.envelope import Envelope, Header, Source, seal
from schemas.errors import Fatal, NotFound, RecordError, StoreAway
from schemas.letters import Coordinates, Decision
from streams.log_reader import Logged
from tests.records import NOON


class Lag(NamedTuple):
    topic: str
    partition: int
    end: int
    stored: int


@dataclass
class Log:
    """Takes events as the emitter does, and remembers them."""

    spooling: bool = False
    failure: Exception | None = None
    hangs: bool = False
    """Nobody is told how far the sink is, not even that it is not known."""
    defect: Fatal | None = None
    looks: int = 0
    """How often it was asked how far the sink is."""
    events: list[tuple[bytes, Source]] = field(default_factory=list)
    dead: list[tuple[bytes, Source, str, str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    """How many bytes the record of each dead letter had."""
    sealed: list[Envelope] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    acts: list[Acted] = field(default_factory=list)
    records: dict[tuple[str, int, int], bytes] = field(default_factory=dict)
    headers: dict[tuple[str, int, int], list[Header]] = field(default_factory=dict)

    async def emit_many(self, records: Iterable[bytes], source: Source) -> emitter.Batch:
        if self.failure:
            raise self.failure
        refused, taken, by_type = [], 0, Counter[str]()
        for index, raw in enumerate(records):
            try:
                by_type[seal(raw, source, NOON).event_type] += 1
            except RecordError as error:
                refused.append((index, error))
            else:
                taken += 1
                self.events.append((raw, source))
        return emitter.Batch(0 if self.spooling else taken, taken if self.spooling else 0, refused, by_type)

    async def dead_letter(self, raw: bytes, source: Source, reason: RecordError, position: str, *, size: int) -> None:
        self.sizes.append(size)
        self.dead.append((raw, source, reason.reason, position))

    async def read_record(self, topic: str, partition: int, offset: int) -> bytes:
        if (topic, partition, offset) not in self.records:
            raise NotFound(f"{topic}[{partition}]@{offset} is no longer on the log")
        return self.records[topic, partition, offset]

    async def read_records(self, places: Sequence[Coordinates]) -> dict[Coordinates, Logged]:
        return {
            place: Logged(self.records[place], tuple(self.headers.get(place, ())))
            for place in places
            if place in self.records
        }

    async def emit_sealed(self, envelope: Envelope) -> None:
        if self.failure:
            raise self.failure
        self.sealed.append(envelope)

    async def decide(self, decision: Decision) -> None:
        if self.failure:
            raise self.failure
        self.decisions.append(decision)

    async def act(self, acted: Acted) -> None:
        if self.failure:
            raise self.failure
        self.acts.append(acted)

    def broken(self) -> Fatal | None:
        return self.defect

    async def read_lag(self) -> Sequence[Lag]:
        self.looks += 1
        if self.failure:
            raise self.failure
        if self.hangs:
            await asyncio.Future()
        return [Lag("idtrail.events", 0, 10, 7), Lag("idtrail.events", 1, 5, 5)]

    async def read_detection_lag(self) -> Sequence[Lag]:
        return [Lag("idtrail.provisioning", 0, 6, 4)]


@dataclass
class Played:
    """A feed that plays `messages` once, as many at a time as are wanted of three, then a sign of life, then ends."""

    messages: list[Message] = field(default_factory=list)
    failure: Exception | None = None
    starts: list[Start] = field(default_factory=list)
    organizations: list[str] = field(default_factory=list)
    open_readers: int = 0
    meanwhile: Callable[[], object] = lambda: None
    """Done before each piece is handed out."""

    @asynccontextmanager
    async def open(
        self, wants: Callable[[Message], object], start: Start, organization: str
    ) -> AsyncIterator[PlayedReader]:
        if self.failure:
            raise self.failure
        self.starts.append(start)
        self.organizations.append(organization)
        self.open_readers += 1
        try:
            yield PlayedReader([message for message in self.messages if wants(message)], self.meanwhile)
        finally:
            self.open_readers -= 1


class PlayedReader:
    def __init__(self, messages: list[Message], meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile
        self.position = "1."
        last = messages[-1].position if messages else "1.0"
        pieces = [messages[start : start + 3] for start in range(0, len(messages), 3)]
        self._batches = [Batch(piece, piece[-1].position) for piece in pieces]
        self._batches += [Batch([], last), Batch([], last, "the play is over")]

    async def next(self) -> Batch:
        self._meanwhile()
        return self._batches.pop(0)


class Idle:
    """Jobs that begin and never get on."""

    def __init__(self) -> None:
        self.states: dict[str, JobState] = {}
        self.asked: list[object] = []

    def start_rebuild(self, *, accept_loss: bool) -> JobState:
        return self._start("rebuild", accept_loss)

    def start_verify(self) -> JobState:
        return self._start("verify", None)

    def start_backtest(
        self, rules: Sequence[str], against: Sequence[str], organization: str, since: datetime, until: datetime
    ) -> JobState:
        return self._start("backtest", (tuple(rules), tuple(against), organization, since, until))

    def _start(self, job: str, how: object) -> JobState:
        self.asked.append((job, how))
        self.states[job] = JobState(job, True, "filling", 1, 2, NOON)
        return self.states[job]

    def state(self, job: str) -> JobState | None:
        return self.states.get(job)

    async def stop(self, job: str) -> JobState | None:
        return self.states.pop(job, None)


class StoreThatFails:
    """A store as it is, until `failure` is set; while `hangs` is not, no query is answered."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.hangs: Event | None = None
        self._store: Store | None = None

    def around(self, store: Store) -> Store:
        self._store = store
        return cast(Store, self)

    @property
    def refusal(self) -> StoreAway | None:
        return self._store.refusal if self._store is not None else None

    def __getattr__(self, name: str) -> Any:
        if self.failure is not None:
            raise self.failure
        hangs = self.hangs
        if hangs is not None:
            return lambda *_: hangs.wait(30)
        return getattr(self._store, name)


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The answer is a problem document of that status; returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["type"] == "about:blank"
    assert found["status"] == status
    assert found["title"]
    assert len(found["detail"]) > 10
    assert "Traceback" not in answer.text
    return found
