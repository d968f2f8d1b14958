"""Folds the health of an integration's credentials: state, troubles and forecast, from accepted and refused attempts
and changes.

The fold is pure and a function of the *set* of marks, ordered by (occurred, event id). See docs/integrations.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from queries.expiry import Forecast, Observed, forecast_of, observe
from queries.token_lifetimes import lifetime_of
from queries.trouble import Attempts, ConfigurationChange, End, Mark, Place, Trouble

SURE: Final = 3
"""After this many refusals in a row credentials count as failing; fewer may be a whim of the provider."""
BY_TURNS: Final = timedelta(hours=24)
"""If two troubles ended within this time without a re-authorisation, the credentials work by turns."""
RECENT: Final = timedelta(days=7)
"""How long an ended trouble is still reported."""
SILENCE: Final = timedelta(days=7)
"""After this long without an accepted or refused attempt, nobody knows whether the credentials work."""


class State(StrEnum):
    """The state of the credentials."""

    FAILING = "failing"
    STILL_FAILING = "still_failing"
    """Re-authorised, and refused again."""
    DEGRADING = "degrading"
    REAUTHORISED = "reauthorised"
    """Re-authorised, and nothing was tried since."""
    RECOVERED = "recovered"
    SILENT = "silent"
    HEALTHY = "healthy"
    DEACTIVATED = "deactivated"


MEANINGS: Final[dict[State, str]] = {
    State.FAILING: f"The last {SURE} or more attempts in a row were refused for their credentials, and nobody has "
    "re-authorised or activated the integration since the first of them.",
    State.STILL_FAILING: "In the same trouble the integration was re-authorised or activated, and then an attempt or "
    "the new credentials themselves were refused.",
    State.DEGRADING: f"Fewer than {SURE} attempts in a row were refused, including the last; or credentials were "
    f"refused, accepted, refused and accepted again within {BY_TURNS // timedelta(hours=1)} h, and nobody "
    "re-authorised the integration.",
    State.REAUTHORISED: "In trouble, then successfully re-authorised or activated; nothing was accepted or refused "
    "since, so it is not known yet whether that helped.",
    State.RECOVERED: f"The last trouble ended with an accepted attempt, at most {RECENT.days} days ago.",
    State.SILENT: f"Not in trouble, and for {SILENCE.days} days, or ever, no attempt told whether the credentials "
    "work: nothing was accepted, or refused for them. Failures of other causes tell nothing.",
    State.HEALTHY: "The last conclusive attempt was accepted, and none of the other states holds.",
    State.DEACTIVATED: "The integration was deleted, and since then nothing was accepted, refused or activated.",
}
"""When each state applies. If several do, the first in the order of `state_of` counts."""

UNWELL: Final = frozenset({State.FAILING, State.STILL_FAILING, State.DEGRADING, State.REAUTHORISED})


class Health(NamedTuple):
    """The health of one integration at one time."""

    state: State
    since: datetime | None
    """When it entered this state; None if nothing is known of it."""
    first_good: Place | None
    last_good: Place | None
    change: ConfigurationChange | None
    """The last change, whatever its outcome."""
    authorised: ConfigurationChange | None
    """The last successful re-authorisation or activation."""
    troubles: tuple[Trouble, ...]
    """The troubles in order. Only the last can be ongoing."""
    observed: Observed | None
    forecast: Forecast | None


def fold(marks: Iterable[Mark], application: str, at: datetime) -> Health:
    """Return the health at `at`, from marks no later than that."""
    folding = _Fold()
    for mark in sorted(marks, key=_place):
        folding.add(mark)
    troubles = folding.finished()
    observed = observe(troubles)
    state, since = state_of(folding, troubles, at)
    forecast = None
    if folding.authorised and state in (State.HEALTHY, State.RECOVERED, State.SILENT, State.REAUTHORISED):
        told = lifetime_of(application)
        forecast = forecast_of(folding.authorised, folding.last_good, observed, told)
    return Health(
        state,
        since,
        folding.first_good,
        folding.last_good,
        folding.change,
        folding.authorised,
        troubles,
        observed,
        forecast,
    )


def _place(mark: Mark) -> Place:
    return mark.place if isinstance(mark, ConfigurationChange) else mark.first


class _Fold:
    """Takes the marks in order."""

    def __init__(self) -> None:
        self.first_good: Place | None = None
        self.last_good: Place | None = None
        self.change: ConfigurationChange | None = None
        self.authorised: ConfigurationChange | None = None
        self.deleted: Place | None = None
        self._troubles: list[Trouble] = []

    def add(self, mark: Mark) -> None:
        if isinstance(mark, Attempts):
            self.deleted = None
            if mark.accepted:
                self._end(mark.first, End.BY_ITSELF)
                self.first_good = self.first_good or mark.first
                self.last_good = mark.last
            else:
                self._refuse(mark.first, mark.last, mark.tries, mark.detail)
            return
        self.change = mark
        if mark.refused:
            self.deleted = None
            self._refuse(mark.place, mark.place, 1, mark.detail)
        if mark.authorises and self.trouble and mark.place > self.trouble.start:
            self._troubles[-1] = self.trouble._replace(changes=(*self.trouble.changes, mark))
        if mark.authorises and mark.accepted:
            self.authorised, self.deleted = mark, None
        if mark.action == "delete" and mark.accepted:
            self._end(mark.place, End.DELETED)
            self.deleted = mark.place

    @property
    def trouble(self) -> Trouble | None:
        """The ongoing trouble, or None."""
        return self._troubles[-1] if self._troubles and self._troubles[-1].ended is None else None

    def finished(self) -> tuple[Trouble, ...]:
        return tuple(self._troubles)

    def _refuse(self, first: Place, last: Place, tries: int, detail: str) -> None:
        trouble = self.trouble
        if trouble is None:
            self._troubles.append(Trouble(first, last, tries, detail, self.authorised, self.last_good, (), None, None))
        else:
            self._troubles[-1] = trouble._replace(last=last, refusals=trouble.refusals + tries)

    def _end(self, place: Place, end: End) -> None:
        trouble = self.trouble
        if trouble is None:
            return
        if end is End.BY_ITSELF and any(change.accepted for change in trouble.changes):
            end = End.REAUTHORISED
        self._troubles[-1] = trouble._replace(ended=place, end=end)


def state_of(folding: _Fold, troubles: Sequence[Trouble], at: datetime) -> tuple[State, datetime | None]:
    """Return the state and when it began: the first of these that applies."""
    if folding.deleted:
        return State.DEACTIVATED, folding.deleted.at
    trouble = troubles[-1] if troubles else None
    if trouble and trouble.ended is None:
        return _in_trouble(trouble)
    turns = [one for one in troubles if one.ended and at - one.ended.at <= BY_TURNS]
    if len(turns) > 1 and turns[-1].end is End.BY_ITSELF:
        return State.DEGRADING, turns[0].start.at
    last_good = folding.last_good
    if trouble and trouble.ended and trouble.end is not End.DELETED and at - trouble.ended.at <= RECENT:
        return State.RECOVERED, trouble.ended.at
    if last_good is None or at - last_good.at > SILENCE:
        return State.SILENT, last_good.at if last_good else None
    began = folding.first_good if trouble is None or trouble.end is End.DELETED else trouble.ended
    return State.HEALTHY, began.at if began else None


def _in_trouble(trouble: Trouble) -> tuple[State, datetime]:
    tried = [change for change in trouble.changes if change.accepted or change.refused]
    if tried:
        if tried[-1].accepted and tried[-1].place > trouble.last:
            return State.REAUTHORISED, tried[-1].place.at
        return State.STILL_FAILING, tried[0].place.at
    return State.DEGRADING if trouble.refusals < SURE else State.FAILING, trouble.start.at
