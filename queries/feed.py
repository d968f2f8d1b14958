"""The live feed's messages, which reader wants which, and what a reader receives. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from queries.conditions import OF_INCIDENTS
from queries.matching import conditions
from queries.selection import Selection
from schemas.errors import BadUsage


class Show(StrEnum):
    """What a reader can subscribe to."""

    EVENTS = "events"
    FAILURES = "failures"
    """Only failed attempts."""
    INCIDENTS = "incidents"
    ALERTS = "alerts"
    """Everything about alerts: detections, acts and deliveries."""


class About(StrEnum):
    """What a message is about."""

    EVENT = "event"
    INCIDENT = "incident"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Message:
    """One event, incident or alert record, the same for every reader."""

    about: About
    item: dict[str, Any]
    data: bytes
    """`item` as one line of JSON."""
    position: str
    """The position after the message in everything that the feed reads."""
    failed: bool = False
    """Whether the message is a failed attempt."""
    _frames: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def frame(self, name: str) -> bytes:
        """Return the message as sent under that name. It is encoded once for all readers."""
        made = self._frames.get(name)
        if made is None:
            made = b"id: %b\nevent: %b\ndata: %b\n\n" % (self.position.encode(), name.encode(), self.data)
            self._frames[name] = made
        return made


class Wanted:
    """What one reader subscribed to."""

    def __init__(self, selection: Selection, show: Collection[Show], known: MutableSet[str]) -> None:
        """Raises `BadUsage` for a filter that applies to nothing of what the reader subscribed to."""
        if Show.ALERTS in show and selection.given():
            raise BadUsage("alerts cannot be followed with a filter: leave it out, or follow incidents with it")
        self._event = "event" if Show.EVENTS in show else ""
        self._failure = "failure" if Show.FAILURES in show else self._event
        self._incident = "incident" if Show.INCIDENTS in show else ""
        self._alert = "alert" if Show.ALERTS in show else ""
        self._organization = selection.organization
        self._of_event = conditions(selection, known)
        self._of_incident = conditions(selection, known, OF_INCIDENTS)
        if set(show) == {Show.INCIDENTS} and not selection.given().keys() <= OF_INCIDENTS:
            raise BadUsage(
                "an incident concerns many people and types: choose incidents by application, cause or id alone, or "
                "follow failures as well"
            )

    def name(self, message: Message) -> str:
        """Return the name under which the reader gets the message; empty if the reader does not want it."""
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
    """What a reader receives at a time. Without messages, only its position moved or nothing happened."""

    messages: list[Message]
    position: str
    """The position after the last message. Resuming from it neither repeats nor skips a message."""
    ended: str = ""
    """Why the stream ends here; empty while it goes on."""


class Start(NamedTuple):
    """Where a reader starts: after a position, else at a time of the log's clock, else now."""

    after: str | None = None
    since: datetime | None = None


class FeedReader(Protocol):
    """One reader of the feed."""

    @property
    def position(self) -> str: ...
    async def next(self) -> Batch: ...


class LiveFeed(Protocol):
    """Opens readers, with a share for each organization. Raises `Gone`, `Away`, or `BadUsage` for an invalid
    position."""

    def open(
        self, wants: Callable[[Message], object], start: Start, organization: str
    ) -> AbstractAsyncContextManager[FeedReader]: ...
