"""Occurrences: what a rule keeps of an event."""

from __future__ import annotations

from typing import Final, NamedTuple


class Role:
    """Which of a rule's conditions the event meets, as bits of `Occurrence.role`.

    Plain numbers, because each event needs some dozens of them and access to an enumeration's member is a call.
    """

    MATCH: Final = 1
    THEN: Final = 2
    """Completes a sequence, or prevents an absence."""
    UNTIL: Final = 4
    """Ends an alert."""
    FAILED: Final = 8
    """Among the matches of a ratio, marks a failure."""


class Occurrence(NamedTuple):
    """An event that meets conditions of one rule. Occurrences are ordered by time, then by id."""

    at: int
    """When it occurred, in microseconds since 1970."""
    event_id: str
    """32 hexadecimal digits."""
    version: int
    """Among an event's copies, the one with the largest version is in force."""
    role: int
    value: str = ""
    """The value of which a rule counts distinct ones, or watches for new ones."""
    subject: str = ""
    application: str = ""
    cause: str = ""
    title: str = ""
    """The alert's title, if this is its last event."""
    incident: str = ""
    """The incident that it belongs to, if it failed: 32 hexadecimal digits."""
