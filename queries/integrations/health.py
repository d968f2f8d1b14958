"""Folds the health of an integration's credentials: state, troubles and forecast, from accepted and refused attempts
and changes.

The fold is pure and a function of the *set* of marks, ordered by (occurred, event id). See docs/integrations.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from queries.accounts.bindings import ON_ITS_WAY
from queries.integrations.expiry import Forecast, Observed, forecast_of, observe
from queries.integrations.token_lifetimes import lifetime_of
from queries.integrations.trouble import SILENCE, Attempts, ConfigurationChange, End, Mark, Place, Trouble
from schemas.action import Action

SURE: Final = 3
"""After this many refusals in a row credentials count as failing; fewer may be a whim of the provider."""
BY_TURNS: Final = timedelta(hours=24)
"""If two troubles ended within this time without a re-authorisation, the credentials work by turns."""
RECENT: Final = timedelta(days=7)
"""How long an ended trouble is still reported."""


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
    State.DEACTIVATED: "The integration was deleted and not activated since, nor, from "
    f"{ON_ITS_WAY // timedelta(hours=1)} h after the deletion on, was anything accepted or refused.",
}
"""When each state applies. If several do, the first in the order of `state_of` counts."""

UNWELL: Final = frozenset({State.FAILING, State.STILL_FAILING, State.DEGRADING, State.REAUTHORISED})


class Health(NamedTuple):
    """The health of one integration at one time."""

    state: State
    since: datetime | None
    """When it entered this state; None if nothing is known of it."""
    last_good: Place | None
    change: ConfigurationChange | None
    """The last change, whatever its outcome."""
    authorised: ConfigurationChange | None
    """The last successful re-authorisation or activation; of a deleted integration none."""
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
        self.began: Place | None = None
        """The first accepted attempt since the last deletion, silence or trouble."""
        self.last_good: Place | None = None
        self.change: ConfigurationChange | None = None
        self.authorised: ConfigurationChange | None = None
        self.deleted: Place | None = None
        self.still: Place | None = None
        """The first refusal after a re-authorisation within the ongoing trouble, or of one."""
        self._troubles: list[Trouble] = []

    def add(self, mark: Mark) -> None:
        if isinstance(mark, Attempts):
            self._use(mark.last.at)
            if mark.accepted:
                self._accept(mark.first, mark.last)
            elif self.deleted is None:
                self._refuse(mark.first, mark.last, mark.tries, mark.detail)
            return
        self.change = mark
        if mark.authorises and mark.accepted:
            self.authorised = mark
            if mark.action == Action.ACTIVATE:
                self.deleted = None
            self._use(mark.place.at)
        if mark.refused and self.deleted is None:
            self._refuse(mark.place, mark.place, 1, mark.detail)
        if mark.authorises and self.trouble and mark.place > self.trouble.start:
            self._troubles[-1] = self.trouble._replace(changes=(*self.trouble.changes, mark))
            if mark.accepted:
                self.still = None
            elif mark.refused:
                self.still = self.still or mark.place
        if mark.deletes:
            self._end(mark.place, End.DELETED)
            self.deleted, self.began, self.authorised = mark.place, None, None

    def _use(self, at: datetime) -> None:
        """Take something that only an integration does."""
        if self.deleted and at - self.deleted.at > ON_ITS_WAY:
            self.deleted = None

    def _accept(self, first: Place, last: Place) -> None:
        if self.deleted is None:
            anew = self.began is None or self.last_good is None or first.at - self.last_good.at > SILENCE
            if anew or self.trouble:
                self.began = first
            self._end(first, End.BY_ITSELF)
        self.last_good = last

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
            return
        self._troubles[-1] = trouble._replace(last=last, refusals=trouble.refusals + tries)
        if any(change.accepted for change in trouble.changes):
            self.still = self.still or first

    def _end(self, place: Place, end: End) -> None:
        trouble = self.trouble
        if trouble is None:
            return
        if end is End.BY_ITSELF and any(change.accepted for change in trouble.changes):
            end = End.REAUTHORISED
        self._troubles[-1] = trouble._replace(ended=place, end=end)
        self.still = None


def state_of(folding: _Fold, troubles: Sequence[Trouble], at: datetime) -> tuple[State, datetime | None]:
    """Return the state and when it began: the first of these that applies."""
    if folding.deleted:
        return State.DEACTIVATED, folding.deleted.at
    trouble = troubles[-1] if troubles else None
    if trouble and trouble.ended is None:
        return _in_trouble(trouble, folding.still)
    last_good, began = folding.last_good, folding.began
    turns = [one for one in troubles if one.ended and at - one.ended.at <= BY_TURNS]
    mended = trouble is not None and began is not None and trouble.ended == began
    if mended and len(turns) > 1 and turns[-1].end is End.BY_ITSELF:
        return State.DEGRADING, turns[0].start.at
    if mended and began and at - began.at <= RECENT:
        return State.RECOVERED, began.at
    if began and last_good and at - last_good.at <= SILENCE:
        return State.HEALTHY, began.at
    told = [last_good.at] if last_good and began else []
    if folding.authorised:
        told.append(folding.authorised.place.at)
    return State.SILENT, max(told, default=None)


def _in_trouble(trouble: Trouble, still: Place | None) -> tuple[State, datetime]:
    if still:
        return State.STILL_FAILING, still.at
    tried = [change for change in trouble.changes if change.accepted and change.place > trouble.last]
    if tried:
        return State.REAUTHORISED, tried[0].place.at
    return State.DEGRADING if trouble.refusals < SURE else State.FAILING, trouble.start.at
