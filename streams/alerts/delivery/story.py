"""The occasions of one alert, derived from its records: what is to be sent, and what has been sent. Pure.

An alert opens once for every episode of its condition, and anew whenever somebody resolved it, snoozed it or opened it
again. A destination receives each of these openings once, and the end if it received the opening. Late events can
renumber episodes, or extend one that was over: what opens because of that is an opening too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from schemas.alerts import Act, Acted, AlertRecord, Delivered, Detected, Detection, State, standing

STANDS: Final = timedelta(minutes=1)
"""An alert that is open again although its condition did not hold later counts as an opening after this long: a kill
has the last records repeated, the end among them."""

_TURNS: Final = frozenset({Act.RESOLVE, Act.SNOOZE, Act.REOPEN})


class Tries(NamedTuple):
    """The results of sending one occasion to one destination."""

    number: int
    first: datetime
    last: datetime
    succeeded: bool


class Opening(NamedTuple):
    """One of the times at which an alert opened."""

    episode: int
    """The episode of the condition: the highest number in any record so far."""
    turn: int
    """How often, so far, people had resolved, snoozed or reopened the alert and the condition then held again without a
    higher number."""

    def __str__(self) -> str:
        return f"{self.episode}.{self.turn}" if self.turn else str(self.episode)


class Occasion(NamedTuple):
    """Something to send about an alert."""

    name: str
    """Its name on the log: `opened 1`, `reopened 2`, `ended 2`, and with a turn `reopened 2.1`."""
    begin: datetime
    """When it became known."""
    stands: bool
    """Whether the alert is still open."""
    known: bool = True
    """Whether a record showed it; if not, it concerns only those to whom it was tried."""

    @property
    def kind(self) -> str:
        """One of `opened`, `reopened`, `ended`."""
        return self.name.partition(" ")[0]


class Story:
    """The records of one alert, taken in the order of the log; a repeated act or try counts once."""

    __slots__ = (
        "_acts", "_again", "_episodes", "_found_at", "_ids", "_maybe", "_opened", "_turns", "detected", "known", "told",
    )  # fmt: skip

    def __init__(self) -> None:
        self.detected: Detected | None = None
        """The rule's latest record of the alert."""
        self.known: datetime | None = None
        """When the alert's last record was appended."""
        self.told: dict[tuple[str, str], Tries] = {}
        """The results by destination and occasion."""
        self._acts: list[Acted] = []
        self._found_at: datetime | None = None
        self._ids: set[UUID] = set()
        self._episodes = self._again = self._turns = 0
        self._maybe: datetime | None = None
        """Since when it is open again, if that stands."""
        self._opened: tuple[Opening, datetime] | None = None

    def take(self, record: AlertRecord, at: datetime) -> None:
        """Take a record that was appended at `at`."""
        self.known = at
        if isinstance(record, Delivered):
            self._take_try(record)
            return
        if isinstance(record, Detected):
            self._count(record, at)
            self.detected, self._found_at = record, at
        elif record.act_id not in self._ids:
            self._ids.add(record.act_id)
            self._acts.append(record)
            self._turns += record.act in _TURNS
        if self.detected is not None and self._opens(self.detected, at):
            opening = self._opening(at)
            if self._opened is None or self._opened[0] != opening:
                self._opened = opening, at

    def occasions(self, now: datetime) -> list[Occasion]:
        """Return everything to be sent, already sent or not, in order of time.

        Returns nothing for an alert that is staging, withdrawn, snoozed, acknowledged, or resolved by somebody.
        """
        found = self.detected
        if found is None or found.staging:
            return []
        stands = standing(found, self._acts, now)
        opening = self._opening(now)
        known = self._opened is not None and self._opened[0] == opening
        begin = self._opened[1] if known and self._opened is not None else stands.since
        opened = Occasion(
            f"{'reopened' if opening > (1, 0) else 'opened'} {opening}", begin, stands.state is State.OPEN
        )
        if stands.state is State.OPEN:
            return [opened]
        if stands.state is not State.RESOLVED or stands.by:
            return []
        opened = opened._replace(known=known)
        return [opened, Occasion(f"ended {opening}", self._found_at or begin, False)]

    def opens_at(self, now: datetime) -> datetime | None:
        """Return when it will open again without any record."""
        if self._maybe is not None and now < self._maybe + STANDS:
            return self._maybe + STANDS
        return None if self.detected is None else standing(self.detected, self._acts, now).snoozed_until

    def over(self, now: datetime) -> bool:
        """Whether it is resolved or withdrawn."""
        if self.detected is None:
            return False
        return standing(self.detected, self._acts, now).state in (State.RESOLVED, State.WITHDRAWN)

    def _count(self, record: Detected, at: datetime) -> None:
        if self._stood(at):
            self._again += 1
            self._maybe = None
        before, opens = self.detected, record.detection is Detection.OPEN
        if not opens:
            self._maybe = None
        if record.episodes > self._episodes:
            self._episodes, self._again, self._maybe = record.episodes, 0, None
        elif opens and before is not None and before.detection is not Detection.OPEN:
            if record.triggered_at > before.triggered_at:
                self._again += 1
            else:
                self._maybe = at

    def _opening(self, now: datetime) -> Opening:
        return Opening(self._episodes, self._turns + self._again + self._stood(now))

    def _stood(self, now: datetime) -> bool:
        return self._maybe is not None and now >= self._maybe + STANDS

    def _opens(self, found: Detected, at: datetime) -> bool:
        """Whether it is open now, or was between its last two records."""
        stands = standing(found, self._acts, at)
        if stands.state is State.OPEN:
            return True
        turned = [act.counts_at for act in self._acts if act.act in _TURNS]
        return stands.state is State.RESOLVED and not stands.by and (not turned or max(turned) < found.since)

    def _take_try(self, record: Delivered) -> None:
        key = record.destination, record.occasion
        before = self.told.get(key, Tries(0, record.at, record.at, False))
        self.told[key] = Tries(
            max(before.number, record.attempt),
            min(before.first, record.at),
            max(before.last, record.at),
            before.succeeded or record.succeeded,
        )
