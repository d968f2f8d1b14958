"""The kinds of rules: when the events that a rule counts make a trigger. docs/rules.md defines each in a sentence.

Each kind is a state machine that takes occurrences in order, and whose state can be saved as JSON and restored. All are
pure: no clock, no I/O.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from statistics import median_low
from typing import Any, Final

from streams.alerts.machine import Machine, Trigger
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.rule import MOST_WITHIN, RuleKind
from streams.alerts.terms import DAY, HOUR, Terms

# Findings (queries/findings/mass_changes.py) compute their usual differently: docs/findings.md lists how.
USUAL_DAYS: Final = 28
"""Days before the day in question from which the usual is computed."""
LITTLE: Final = 7 * DAY
"""With a shorter history than this, nothing counts as usual."""
MOST_VALUES: Final = 20_000
"""Values that `new` remembers per group. When it is full, later values never count as new."""


def machine(terms: Terms, saved: Any = None) -> Machine:
    """Return a machine of the rule's kind: a new one, or the one that was saved."""
    made: Machine = _MACHINES[terms.kind](terms, saved)
    return made


class _Prompt:
    """A kind that time alone never triggers."""

    counted = 0
    moved_by_ends = False

    def due(self, before: int) -> Iterator[Trigger]:
        return iter(())

    def deadline(self) -> int | None:
        return None


class _Match(_Prompt):
    """Triggers on each match."""

    def __init__(self, terms: Terms, saved: Any) -> None:
        pass

    def feed(self, one: Occurrence) -> Trigger | None:
        return Trigger(one.at, one, one.at) if one.role & Role.MATCH else None

    def idle(self, at: int) -> bool:
        return True

    def saved(self) -> Any:
        return None


class _Window(_Prompt):
    """Counts matches within the window that ends with the event."""

    counted = Role.MATCH

    def __init__(self, terms: Terms, saved: Any) -> None:
        self._terms = terms
        self._within: deque[tuple[int, str, bool]] = deque()
        self._values: Counter[str] = Counter()
        self._failed = 0
        for at, value, failed in saved or ():
            self._add(at, value, failed)

    def _add(self, at: int, value: str, failed: bool) -> None:
        self._within.append((at, value, failed))
        self._failed += failed
        if value:
            self._values[value] += 1

    def _move(self, at: int) -> None:
        within, values = self._within, self._values
        while within and (within[0][0] <= at - self._terms.window or len(within) >= MOST_WITHIN):
            _, value, failed = within.popleft()
            self._failed -= failed
            if value:
                values[value] -= 1
                if not values[value]:
                    del values[value]

    def feed(self, one: Occurrence) -> Trigger | None:
        if not one.role & Role.MATCH:
            return None
        self._move(one.at)
        self._add(one.at, one.value, bool(one.role & Role.FAILED))
        return Trigger(one.at, one, one.at - self._terms.window + 1) if self._holds(one) else None

    def _holds(self, one: Occurrence) -> bool:
        return len(self._within) >= self._terms.threshold

    def idle(self, at: int) -> bool:
        return not self._within or self._within[-1][0] <= at - self._terms.window

    def saved(self) -> Any:
        return [list(each) for each in self._within]


class _Distinct(_Window):
    """Counts distinct values within the window."""

    def _holds(self, one: Occurrence) -> bool:
        return bool(one.value) and len(self._values) >= self._terms.threshold


class _Ratio(_Window):
    """Computes the share of failures among attempts within the window."""

    counted = Role.FAILED

    def _holds(self, one: Occurrence) -> bool:
        attempts = len(self._within)
        return (
            bool(one.role & Role.FAILED)
            and attempts >= self._terms.minimum
            and self._failed >= self._terms.ratio * attempts
        )


class _Mass(_Window):
    """Compares the distinct people within an hour with the group's own usual."""

    def __init__(self, terms: Terms, saved: Any) -> None:
        self._begun: int | None = None
        self._busiest: dict[int, int] = {}
        if saved is not None:
            self._begun = saved["begun"]
            self._busiest = {int(day): most for day, most in saved["busiest"]}
        super().__init__(terms._replace(window=HOUR), saved and saved["within"])

    def feed(self, one: Occurrence) -> Trigger | None:
        if one.role & Role.MATCH:
            one = one._replace(value=one.subject)
        return super().feed(one)

    def _holds(self, one: Occurrence) -> bool:
        if self._begun is None:
            self._begun = one.at
        people, day = len(self._values), one.at // DAY
        usual = self._usual(one.at, day)
        self._busiest[day] = max(people, self._busiest.get(day, 0))
        self._busiest = {each: most for each, most in self._busiest.items() if each >= day - USUAL_DAYS}
        return bool(one.value) and people >= min(max(self._terms.threshold, self._terms.multiple * usual), MOST_WITHIN)

    def _usual(self, at: int, day: int) -> int:
        """Return the median of the busiest hours of the days before; 0 while too little is known."""
        assert self._begun is not None
        if at - self._begun <= LITTLE:
            return 0
        return median_low(self._busiest.get(each, 0) for each in range(max(day - USUAL_DAYS, self._begun // DAY), day))

    def idle(self, at: int) -> bool:
        return False  # what is usual is never forgotten

    def saved(self) -> Any:
        return {"begun": self._begun, "busiest": sorted(self._busiest.items()), "within": super().saved()}


class _Sequence(_Prompt):
    """Triggers on one event followed by another, unless an event that ends the alert comes in between."""

    moved_by_ends = True

    def __init__(self, terms: Terms, saved: Any) -> None:
        self._window = terms.window
        self._last: int | None = saved

    def feed(self, one: Occurrence) -> Trigger | None:
        holds = one.role & Role.THEN and self._last is not None and self._last >= one.at - self._window
        if one.role & Role.UNTIL:
            self._last = None
        if one.role & Role.MATCH:
            self._last = one.at
        return Trigger(one.at, one, one.at) if holds else None

    def idle(self, at: int) -> bool:
        return self._last is None or self._last < at - self._window

    def saved(self) -> Any:
        return self._last


class _Absence:
    """Triggers on one event that is followed neither by the other nor by one that ends the alert."""

    counted = 0
    moved_by_ends = True

    def __init__(self, terms: Terms, saved: Any) -> None:
        self._window = terms.window
        self._waiting: deque[Occurrence] = deque(Occurrence(*each) for each in saved or ())

    def feed(self, one: Occurrence) -> Trigger | None:
        if one.role & (Role.THEN | Role.UNTIL):
            self._waiting.clear()  # those that waited longer than the window were due before
        if one.role & Role.MATCH and len(self._waiting) < MOST_WITHIN:
            self._waiting.append(one)
        return None

    def due(self, before: int) -> Iterator[Trigger]:
        while self._waiting and self._waiting[0].at + self._window < before:
            one = self._waiting.popleft()
            yield Trigger(one.at + self._window, one, one.at)

    def deadline(self) -> int | None:
        return self._waiting[0].at + self._window if self._waiting else None

    def idle(self, at: int) -> bool:
        return not self._waiting

    def saved(self) -> Any:
        return [list(each) for each in self._waiting]


class _Silence(_Absence):
    """Triggers when an event is not followed by another match."""

    def feed(self, one: Occurrence) -> Trigger | None:
        if one.role & Role.MATCH:
            self._waiting.clear()
            self._waiting.append(one)
        return None


class _New(_Prompt):
    """Triggers on the first event with its value."""

    def __init__(self, terms: Terms, saved: Any) -> None:
        self._learn = terms.learn
        self._begun: int | None = None
        self._values: set[str] = set()
        if saved is not None:
            self._begun, values = saved
            self._values = set(values)

    def feed(self, one: Occurrence) -> Trigger | None:
        if not one.role & Role.MATCH:
            return None
        if self._begun is None:
            self._begun = one.at
        if not one.value or one.value in self._values or len(self._values) >= MOST_VALUES:
            return None
        self._values.add(one.value)
        return Trigger(one.at, one, one.at) if one.at > self._begun + self._learn else None

    def idle(self, at: int) -> bool:
        return False  # what is known is never forgotten

    def saved(self) -> Any:
        return [self._begun, sorted(self._values)]


_MACHINES: Final[Mapping[RuleKind, Any]] = {
    RuleKind.MATCH: _Match,
    RuleKind.THRESHOLD: _Window,
    RuleKind.DISTINCT: _Distinct,
    RuleKind.RATIO: _Ratio,
    RuleKind.SEQUENCE: _Sequence,
    RuleKind.ABSENCE: _Absence,
    RuleKind.NEW: _New,
    RuleKind.SILENCE: _Silence,
    RuleKind.MASS: _Mass,
}
