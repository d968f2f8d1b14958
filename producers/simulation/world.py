"""The state shared by all parts of a running simulation.

This is the agenda of what happens next, the dice, the roster, the journal and the truth.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from producers.simulation.dice import Dice
from producers.simulation.journal import Journal, SimulatedEvent
from producers.simulation.model import Application, Person
from producers.simulation.roster import Roster
from producers.simulation.truth import Episode, Truth

Act = Callable[..., SimulatedEvent | None]


@dataclass(frozen=True, slots=True)
class Pace:
    """Rates of events: means per person and day, unless stated otherwise, weighted by working hours and weekends."""

    edits: float = 0.5  # changes of a person's attributes
    sign_ins: float = 2.0
    joins: float = 0.003
    leaves: float = 0.004
    transfers: float = 0.004  # to another department
    touches: float = 6.0  # of a group's record, per group and day
    admin_acts: float = 6.0  # logins and the like, per day


@dataclass(slots=True)
class Agenda:
    """Acts in order of time. Each returns the one event that it causes, or None, and may add later acts."""

    _heap: list[tuple[int, int, Act, tuple[Any, ...]]] = field(default_factory=list)
    _added: int = 0

    def add(self, at: int, act: Act, *arguments: Any) -> None:
        self._added += 1
        heapq.heappush(self._heap, (at, self._added, act, arguments))

    def next_at(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def take(self) -> tuple[int, Act, tuple[Any, ...]]:
        at, _, act, arguments = heapq.heappop(self._heap)
        return at, act, arguments


@dataclass(slots=True)
class World:
    start: int
    end: int
    calm_from: int  # nobody leaves, moves or returns at random from here on, so that the story's ends stay visible
    agenda: Agenda
    dice: Dice
    roster: Roster
    journal: Journal
    truth: Truth
    pace: Pace
    reserved: set[str] = field(default_factory=set)  # people in the story: random events leave them alone
    neglected: set[tuple[str, int]] = field(default_factory=set)  # (person id, application index): never pushed to
    _episodes: int = 0

    def episode(self, at: int, app: Application, trouble: str, cause: str, attribute: str = "") -> Episode:
        self._episodes += 1
        found = Episode(f"episode-{self._episodes}", app.id, app.name, trouble, cause, attribute, at)
        if self.truth.recording:
            self.truth.episodes.append(found)
        return found

    def employee(self, free: bool = False) -> Person | None:
        """Return an employee, with `free` one outside the story; None if three tries found none."""
        for _ in range(3):
            person = self.dice.pick(self.roster.people)
            if person.employed and not (free and person.id in self.reserved):
                return person
        return None
