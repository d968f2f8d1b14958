"""What rules see of an event. Pure: the same record is always seen the same."""

from __future__ import annotations

from typing import Final, NamedTuple, get_type_hints

from schemas.drift import drift
from schemas.envelope import Sealed
from schemas.events import Event
from schemas.facts import Facts, facts
from schemas.signature import NONE, incident_id
from schemas.times import Moment, TimeQuality, to_microseconds


class Seen(NamedTuple):
    """One event whose time can be believed."""

    organization: str
    event_id: bytes
    at: int
    """When it occurred, in microseconds since 1970."""
    known_ms: int
    """When the log first had it, by the broker's clock."""
    facts: Facts
    incident_id: bytes
    """`schemas.signature.NONE` of what did not fail."""
    drifted: bool
    """Whether it differs from what is known of its type: see `schemas.drift`."""
    raw: bytes


TEXT_FACTS: Final[tuple[str, ...]] = (
    *(name for name, kind in get_type_hints(Facts).items() if kind is str),
    "organization",
    "incident",
)
"""The facts that are texts: what alerts can be grouped by, counted by and named after."""


def seen_of(sealed: Sealed, event: Event, moment: Moment, known_ms: int) -> Seen | None:
    """None where its time cannot be believed: it belongs into no window."""
    if moment.quality is not TimeQuality.OK:
        return None
    found = facts(event)
    return Seen(
        sealed.organization,
        sealed.event_id,
        to_microseconds(moment.at),
        known_ms,
        found,
        incident_id(sealed.organization, event, found),
        bool(drift(event)),
        sealed.value,
    )


def text_of(seen: Seen, name: str) -> str:
    """One of `TEXT_FACTS`."""
    if name == "organization":
        return seen.organization
    if name == "incident":
        return "" if seen.incident_id == NONE else seen.incident_id.hex()
    value = getattr(seen.facts, name)
    assert isinstance(value, str)
    return value
