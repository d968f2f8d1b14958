"""Stand-ins for what the API is given: the emitter and reader of the log, a store that fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import httpx

from producers.emitter import Batch
from producers.slicer import Record, Slicer
from queries.store import Store
from schemas.envelope import Source, seal
from schemas.errors import NotFound, RecordError
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
    events: list[tuple[bytes, Source]] = field(default_factory=list)
    dead: list[tuple[bytes, Source, str, str]] = field(default_factory=list)
    records: dict[tuple[str, int, int], bytes] = field(default_factory=dict)

    async def emit_many(self, records: Iterable[bytes], source: Source) -> Batch:
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
        return Batch(0 if self.spooling else taken, taken if self.spooling else 0, refused, by_type)

    async def dead_letter(self, raw: bytes, source: Source, reason: RecordError, position: str) -> None:
        self.dead.append((raw, source, reason.reason, position))

    async def read_record(self, topic: str, partition: int, offset: int) -> bytes:
        if (topic, partition, offset) not in self.records:
            raise NotFound(f"{topic}[{partition}]@{offset} is not on the log any more")
        return self.records[topic, partition, offset]

    async def read_lag(self) -> Sequence[Lag]:
        if self.failure:
            raise self.failure
        return [Lag("idtrail.events", 0, 10, 7), Lag("idtrail.events", 1, 5, 5)]


def slice_whole(body: bytes) -> Sequence[Record]:
    slicer = Slicer()
    return [*slicer.feed(body), *slicer.finish()]


class StoreThatFails:
    """A store as it is, until `failure` is set."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self._store: Store | None = None

    def around(self, store: Store) -> Store:
        self._store = store
        return cast(Store, self)

    def __getattr__(self, name: str) -> Any:
        if self.failure is not None:
            raise self.failure
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
