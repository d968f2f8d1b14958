"""What tells when a rule's condition holds, from the occurrences of one group: each kind has its own, in `kinds`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from streams.alerts.occurrence import Occurrence


class Trigger(NamedTuple):
    """The rule's condition holds."""

    at: int
    by: Occurrence
    """The event that made it hold, or that nothing followed."""
    since: int
    """When the first event that it rests on can have been."""


class Machine(Protocol):
    """One kind, for one group of one rule."""

    counted: int
    """The role of the events that count while an alert is open, beside the triggers; 0: only those count."""
    moved_by_ends: bool
    """Whether it has to be told of what only ends alerts, and of the time that passed until then."""

    def feed(self, one: Occurrence) -> Trigger | None:
        """The next occurrence in order."""

    def due(self, before: int) -> Iterator[Trigger]:
        """What time alone has brought by then, in order; each once. Fed with an occurrence, everything before it must
        have been taken."""

    def deadline(self) -> int | None:
        """When time alone brings the next trigger."""

    def idle(self, at: int) -> bool:
        """Whether a new machine would say the same from `at` on."""

    def saved(self) -> Any:
        """Its state, as JSON can hold it."""
