"""What the routes need, given at the start: there are no globals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from queries.checks.lag_watch import Place
from queries.feed import LiveFeed
from queries.jobs import Jobs
from queries.redrive import Logged, Redriven
from queries.store import Store
from queries.tokens import Tokens
from schemas.alerts import Acted
from schemas.envelope import Source
from schemas.errors import Fatal, RecordError
from schemas.letters import Coordinates


class Accepted(Protocol):
    """The results of many records."""

    @property
    def logged(self) -> int: ...
    @property
    def spooled(self) -> int: ...
    @property
    def refused(self) -> Sequence[tuple[int, RecordError]]: ...
    @property
    def by_type(self) -> Counter[str]: ...


class Ingest(Redriven, Protocol):
    """Where received records go: the emitter."""

    async def emit_many(self, records: Iterable[bytes], source: Source) -> Accepted: ...
    async def dead_letter(
        self, raw: bytes, source: Source, reason: RecordError, position: str, *, size: int
    ) -> object: ...
    async def act(self, acted: Acted) -> object: ...
    def broken(self) -> Fatal | None:
        """Return why nothing is accepted any more."""


class Piece(Protocol):
    """A piece of a request's body."""

    @property
    def raw(self) -> bytes: ...
    @property
    def size(self) -> int:
        """The number of bytes, of which `raw` may be only the beginning."""

    @property
    def index(self) -> int: ...


@runtime_checkable
class NotARecord(Piece, Protocol):
    """A piece that cannot be a record, and why."""

    @property
    def reason(self) -> str: ...
    @property
    def message(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that the API works with."""

    store: Store
    tokens: Tokens
    ingest: Ingest
    slice_body: Callable[[bytes], Iterable[Piece]]
    """Cuts a request's body into records lazily. Pieces of type `NotARecord` are no records."""
    read_record: Callable[[str, int, int], Awaitable[bytes]]
    """Return the value of the record at (topic, partition, offset)."""
    read_records: Callable[[Sequence[Coordinates]], Awaitable[Mapping[Coordinates, Logged]]]
    """Return those of the records that the log still has."""
    read_lag: Callable[[], Awaitable[Sequence[Place]]]
    read_detection_lag: Callable[[], Awaitable[Sequence[Place]]]
    """How far detection is behind what the sink forwards to it."""
    feed: LiveFeed
    jobs: Jobs
    clock: Callable[[], datetime]
    rules: Collection[str]
    """Ids of the rules in force."""
