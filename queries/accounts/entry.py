"""One account during a fold: what is intended, what is confirmed, and what later events may still decide."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from queries.accounts.account import (
    ACTIVE,
    CLOSED,
    CONFIRMATION,
    CONFIRMS,
    DELETED,
    INACTIVE,
    INTENTION,
    NOT_TOLD,
    REPORTED_ABSENT,
    SHOWS_IT_OPEN,
    UNKNOWN,
    Account,
    Because,
    StateChange,
)
from queries.accounts.because import CLOCKS, REMEMBERED, told_by
from queries.accounts.folding import Place, Row, place_of
from queries.accounts.pushes import Pushes
from queries.accounts.step import Step
from queries.accounts.trial import Trial
from schemas.outcome import Outcome


class Decision(NamedTuple):
    """The state that an account is intended to be in, since when, and why."""

    state: str
    at: datetime
    place: Place
    because: Because
    group: str = ""
    """The id of the group whose binding gives the access, where it is known."""
    doubted_since: datetime | None = None
    """Between this time and `at` it is uncertain whether the decision held already."""


def told(state: str, row: Row) -> Decision:
    """Return the decision that the event makes."""
    group = row["group_id"] if state == ACTIVE else ""
    return Decision(state, row["occurred_at"], place_of(row), told_by(row), group)


def not_told(state: str, row: Row) -> Decision:
    """Return a decision whose cause is not in the log; it holds from the attempt on."""
    return Decision(state, row["occurred_at"], place_of(row), NOT_TOLD)


class _Removal(NamedTuple):
    """The state before somebody was removed from a group, to restore if the removal did not end the access."""

    before: Decision
    changes: int
    pushes: Pushes
    retried: bool
    """True if the attempt before was not accepted. The next accepted one may be its retry, so it proves nothing."""


@dataclass(slots=True)
class Entry:
    """An account and the state that its fold needs."""

    account: Account
    kind: str
    """`user` or `group`."""
    pushes: Pushes
    timeline: bool
    begun: bool = False
    """Whether an event with a believable time has set the initial state."""
    decided: Place | None = None
    group: str = ""
    suspended: bool = False
    """True if the account is closed only because the person is suspended: their return opens it again."""
    removal: _Removal | None = None
    """Set after a removal from a group, while an update may still show that the access did not end."""
    unbound: deque[Row] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """Ended bindings of groups that the person may have been in."""
    failed: bool = False
    """True if the last attempt was not accepted."""
    shut: str = ""
    """`closed` or `reported_absent` if the provider said so and nothing since may have opened the account; else
    empty."""
    trial: Trial = field(default_factory=Trial)
    testing: bool = False
    """Whether the last attempt may be the test of an activation."""
    burst: list[Step] = field(default_factory=list)
    """Steps that may belong to the activation's test."""

    def begin(self, initial: str) -> bool:
        """Set the initial state before the first event. Returns whether this was the first."""
        if self.begun:
            return False
        self.begun = True
        account = self.account
        account.initial = account.intended = account.confirmed = initial
        return True

    def heeds_update(self) -> bool:
        """Whether an accepted update would change more than `updated_at`. The test of an activation is not considered
        here."""
        account = self.account
        if not self.begun or self.removal is not None or account.intended == UNKNOWN:
            return True
        return account.confirmed in SHOWS_IT_OPEN and not account.hidden

    def intend(self, decision: Decision) -> None:
        """Make a decision the intended state from now on."""
        account, (state, at, place, because, group, doubted) = self.account, decision
        if self.timeline:
            if doubted is not None and doubted < at:
                account.changes.append(StateChange(INTENTION, UNKNOWN, doubted, because))
            account.changes.append(StateChange(INTENTION, state, at, because))
        if state in CLOSED and account.intended not in CLOSED:
            account.closing_since, account.closing_tries = at, 0
        if state not in CLOSED:
            account.closing_since, account.closing_tries = None, 0
        account.intended, account.intended_since, account.intended_because = state, at, because
        self.decided, self.group = place, group
        self.suspended, self.removal = False, None
        self.unbound.clear()
        self.pushes.decided(because, place)
        self._stand(place)

    def suspend(self, decision: Decision) -> None:
        """Intend the account closed while the person is suspended."""
        group = self.group
        self.intend(decision)
        self.suspended, self.group = True, group

    def closed_just_before(self, row: Row) -> bool:
        """Whether an attempt closed the account shortly before the act that it was made for: two services, two
        clocks."""
        account, since = self.account, self.account.intended_since
        untold = account.intended in CLOSED and account.intended_because == NOT_TOLD
        return untold and since is not None and row["occurred_at"] - since <= CLOCKS

    def remove(self, decision: Decision) -> None:
        """Intend the account closed after a removal from the group that gave access, until an update shows
        otherwise."""
        account = self.account
        assert account.intended_since is not None
        assert self.decided is not None
        because = account.intended_because or NOT_TOLD
        before = Decision(account.intended, account.intended_since, self.decided, because, self.group)
        removal = _Removal(before, len(account.changes), self.pushes.copy(), self.failed)
        self.intend(decision)
        self.removal = removal

    def went_on(self) -> None:
        """Restore what a removal from a group changed: an accepted update shows that the access did not end."""
        if self.removal is None:
            return
        (before, changes, pushes, retried), self.removal = self.removal, None
        if retried:
            self.removal = _Removal(before, changes, pushes, retried=False)
            return
        for run in pushes.runs.values():
            run.last.superseded_by = None
        account = self.account
        account.changes[changes:] = [change for change in account.changes[changes:] if change.view != INTENTION]
        self.pushes, self.decided, self.group = pushes, before.place, before.group
        account.intended, account.intended_since = before.state, before.at
        account.intended_because, account.closing_since = before.because, None
        self._stand(None)

    def integration(self, row: Row, *, deleted: bool) -> None:
        """Apply the deletion of the account's integration, or what shows that there is one again."""
        account, at = self.account, row["occurred_at"]
        account.left_behind = at if deleted else None
        if deleted and account.confirmed in (ACTIVE, INACTIVE):
            account.hidden = account.confirmed
            self._confirm(UNKNOWN, at, told_by(row))
        elif not deleted and account.hidden:
            state, account.hidden = account.hidden, ""
            self._confirm(state, at, told_by(row))
        self._stand(place_of(row))

    def settle(self, row: Row, meant: str) -> None:
        """Apply the result of an attempt."""
        account, outcome, at = self.account, row["outcome"], row["occurred_at"]
        self.failed = outcome != Outcome.SUCCESS
        confirmed = CONFIRMS.get((meant, outcome))
        if meant:
            account.attempted, account.attempted_at = meant, at
            account.closing_tries += meant in CLOSED
            if outcome == Outcome.SUCCESS:
                account.confirmed_at = at
        elif row["action"] == "update" and outcome == Outcome.SUCCESS:
            account.updated_at = at
            if account.confirmed in SHOWS_IT_OPEN and not account.hidden:
                confirmed = ACTIVE
        reopened = self.shut != "" and confirmed in (ACTIVE, UNKNOWN)
        if reopened or meant in CLOSED or (meant and account.intended not in CLOSED):
            account.last_try, account.last_outcome = at, outcome
            account.last_cause, account.last_detail = row["cause"], row["detail"]
        known = account.hidden or account.confirmed
        if (known, confirmed) in ((ACTIVE, UNKNOWN), (DELETED, REPORTED_ABSENT)):
            confirmed = None  # perhaps opened once more; a deleted account is not found: nothing new
        if confirmed is not None:
            self.shut = _shut(self.shut, confirmed)
            if confirmed != account.confirmed or account.hidden:
                self._confirm(confirmed, at, Because("attempt", row["event_id"], outcome))
            account.hidden = ""
        self._stand(place_of(row))

    def try_out(self, row: Row, activation: Row | None) -> None:
        """Record whether an attempt may be the test of the activation just before it, if there is one."""
        begun = self.trial.begun
        self.testing = self.trial.take(row, activation)
        self.account.test = self.trial.test
        if self.trial.begun != begun:
            self.burst.clear()

    def test(self, step: Step, activation: Row) -> None:
        """Attribute a step to the activation just before it; to its test, if the account is made and taken away
        again."""
        by = f" by {activation['actor_name']}" if activation["actor_name"] else ""
        step.because, step.retry_of = told_by(activation), None
        if len(self.burst) < REMEMBERED:
            self.burst.append(step)
        if self.account.test:
            because = Because("test", activation["event_id"], f"the test of an activation{by}")
            for one in self.burst:
                one.because = because
            step.because = because
            self.account.intended_because = because

    def _confirm(self, state: str, at: datetime, because: Because) -> None:
        account = self.account
        account.confirmed, account.confirmed_since = state, at
        if self.timeline:
            account.changes.append(StateChange(CONFIRMATION, state, at, because))

    def _stand(self, place: Place | None) -> None:
        account = self.account
        known = account.hidden or account.confirmed
        self.pushes.opened(known == ACTIVE and account.intended == ACTIVE, place)
        if account.intended in CLOSED:
            account.state = self.shut or "open"
        else:
            account.state = "open" if account.confirmed == ACTIVE else "unknown"


def meant_by(row: Row) -> str:
    """Return the state that the attempt was to give the account; empty if it leaves the state as it is."""
    if row["kind"] == "group":
        return {"create": ACTIVE, "delete": DELETED}.get(row["action"], "")
    state: str = row["account_state"]
    return state


def _shut(before: str, confirmed: str) -> str:
    """Return `Entry.shut` as it is after an answer that confirms the state."""
    if confirmed in CLOSED:
        return "closed"
    return (before or REPORTED_ABSENT) if confirmed == REPORTED_ABSENT else ""
