"""Keeps the accounts of one subject during a fold: applies the decisions of the directory and the attempts to them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from queries.accounts.account import ABSENT, ACTIVE, CLOSED, DELETED, INACTIVE, UNKNOWN, Account
from queries.accounts.because import Triggers, one_of, told_by
from queries.accounts.bindings import ACTIVATED, DEACTIVATED, GROUP_DELETED, USED, Bindings, Memberships
from queries.accounts.directory import LEAVES, Directory
from queries.accounts.entry import Decision, Entry, meant_by, not_told, told
from queries.accounts.folding import Row, place_of
from queries.accounts.pushes import Pushes, Unasked
from queries.accounts.step import Step
from schemas.outcome import Outcome
from schemas.times import TimeQuality


class Ledger:
    """The accounts of one subject, by application."""

    def __init__(
        self, bindings: Bindings, memberships: Memberships, triggers: Triggers, *, timeline: bool, explained: bool
    ) -> None:
        self._directory: Final = Directory(bindings, memberships)
        self._triggers: Final = triggers
        self._timeline: Final = timeline
        self._pushes: Final = Pushes if explained else Unasked
        self._entries: Final[dict[str, Entry]] = {}
        self._deactivated: Final[dict[str, datetime]] = {}

    def accounts(self) -> list[Account]:
        """Return the accounts in no particular order."""
        return [entry.account for entry in self._entries.values()]

    def in_doubt(self, application: str) -> bool:
        """Whether a later accepted update may show that a removal from a group did not end the access."""
        entry = self._entries.get(application)
        return entry is not None and entry.removal is not None

    def heeds_update(self, application: str) -> bool:
        """Whether an accepted update now could change more than the account's `updated_at`."""
        entry = self._entries.get(application)
        return entry is None or entry.heeds_update() or (entry.trial.begun is not None and not entry.trial.known)

    def know(self, row: Row) -> None:
        """Record that an account exists, from an attempt whose time cannot be believed. Its state stays unknown."""
        self._entry(row, UNKNOWN, row["kind"])

    # Decisions of the directory.

    def in_directory(self) -> None:
        """Record that the directory knows the subject, so it is not the test of an activation."""
        if not self._directory.knows_subject:
            self._directory.knows_subject = True
            for entry in self._entries.values():
                entry.trial.known, entry.account.test = True, False

    def person(self, row: Row, act: str) -> None:
        """Apply an act on the person: suspended, activated or deleted."""
        self._directory.act, self._directory.acted = row, act
        for entry in self._entries.values():
            intended = entry.account.intended
            if act == "suspended" and intended in (ACTIVE, UNKNOWN):
                entry.suspend(told(INACTIVE, row))
            elif act == "suspended" and entry.closed_just_before(row):
                entry.suspended = True
            elif act == "activated" and entry.suspended:
                entry.intend(told(ACTIVE, row))
            elif act == "deleted" and intended != DELETED:
                there = entry.account.confirmed in (ACTIVE, INACTIVE, UNKNOWN)
                if there or intended not in (INACTIVE, ABSENT):
                    entry.intend(told(DELETED, row))

    def made(self) -> None:
        """Record that a person who had left is in the directory again. Their accounts keep their state."""
        # XXX: a person who is created suspended counts as active too, so a push makes their account wanted.
        # `directory_acts`, by which suspects are found, does not hold creations.
        if self._directory.acted in LEAVES:
            self._directory.act, self._directory.acted = None, ""

    def member(self, row: Row) -> None:
        """Apply the addition of the person to a group, or the removal."""
        self._directory.moves.append(row)
        for application, bound in self._directory.bound.items():
            group = bound.get(row["group_id"])
            if group is not None and row["action"] == "add":
                self._give(row, group)
            elif group is not None:
                self._take(application, row)

    def bind(self, row: Row) -> None:
        """Apply the binding of the subject itself, a group or a person, to an application, or its end."""
        application, added = row["application_id"], row["action"] == "add"
        if not row["group_id"]:
            if added:
                self._give(row, row)
            else:
                self._entry(row, UNKNOWN, "user")
                self._take(application, row)
            return
        entry = self._entry(row, ABSENT if added else UNKNOWN, "group")
        if added:
            self._directory.left.pop(application, None)
        else:
            self._directory.left[application] = row
        state = ACTIVE if added else DELETED
        if entry.account.intended != state:
            entry.intend(told(state, row))

    def _give(self, row: Row, binding: Row) -> None:
        """Give the person access by a binding, their own or a group's.

        A suspended person gets the access when they are activated; a deleted person gets none.
        """
        if self._directory.acted in LEAVES:
            known = self._entries.get(binding["application_id"])
            if known is not None and self._directory.acted == "suspended":
                known.suspended = True
            return
        entry = self._entry({**row, **_application(binding)}, ABSENT, "user")
        if entry.account.intended != ACTIVE:
            entry.intend(told(ACTIVE, row))

    def _take(self, application: str, row: Row) -> None:
        """Take the person's access to an application, unless something else still gives it."""
        if self._directory.gives_elsewhere(application, row):
            return
        self._directory.left[application] = row
        entry = self._entries.get(application)
        if entry is None:
            return
        entry.suspended = False
        if entry.account.intended == ACTIVE:
            entry.remove(told(INACTIVE, row))
        elif entry.account.intended == UNKNOWN:
            entry.intend(told(INACTIVE, row))

    def group_deleted(self, row: Row) -> None:
        """Apply the deletion of the subject, a group."""
        for application, entry in self._entries.items():
            self._directory.left[application] = row
            if entry.account.intended not in (ABSENT, DELETED):
                entry.intend(told(DELETED, row))

    def surround(self, row: Row) -> None:
        """Apply a change around the subject: a group's binding, a group's deletion, or the activation, deletion or use
        of an integration."""
        application, event_type = row["application_id"], row["event_type"]
        if event_type in (ACTIVATED, DEACTIVATED, USED):
            self._integration(application, row, deleted=event_type == DEACTIVATED)
        elif event_type == GROUP_DELETED:
            for bound_to, bound in self._directory.bound.items():
                if bound.pop(row["subject_id"], None):
                    self._unbind(bound_to, row, row["subject_id"])
        elif row["group_id"]:
            bound = self._directory.bound.setdefault(application, {})
            if row["action"] == "add":
                bound[row["group_id"]] = row
                if application in self._entries and self._directory.memberships.holds(row["group_id"], place_of(row)):
                    self._give(row, row)
            else:
                bound.pop(row["group_id"], None)
                self._unbind(application, row, row["group_id"])

    def _unbind(self, application: str, row: Row, group: str) -> None:
        entry = self._entries.get(application)
        pushed_for = entry is not None and entry.group == group
        held = pushed_for or self._directory.memberships.holds(group, place_of(row))
        if held is False or self._directory.gives_elsewhere(application, row):
            return
        if held:
            self._directory.left[application] = row
        if entry is None or entry.kind != "user":
            return
        entry.suspended = entry.suspended and not held and bool(self._directory.bound[application])
        if entry.account.intended != ACTIVE:
            return
        if held:
            entry.intend(told(INACTIVE, row))
        elif self._directory.bound[application]:
            entry.unbound.append(row)
        else:
            unbound = [*entry.unbound, row]
            because = one_of(unbound, "binding") if len(unbound) > 1 else told_by(row)
            doubted = unbound[0]["occurred_at"]
            entry.intend(Decision(INACTIVE, row["occurred_at"], place_of(row), because, "", doubted))

    def _integration(self, application: str, row: Row, *, deleted: bool) -> None:
        at: datetime = row["occurred_at"]
        if deleted:
            self._deactivated[application] = at
        else:
            self._deactivated.pop(application, None)
        entry = self._entries.get(application)
        if entry is not None:
            entry.integration(row, deleted=deleted)

    # Attempts.

    def attempt(self, row: Row, step: Step) -> None:
        """Apply one attempt on an account, and set what set the step off."""
        meant, action = meant_by(row), row["action"]
        entry = self._entry(row, ABSENT if action == "create" else UNKNOWN, row["kind"])
        activation = None if entry.trial.known else self._directory.just_activated(row)
        entry.try_out(row, activation)
        if meant in CLOSED:
            entry.removal = None
        elif not meant and action == "update" and row["outcome"] == Outcome.SUCCESS and self._directory.may_give(row):
            entry.went_on()
        intended = entry.account.intended
        if intended == UNKNOWN and action == "update" and not meant:
            self._open(entry, row, not_told(ACTIVE, row))
        elif meant == ACTIVE != intended:
            self._open(entry, row, self._directory.decision(entry, row, meant))
        elif meant and intended != meant:
            decision = self._directory.decision(entry, row, meant)
            entry.intend(decision)
            entry.suspended = self._directory.suspended_by(decision)
        step.because = entry.pushes.set_off(row, meant, entry.account, step)
        if step.because.kind == "retry":
            step.retry_of = step.because.event_id
        if activation is not None and entry.testing:
            entry.test(step, activation)
        entry.settle(row, meant)

    def _open(self, entry: Entry, row: Row, wanted: Decision) -> None:
        """Make the account wanted by an attempt that opens it, unless the directory has ended the access."""
        end = self._directory.end(entry, row)
        if end is None:
            entry.intend(wanted)
            return
        if entry.account.intended not in CLOSED:
            entry.intend(end)
        entry.suspended = self._directory.returns(entry, row)

    def _entry(self, row: Row, initial: str, kind: str) -> Entry:
        application = row["application_id"]
        entry = self._entries.get(application)
        if entry is None:
            account = Account(application, row["application_name"])
            account.left_behind = self._deactivated.get(application)
            entry = self._entries[application] = Entry(account, kind, self._pushes(self._triggers), self._timeline)
            entry.trial.known = self._directory.knows_subject
        if entry.begin(initial) and row["time_quality"] != TimeQuality.OK:
            entry.begun = False  # the first event with a believable time still sets the initial state
        entry.account.application = row["application_name"] or entry.account.application
        return entry


def _application(row: Row) -> Row:
    return {"application_id": row["application_id"], "application_name": row["application_name"]}
