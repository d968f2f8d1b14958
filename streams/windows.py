"""Failure windows: what was attempted and what failed, by minute, application, event type and cause.

The fold is pure and a function of the *set* of copies: repeats and order change nothing. Its unit is a
minute of one organization, since copies of one event that disagree fall into different windows of it,
and only the copy in force may count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from schemas.facts import Facts
from schemas.outcome import Outcome

MINUTE_US: Final = 60_000_000


class Unit(NamedTuple):
    """A minute of one organization."""

    organization: str
    minute: int
    """Whole seconds since 1970 of its beginning."""


class Copy(NamedTuple):
    """What a window needs of one copy of an event."""

    event_id: bytes
    fingerprint: bytes
    version: int
    """The largest of an event's copies is in force."""
    occurred_us: int
    event_type: str
    application_id: str
    application_name: str
    cause: str
    failed: bool
    subject_id: str


class Window(NamedTuple):
    """One row of `failure_windows`, in the order of its Arrow batch."""

    organization: str
    window_start: int
    application_id: str
    application_name: str
    event_type: str
    cause: str
    """Why the failures failed; empty in the window of what did not."""
    attempts: int
    failures: int
    subjects: int
    """Distinct subjects of the failures."""
    first_event: bytes
    last_event: bytes
    first_at: int
    last_at: int
    seen: int
    """Distinct copies that fall here, in force or not: of two rows, the one that has seen more wins."""


def unit_of(organization: str, occurred_us: int) -> Unit:
    """The unit that an event of `occurred_us` belongs to."""
    return Unit(organization, occurred_us // MINUTE_US * 60)


def copy_of(facts: Facts, event_id: bytes, fingerprint: bytes, version: int, occurred_us: int) -> Copy:
    """The copy that an event's facts make."""
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


class Minute:
    """The copies of one unit that are known so far."""

    __slots__ = ("_copies",)

    def __init__(self) -> None:
        self._copies: dict[tuple[bytes, bytes], Copy] = {}

    def add(self, copy: Copy) -> bool:
        """Whether it told anything new."""
        key = (copy.event_id, copy.fingerprint)
        known = self._copies.get(key)
        if known is not None and known.version >= copy.version:
            return False
        self._copies[key] = copy
        return True

    def copies(self) -> Iterable[Copy]:
        """All of them, each fingerprint once."""
        return self._copies.values()


def fold(unit: Unit, copies: Iterable[Copy]) -> list[Window]:
    """The windows of a unit. `copies` may repeat and come in any order."""
    minute = Minute()
    for copy in copies:
        minute.add(copy)
    in_force: dict[bytes, Copy] = {}
    seen: dict[tuple[str, str, str], list[Copy]] = {}
    for copy in minute.copies():
        best = in_force.get(copy.event_id)
        if best is None or (copy.version, copy.fingerprint) > (best.version, best.fingerprint):
            in_force[copy.event_id] = copy
        seen.setdefault((copy.application_id, copy.event_type, copy.cause), []).append(copy)
    windows = []
    for (application_id, event_type, cause), fallen in sorted(seen.items()):
        counted = [copy for copy in fallen if in_force[copy.event_id] is copy]
        # A window that a better copy emptied keeps a row, or its old count would stand.
        ordered = sorted(counted or fallen, key=lambda copy: (copy.occurred_us, copy.event_id))
        first, last = ordered[0], ordered[-1]
        windows.append(
            Window(
                unit.organization,
                unit.minute,
                application_id,
                max(copy.application_name for copy in fallen),
                event_type,
                cause,
                attempts=len(counted),
                failures=sum(copy.failed for copy in counted),
                subjects=len({copy.subject_id for copy in counted if copy.failed}),
                first_event=first.event_id,
                last_event=last.event_id,
                first_at=first.occurred_us,
                last_at=last.occurred_us,
                seen=len(fallen),
            )
        )
    return windows
