"""What a rule keeps of an event."""

from __future__ import annotations

from typing import Final, NamedTuple


class Role:
    """Which of a rule's conditions the event meets: bits of `Occurrence.role`.

    Plain numbers: with each event some dozen are looked up, and to look up an enumeration's member is a call.
    """

    MATCH: Final = 1
    THEN: Final = 2
    """What completes a sequence, or spares an absence."""
    UNTIL: Final = 4
    """What ends an alert."""
    FAILED: Final = 8
    """Of the matches of a ratio, those that count as failures."""


class Occurrence(NamedTuple):
    """An event that meets conditions of one rule. Their order is that of time, then of ids."""

    at: int
    """When it occurred: microseconds since 1970."""
    event_id: str
    """32 hexadecimal digits."""
    version: int
    """Of an event's copies the one of the largest version is in force."""
    role: int
    value: str = ""
    """What a rule counts different ones of, or looks out for new ones of."""
    subject: str = ""
    application: str = ""
    cause: str = ""
    title: str = ""
    """The alert's title, if this is its last event."""
    incident: str = ""
    """The incident that it belongs to, if it failed: 32 hexadecimal digits."""
