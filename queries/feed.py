"""The language of the live feed: its messages, who wants which, and what a reader is handed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from queries.matching import conditions
from queries.selection import Selection
from schemas.errors import BadUsage


class Show(StrEnum):
    """What a reader may ask to be shown."""

    EVENTS = "events"
    FAILURES = "failures"
    """Failed attempts only."""
    INCIDENTS = "incidents"
    ALERTS = "alerts"
    """All that happens to alerts: found, done, delivered."""


class About(StrEnum):
    """What a message is about."""

    EVENT = "event"
    INCIDENT = "incident"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Message:
    """One event, incident or record of an alert, as every reader gets it."""

    about: About
    item: dict[str, Any]
    data: bytes
    """`item` as one line of JSON."""
    position: str
    """After it, in all that the feed reads."""
    failed: bool = False
    """Whether it is an attempt that failed."""
    _frames: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def frame(self, name: str) -> bytes:
        """As it goes over the wire under that name: made once for all readers."""
        made = self._frames.get(name)
        if made is None:
            made = b"id: %b\nevent: %b\ndata: %b\n\n" % (self.position.encode(), name.encode(), self.data)
            self._frames[name] = made
        return made


class Wanted:
    """What one reader asked for."""

    def __init__(self, selection: Selection, show: Collection[Show], known: MutableSet[str]) -> None:
        """Raises `BadUsage` for a filter that nothing of what is asked for could be held against."""
        if Show.ALERTS in show and conditions(replace(selection, organization=None), known):
            raise BadUsage("alerts cannot be followed with a filter: leave it out, or follow incidents with it")
        self._event = "event" if Show.EVENTS in show else ""
        self._failure = "failure" if Show.FAILURES in show else self._event
        self._incident = "incident" if Show.INCIDENTS in show else ""
        self._alert = "alert" if Show.ALERTS in show else ""
        self._organization = selection.organization
        self._of_event = conditions(selection, known)
        # An incident is of many people, types and actors: those conditions are not asked of it.
        of_many = replace(selection, event_types=(), kinds=(), outcomes=(), subject="", actor="", text="")
        self._of_incident = conditions(of_many, known)
        if set(show) == {Show.INCIDENTS} and of_many != selection:
            raise BadUsage(
                "incidents are of many people and types: ask for them by application, cause or id alone, or follow "
                "failures beside them"
            )

    def name(self, message: Message) -> str:
        """The name that the reader gets the message under; empty: not wanted."""
        if message.about is About.ALERT:
            return self._alert if self._organization in (None, message.item["organization"]) else ""
        if message.about is About.INCIDENT:
            named = {**message.item, "application_name": message.item["application"]}
            return self._incident if all(meets(named) for meets in self._of_incident) else ""
        name = self._failure if message.failed else self._event
        if name:
            for meets in self._of_event:
                if not meets(message.item):
                    return ""
        return name


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
    """Opens readers, a share for each organization. Raises `Gone`, `BadUsage` (no position of ours), `Away`."""

    def open(
        self, wants: Callable[[Message], object], start: Start, organization: str
    ) -> AbstractAsyncContextManager[FeedReader]: ...
