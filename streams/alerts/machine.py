"""The state machines that decide when a rule's condition holds for one group: `kinds` has one for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from streams.alerts.occurrence import Occurrence


class Trigger(NamedTuple):
    """An occasion on which the rule's condition holds."""

    at: int
    by: Occurrence
    """The event that made it hold, or the one that nothing followed."""
    since: int
    """The earliest time of the events that it rests on."""


class Machine(Protocol):
    """The machine of one kind, for one group of one rule."""

    counted: int
    """The role of the events that count while an alert is open, besides the triggers; 0 if only triggers count."""
    moved_by_ends: bool
    """Whether it must be fed events that only end alerts, and the time that passed until then."""

    def feed(self, one: Occurrence) -> Trigger | None:
        """Take the next occurrence in order. Returns the trigger that it makes, if any."""

    def due(self, before: int) -> Iterator[Trigger]:
        """Yields the triggers that time alone brought before `before`, in order, each once. They must be taken before
        an occurrence of that time is fed."""

    def deadline(self) -> int | None:
        """Return when time alone brings the next trigger."""

    def idle(self, at: int) -> bool:
        """Whether a new machine would give the same triggers from `at` on."""

    def saved(self) -> Any:
        """Return the state as JSON values."""
