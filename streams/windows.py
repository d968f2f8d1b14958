"""Failure windows: attempts and failures by minute, application, event type and cause.

The fold is pure and a function of the *set* of copies: repeats and order change nothing. Its unit is a minute of one
organization, because copies of one event that disagree fall into different windows of it, and only the copy in force
may count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from schemas.envelope import TRUST_STEP
from schemas.facts import Facts
from schemas.outcome import Outcome
from streams.chunk import cut_at_months

MINUTE_US: Final = 60_000_000
NOBODY: Final = bytes(16)

Place = tuple[str, str, str]
"""Application id, event type, cause: identifies a window within its unit."""


class Unit(NamedTuple):
    """A minute of one organization."""

    organization: str
    minute: int
    """Its beginning, in whole seconds since 1970."""


class Copy(NamedTuple):
    """The part of one copy of an event that a window needs."""

    event_id: bytes
    fingerprint: bytes
    version: int
    """Among an event's copies, the one with the largest version is in force."""
    occurred_us: int
    event_type: str
    application_id: str
    application_name: str
    cause: str
    failed: bool
    subject_id: str

    @property
    def place(self) -> Place:
        """The window that the copy falls into."""
        return self.application_id, self.event_type, self.cause

    @property
    def weight(self) -> int:
        """The copy's trust. Adding any copy to a set makes the sum of the weights larger."""
        return self.version // TRUST_STEP + 1


class Window(NamedTuple):
    """One row of `failure_windows`, in the order of its Arrow batch."""

    organization: str
    window_start: int
    application_id: str
    application_name: str
    event_type: str
    cause: str
    """Why the failures failed; empty in the window of attempts that did not fail."""
    attempts: int
    """0 where better copies put every event elsewhere: the row stays, because its old count would otherwise stand."""
    failures: int
    subjects: int
    """The number of distinct subjects of the failures, as far as they are known."""
    first_event: bytes
    last_event: bytes
    first_at: int
    last_at: int
    seen: int
    """The weights of all copies of all events that have a copy here: of two rows, the one that knows more wins."""


def unit_of(organization: str, occurred_us: int) -> Unit:
    """Return the unit of an event that occurred at `occurred_us`."""
    return Unit(organization, occurred_us // MINUTE_US * 60)


def copy_of(facts: Facts, event_id: bytes, fingerprint: bytes, version: int, occurred_us: int) -> Copy:
    """Return the copy that an event's facts make."""
    return Copy(
        event_id,
        fingerprint,
        version,
        occurred_us,
        facts.event_type,
        facts.application_id,
        facts.application_name,
        facts.cause,
        facts.outcome == Outcome.FAILURE,
        facts.subject_id,
    )


def in_force(copies: Iterable[Copy]) -> Copy:
    """Return the one of an event's copies that counts."""
    return max(copies, key=lambda copy: (copy.version, copy.fingerprint))


def fold(unit: Unit, copies: Iterable[Copy]) -> list[Window]:
    """Return the windows of a unit. `copies` may repeat and come in any order."""
    known: dict[tuple[bytes, bytes], Copy] = {}
    for copy in copies:
        same = known.get(copy[:2])
        if same is None or copy > same:
            known[copy[:2]] = copy
    events: dict[bytes, list[Copy]] = {}
    for copy in known.values():
        events.setdefault(copy.event_id, []).append(copy)
    seen: dict[Place, int] = {}
    counted: dict[Place, list[Copy]] = {}
    for own in events.values():
        weight = sum(copy.weight for copy in own)
        for place in {copy.place for copy in own}:
            seen[place] = seen.get(place, 0) + weight
        best = in_force(own)
        counted.setdefault(best.place, []).append(best)
    return [_window(unit, place, counted.get(place, ()), seen[place]) for place in sorted(seen)]


def _window(unit: Unit, place: Place, counted: Sequence[Copy], seen: int) -> Window:
    ordered = sorted(counted, key=when)
    failed = [copy for copy in counted if copy.failed]
    return Window(
        unit.organization,
        unit.minute,
        place[0],
        ordered[-1].application_name if ordered else "",
        *place[1:],
        attempts=len(counted),
        failures=len(failed),
        subjects=len({copy.subject_id for copy in failed} - {""}),
        first_event=ordered[0].event_id if ordered else NOBODY,
        last_event=ordered[-1].event_id if ordered else NOBODY,
        first_at=ordered[0].occurred_us if ordered else 0,
        last_at=ordered[-1].occurred_us if ordered else 0,
        seen=seen,
    )


def when(copy: Copy) -> tuple[int, bytes]:
    """Sort key of events: time, then id."""
    return copy.occurred_us, copy.event_id


def in_inserts(windows: Sequence[Window]) -> Iterator[Sequence[Window]]:
    """Yields pieces that one insert can take: few months each."""
    ordered = sorted(windows, key=lambda window: window.window_start)
    start = 0
    for end in cut_at_months([_month(window.window_start) for window in ordered]):
        yield ordered[start:end]
        start = end


def _month(seconds: int) -> int:
    at = datetime.fromtimestamp(seconds, UTC)
    return at.year * 12 + at.month
