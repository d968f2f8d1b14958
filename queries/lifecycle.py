"""Folds the events of one person or group into a lifecycle: each attempt, what set it off, and the state of each
account.

The fold is pure and a function of the set of events: order of arrival and repeats change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from queries.accounts.account import (
    NOT_TOLD,
    Account,
)
from queries.accounts.because import MAKES, Triggers, act_on_person, is_edit
from queries.accounts.bindings import NO_BINDINGS, Bindings, Memberships, is_membership
from queries.accounts.folding import Place, Row, in_force, place_of
from queries.accounts.ledger import Ledger
from queries.accounts.step import Step, step_of
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome
from schemas.times import TimeQuality


class Lifecycle(NamedTuple):
    """A folded lifecycle: its steps in order, and the accounts they lead to."""

    steps: list[Step]
    accounts: list[Account]


class Fold:
    """Folds a subject's events into accounts, without keeping the events.

    Events must be added once each, in the order of (occurred, event id). With `timeline` each account also keeps every
    change of its states. Without `explained` the steps do not say what set them off or what they retry; the accounts
    are the same.
    """

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
        """Fold one event and return its step. Later events may still change the step's `because` and
        `superseded_by`."""
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
        """Whether a later accepted update of the account may show that a removal from a group did not end the
        access."""
        return self._ledger.in_doubt(application)

    def heeds_update(self, application: str) -> bool:
        """Whether an accepted update before the next event could change more than the account's `updated_at`.

        This concerns updates that do not say what the account is to be.
        """
        return self._ledger.heeds_update(application)

    def accounts(self) -> list[Account]:
        """Apply the rest of the agenda of bindings, and return the accounts in order of application."""
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
    """Fold a subject's events into its lifecycle. They may come in any order and repeat.

    Without `bindings`, causes are found only among the subject's own events. Events whose time cannot be believed come
    first and change no state.
    """
    own = in_force(rows)
    folding = Fold(bindings, Memberships(own), timeline=timeline)
    steps = [folding.add(row) for row in own]
    return Lifecycle(steps, folding.accounts())
