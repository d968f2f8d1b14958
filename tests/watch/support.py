"""Answers and messages as the API gives them, small; and a source that a test plays by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from idtrail.cli.watch.board import Answers
from idtrail.cli.watch.source import Message
from schemas.errors import IdtrailError, NotFound

Item = dict[str, Any]
NOW = datetime(2026, 11, 24, 16, 42, tzinfo=UTC)


def ago(minutes: float) -> str:
    """A time so many minutes before `NOW`, as the API writes it."""
    return (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def uuid(number: int) -> str:
    return str(UUID(int=number))


def failure(number: int, minutes: float = 0, **fields: Any) -> Item:
    """An item of /api/v1/events."""
    return {
        "event_id": uuid(number),
        "organization": "o",
        "event_type": "user_update_provision",
        "occurred_at": ago(minutes),
        "time_quality": "ok",
        "known_at": ago(minutes),
        "kind": "user",
        "action": "update",
        "outcome": "failure",
        "cause": "credentials",
        "attribute": "",
        "http_status": 401,
        "detail": "token expired",
        "subject_id": f"s{number}",
        "subject_name": f"person.{number}",
        "subject_email": "",
        "application_id": "a1",
        "application_name": "statsig",
        **fields,
    }


def incident(name: str, minutes: float = 0, **fields: Any) -> Item:
    """An item of /api/v1/incidents, its last episode begun so long ago."""
    return {
        "incident_id": name,
        "organization": "o",
        "application_id": "a1",
        "application": "statsig",
        "cause": "credentials",
        "attribute": "",
        "detail": "token expired",
        "http_status": 401,
        "state": "open",
        "attempts": 41,
        "people": 9,
        "groups": 0,
        "affected": 9,
        "first_at": ago(minutes + 1),
        "last_at": ago(1),
        "since": ago(minutes),
        "ended_at": None,
        "ended_by": None,
        "episodes": 1,
        "first_event": uuid(1),
        "last_event": uuid(2),
        "change": {
            "event_id": uuid(9),
            "event_type": "idm_integration_reauth",
            "at": ago(60 * 24 * 3),
            "actor": "ada@corp.example",
        },
        "sentence": "The provider refuses the integration's credentials.",
        "remedy": "Re-authorise the integration.",
        "retryable": False,
        **fields,
    }


def hit(number: int, kind: str = "user") -> Item:
    """Somebody whom an incident hit."""
    return {
        "subject_id": f"s{number}",
        "kind": kind,
        "name": f"person.{number}",
        "attempts": 3,
        "first_at": ago(9),
        "last_at": ago(1),
        "mended_at": None,
        "accepted_at": None,
    }


DETAILS: Item = {
    "blame": None,
    "subjects": [hit(7, "group"), hit(1), hit(2)],
    "next": "more",
    "texts": [{"detail": "title too long", "attempts": 41, "first_at": ago(9), "last_at": ago(1)}],
    "hours": [],
}
"""What /api/v1/incidents/ID says beside the incident."""


def integration(name: str, **fields: Any) -> Item:
    """An item of /api/v1/integrations."""
    return {
        "organization": "o",
        "application_id": f"id of {name}",
        "application": name,
        "last_success": ago(3),
        "last_attempt": ago(1),
        "last_outcome": "success",
        "last_failure": None,
        "change": None,
        "failures_since_success": 0,
        "attempts_last_day": 1904,
        **fields,
    }


def health(behind: int = 0, *blind: str) -> Item:
    """What /api/v1/health answers."""
    return {
        "trouble": [],
        "blind": [{"what": "source", "name": name, "since": ago(30), "text": "no event for 30 min"} for name in blind],
        "lag": [
            {"topic": "idtrail.events", "partition": 0, "behind": behind},
            {"topic": "idtrail.dead-letters", "partition": 0, "behind": 0},
        ],
    }


def answers(**fields: Any) -> Answers:
    """A whole round, with nothing in it but what is given."""
    whole: dict[str, Any] = {"incidents": [], "failures": [], "integrations": [], "health": health()}
    return Answers(**{**whole, **fields})


@dataclass
class PlayedSource:
    """What a test puts into `rounds` is answered; what it puts into `feed` comes, and errors in it are losses."""

    round: Answers = field(default_factory=answers)
    events: dict[str, Item] = field(default_factory=dict)
    lifecycles: dict[str, Item] = field(default_factory=dict)
    feed: asyncio.Queue[Message | IdtrailError] = field(default_factory=asyncio.Queue)
    asked: int = 0
    followed: list[str] = field(default_factory=list)
    """The last id that each connection was opened with."""

    async def ask(self) -> Answers:
        self.asked += 1
        return self.round

    async def follow(self, last_id: str) -> AsyncIterator[Message]:
        self.followed.append(last_id)
        yield Message("", {}, last_id)
        while True:
            told = await self.feed.get()
            if isinstance(told, IdtrailError):
                raise told
            yield told

    async def incident(self, incident_id: str) -> Item:
        for item in self.round.incidents or ():
            if item["incident_id"] == incident_id:
                return {**item, **DETAILS}
        raise NotFound(f"no incident {incident_id}")

    async def event(self, event_id: str) -> Item:
        if event_id not in self.events:
            raise NotFound(f"no event {event_id}")
        return self.events[event_id]

    async def lifecycle(self, person: str, organization: str | None) -> Item:
        if person not in self.lifecycles:
            raise NotFound(f"nobody is known as {person!r}")
        return self.lifecycles[person]
