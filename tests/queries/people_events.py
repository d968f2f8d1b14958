"""Events about people, and what they tell when each is read alone: the oracle for what the store reads together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from queries.people.aliases import Known, Sighting, aliases, lives, sightings, standings
from queries.people.mark import Mark
from schemas.envelope import Source, Trust, seal
from schemas.events import parse
from schemas.facts import facts
from schemas.identifiers import identifiers
from schemas.identity import IdentityDecision
from schemas.times import SENTINEL, TimeQuality, parse_timestamp
from tests.queries.support import at, attempt, when
from tests.records import NOON, event

ANA, BEN, CLEO = "a" * 24, "b" * 24, "c" * 24
ADDRESS = "ana@corp.example"


def person(subject_id: str, name: str = "", email: str = "") -> dict[str, Any]:
    """A resource; without a name or address where they are empty."""
    found = {"id": subject_id, "type": "user", "username": name, "email": email}
    return {key: value for key, value in found.items() if value}


def created(minutes: float, who: dict[str, Any], **told: str) -> dict[str, Any]:
    """The directory makes somebody, with these fields."""
    changes = [{"field": name, "to": value} for name, value in told.items()]
    return event("user_create", timestamp=at(minutes), resource=who, application=None, changes=changes)


def deleted(minutes: float, who: dict[str, Any]) -> dict[str, Any]:
    """The directory deletes them."""
    return event("user_delete", timestamp=at(minutes), resource=who, application=None)


def suspended(minutes: float, who: dict[str, Any], after: str = "SUSPENDED") -> dict[str, Any]:
    """The directory suspends them, or takes them back."""
    changes = [{"field": "state", "from": "ACTIVATED", "to": after}]
    return event("user_update", timestamp=at(minutes), resource=who, application=None, changes=changes)


def renamed(minutes: float, who: dict[str, Any], to: str) -> dict[str, Any]:
    """The directory renames them; the record names them as before."""
    changes = [{"field": "username", "from": who["username"], "to": to}]
    return event("user_update", timestamp=at(minutes), resource=who, application=None, changes=changes)


def used(minutes: float, who: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An account of theirs is updated."""
    return attempt(minutes, resource=who, **fields)


def decision(minutes: float, first: str, second: str, *, linked: bool, number: int = 1) -> IdentityDecision:
    """By hand, at that minute."""
    return IdentityDecision(first, second, linked, when(minutes), "ada", "the badge office says so", UUID(int=number))


def known_of(raws: Iterable[dict[str, Any]], *decisions: IdentityDecision) -> Known:
    """What these events tell, each a mark of its own."""
    marks: list[Mark] = []
    told: list[Sighting] = []
    for raw in raws:
        value = orjson.dumps(raw)
        own = seal(value, Source("file:x", Trust.EXPORT), datetime(2026, 3, 19, tzinfo=UTC)).event_id
        found = facts(parse(value))
        moment = parse_timestamp(raw.get("timestamp"))
        placed = moment.at if moment.quality is TimeQuality.OK and moment.at <= NOON.replace(year=2027) else SENTINEL
        of_user = found.kind == "user"
        marks.append(
            Mark(
                found.subject_id, found.subject_type, found.subject_name.lower(), found.subject_email.lower(),
                found.event_type, found.kind, found.action, found.outcome, found.cause,
                found.account_state, found.application_id if of_user else "",
                found.application_name if of_user else "", list(found.changed) if found.kind == "other" else [],
                1, placed, own, placed, own,
            )
        )  # fmt: skip
        for text in identifiers(parse(value), found):
            kind, _, shown = text.partition(":")
            told.append(Sighting(found.subject_id, kind, shown, placed, own, 1))
    distinct = list({mark.first_event: mark for mark in marks}.values())
    return Known(lives(distinct), aliases([*sightings(distinct), *told]), standings(distinct), decisions)
