"""One person's or group's lifecycle: every attempt in every application, what set it off, and where accounts stand.

The fold is pure and a function of the set of events: order of arrival and repeats change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from queries.account import (
    ABSENT,
    ACTIVE,
    CLOSED,
    CONFIRMED,
    DELETED,
    INACTIVE,
    INTENDED,
    NOT_TOLD,
    REPORTED_ABSENT,
    UNKNOWN,
    Account,
    Because,
    Change,
)
from queries.because import MAKES, Triggers, act_on_person, is_edit
from queries.bindings import NO_BINDINGS, Bindings, Memberships, is_membership
from queries.folding import Place, Row, in_force, place_of
from queries.ledger import Ledger
from queries.pushes import RETRY_WINDOW
from queries.step import COLUMNS, Step, step_of
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome
from schemas.times import TimeQuality

__all__ = (
    "ABSENT", "ACTIVE", "CLOSED", "COLUMNS", "CONFIRMED", "DELETED", "INACTIVE", "INTENDED", "REPORTED_ABSENT",
    "RETRY_WINDOW", "UNKNOWN", "Account", "Because", "Bindings", "Change", "Fold", "Lifecycle", "Memberships",
    "Row", "Step", "fold", "in_force",
)  # fmt: skip


class Lifecycle(NamedTuple):
    """The whole answer."""

    steps: list[Step]
    accounts: list[Account]


class Fold:
    """Takes a subject's events, each once, in the order of (occurred, event id), and keeps only where things
    stand: no event. `timeline`: the accounts keep every change of their states too. Unless `explained` steps do not
    tell what set them off, nor what they retry; where accounts stand does not depend on it."""

    def __init__(
        self,
        bindings: Bindings = NO_BINDINGS,
        memberships: Memberships | None = None,
        *,
        timeline: bool = False,
        explained: bool = True,
    ) -> None:
        self._bindings = bindings
        self._next = 0
        self._triggers = Triggers()
        self._ledger = Ledger(
            bindings, memberships or Memberships(), self._triggers, timeline=timeline, explained=explained
        )

    def add(self, row: Row) -> Step:
        """The step that the event is. Its `because` and `superseded_by` may still change with the events after it."""
        step = step_of(row)
        if step.time_quality != TimeQuality.OK:
            if step.kind in ("user", "group") and step.application_id:
                self._ledger.know(row)
                step.because = NOT_TOLD
            return step
        self._surroundings(place_of(row))
        if step.kind in ("user", "group") and step.application_id:
            self._ledger.attempt(row, step)
        elif step.kind == "other":
            self._act(row)
        return step

    def in_doubt(self, application: str) -> bool:
        """Whether the next accepted updates of the account there may tell that somebody's removal from a group did not
        end the access."""
        return self._ledger.in_doubt(application)

    def heeds_update(self, application: str) -> bool:
        """Whether, up to the next event, an accepted update that says nothing of what the account there is to be could
        change anything but when it was last updated."""
        return self._ledger.heeds_update(application)

    def accounts(self) -> list[Account]:
        """Where they stand, by application, after everything that surrounds the subject too."""
        self._surroundings(None)
        return sorted(self._ledger.accounts(), key=lambda account: (account.application, account.application_id))

    def _surroundings(self, until: Place | None) -> None:
        agenda: Sequence[Row] = self._bindings.agenda
        while self._next < len(agenda) and (until is None or place_of(agenda[self._next]) < until):
            row = agenda[self._next]
            self._next += 1
            if is_membership(row):
                self._triggers.add(row)
                self._ledger.in_directory()
            else:
                self._ledger.surround(row)

    def _act(self, row: Row) -> None:
        if row["outcome"] == Outcome.FAILURE:
            return
        if row["event_type"] == ASSOCIATION_CHANGE:
            if is_membership(row):
                self._ledger.member(row)
            elif row["application_id"]:
                self._ledger.bind(row)
        elif row["event_type"] == "group_delete":
            self._ledger.group_deleted(row)
        elif act := act_on_person(row):
            self._ledger.person(row, act)
        elif row["event_type"] in MAKES:
            self._ledger.made()
        elif is_edit(row):
            self._triggers.add(row)
        self._ledger.in_directory()


def fold(rows: Iterable[Row], bindings: Bindings = NO_BINDINGS, *, timeline: bool = False) -> Lifecycle:
    """The lifecycle that a subject's events tell, in any order and however often each is given.

    Without `bindings` what sets attempts off is known as far as the subject's own events tell. Events whose time
    cannot be believed come first and change no state.
    """
    own = in_force(rows)
    folding = Fold(bindings, Memberships(own), timeline=timeline)
    steps = [folding.add(row) for row in own]
    return Lifecycle(steps, folding.accounts())
