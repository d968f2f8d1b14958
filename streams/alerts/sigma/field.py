"""The record fields that Sigma names, in the language of our expressions."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from schemas.association import ASSOCIATION_CHANGE
from schemas.events import ALIASES, Kind, class_of
from streams.alerts.document import Place
from streams.alerts.sigma.tree import Refused

EVENT_TYPE: Final = "event_type"
LISTS: Final = frozenset({"changes"})
"""Record fields that are lists of objects: expressions have no loops."""

GROUPS: Final[dict[str, str]] = {
    "application.id": "application_id",
    "idm_client_id": "integration_id",
    "initiated_by.email": "actor_name",
    "initiated_by.id": "actor_id",
    "initiated_by.type": "actor_type",
    "organization": "organization",
    "resource.email": "subject_email",
    "resource.id": "subject_id",
    "resource.username": "subject_name",
}
"""The fields that a correlation can group by or count values of, each with the fact that has its value."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Field:
    """One record field, by its path: `initiated_by.email`."""

    def __init__(self, written: str, place: Place) -> None:
        path = written.split(".")
        if not all(map(_NAME.fullmatch, path)):
            raise Refused(place, f"{written!r} is not a name that expressions can ask for: letters, digits, _ and dots")
        if path[0] in LISTS and path[1:]:
            raise Refused(place, f"{written!r} is in a list, and expressions have no loops")
        self.read: Final = ".".join(("event", *path))
        """How an expression reads the field, if it exists."""
        self.there: Final[list[str]] = []
        """Expressions that together say whether the field exists; none can fail if those before it hold."""
        for end in range(1, len(path) + 1):
            if end > 1:
                self.there.append(f"type(event.{'.'.join(path[: end - 1])}) == map")
            self.there.append(f"has(event.{'.'.join(path[:end])})")

    def is_fact(self, fact: str) -> list[str]:
        """Return expressions that together say whether the field is a non-empty text and the fact equals it."""
        return [*self.there, f"{self.read} == fact.{fact}", f"{self.read} != ''"]


def fact_of(written: str, types: Collection[str], place: Place) -> str:
    """Return the fact that equals the field in all events of these types that have the field. Raises `Refused`."""
    if written not in GROUPS:
        raise Refused(place, f"{written!r} has no fact to group by; expected one of: {', '.join(GROUPS)}")
    for event_type in types:
        about = class_of(event_type)
        otherwise = about.kind is Kind.INTEGRATION and written.startswith("resource.")
        if otherwise or (event_type == ASSOCIATION_CHANGE and written.startswith(("resource.", "application."))):
            raise Refused(place, f"{written!r} is not what {event_type} is about")
    return GROUPS[written]


def spellings(event_type: str) -> frozenset[str]:
    """Return all names of an event type that idtrail treats as the same."""
    own = ALIASES.get(event_type, event_type)
    return frozenset({own, *(alias for alias, name in ALIASES.items() if name == own)})
