"""The language of the live feed: its messages, who wants which, and what a reader is handed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from queries.matching import matches
from queries.selection import Selection
from schemas.errors import Away, UserError
from schemas.outcome import Outcome


class Gone(UserError):
    """The log does not hold a position any more, or never did: start again without it."""


class FeedAway(Away):
    """The feed has no place for another reader, or is being stopped."""


class Show(StrEnum):
    """What a reader may ask to be shown."""

    EVENTS = "events"
    FAILURES = "failures"
    """Failed attempts only."""
    INCIDENTS = "incidents"


@dataclass(frozen=True, slots=True)
class Message:
    """One event or incident, as every reader gets it."""

    incident: bool
    item: dict[str, Any]
    data: bytes
    """`item` as one line of JSON."""
    position: str
    """After it, in all that the feed reads."""

    @property
    def failed(self) -> bool:
        """Whether it is an attempt that failed."""
        return not self.incident and self.item["outcome"] == Outcome.FAILURE and self.item["kind"] != "other"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one reader asked for."""

    selection: Selection
    """Its range of time does not matter here."""
    show: frozenset[Show]
    known: set[str] = field(default_factory=set)
    """See `queries.matching`."""

    def name(self, message: Message) -> str:
        """The name that the reader gets the message under; empty: not wanted."""
        if message.incident:
            return "incident" if Show.INCIDENTS in self.show and self._concerns(message.item) else ""
        name = "event" if Show.EVENTS in self.show else ""
        if Show.FAILURES in self.show and message.failed:
            name = "failure"
        return name if name and matches(self.selection, message.item, self.known) else ""

    def _concerns(self, incident: dict[str, Any]) -> bool:
        """An incident is of many people, types and actors: those conditions are not asked of it."""
        own = Selection(
            self.selection.organization,
            self.selection.since,
            self.selection.until,
            causes=self.selection.causes,
            application=self.selection.application,
            incident=self.selection.incident,
        )
        return matches(own, incident | {"application_name": incident["application"]}, self.known)


class Batch(NamedTuple):
    """What a reader is handed at a time. No messages: only its position moved, or nothing happened."""

    messages: list[Message]
    position: str
    """After the last of them: resuming from it repeats nothing and leaves out nothing."""
    ended: str = ""
    """Why nothing follows; empty while more will."""


class Start(NamedTuple):
    """Where a reader begins: after a position, else at a time (of the log's clock), else now."""

    after: str | None = None
    since: datetime | None = None


class FeedReader(Protocol):
    """One reader of the feed."""

    @property
    def position(self) -> str: ...
    async def next(self) -> Batch: ...


class LiveFeed(Protocol):
    """Opens readers. Raises `Gone`, `BadUsage` (no position of ours), `Away`."""

    def open(self, wants: Callable[[Message], object], start: Start) -> AbstractAsyncContextManager[FeedReader]: ...
