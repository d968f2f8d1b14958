"""The accounts of one subject while its events are folded: what decides about each, what each attempt does to it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from queries.account import (
    ABSENT,
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
    Change,
)
from queries.because import BURST, MOVE, PROMPT, REMEMBERED, ROLLOUT, Triggers, one_of, told_by
from queries.bindings import ACTIVATED, DEACTIVATED, GROUP_DELETED, Bindings, Memberships
from queries.folding import Place, Row, place_of
from queries.pushes import Pushes
from queries.step import Step
from schemas.outcome import Outcome


class _Decision(NamedTuple):
    state: str
    at: datetime
    place: Place
    because: Because
    group: str = ""
    doubted_since: datetime | None = None
    """From here to `at` it may or may not have been meant so."""


@dataclass(slots=True)
class _Entry:
    account: Account
    kind: str
    pushes: Pushes
    decided: Place | None = None
    group: str = ""
    """By whose binding the account is wanted, where that is known."""
    suspended: bool = False
    """Closed because the person is suspended: their return opens it again."""
    before_removal: tuple[_Decision, int, Pushes] | None = None
    """What was decided before somebody left a group, until something shows that it did not end their access."""
    unbound: deque[Row] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """Bindings that ended of groups which the person may have been in."""
    hidden: str = ""
    """What was confirmed before the integration was deleted."""
    shut: str = ""
    """closed or reported_absent, if the provider said so and nothing since may have opened the account."""
    burst: list[Step] = field(default_factory=list)
    """What an activation, `tested`, may have tried with it."""
    tested: UUID | None = None


class Ledger:
    """All accounts of one subject, by application."""

    def __init__(self, bindings: Bindings, memberships: Memberships, triggers: Triggers, *, timeline: bool) -> None:
        self._bindings: Final = bindings
        self._memberships: Final = memberships
        self._triggers: Final = triggers
        self._timeline: Final = timeline
        self._entries: dict[str, _Entry] = {}
        self._bound: dict[str, dict[str, Row]] = {}
        """By application and group, the bindings that hold."""
        self._deactivated: dict[str, datetime] = {}
        self._in_directory = False
        self._act: Row | None = None
        self._acted = ""
        self._moves: deque[Row] = deque(maxlen=REMEMBERED)

    def accounts(self) -> list[Account]:
        """In no order."""
        return [entry.account for entry in self._entries.values()]

    def know(self, row: Row) -> None:
        """An attempt whose time cannot be believed: the account is there, and that is all."""
        self._entry(row, UNKNOWN, row["kind"])

    # What is decided in the directory.

    def in_directory(self) -> None:
        """The subject is one of the directory's own, and no activation's test."""
        if not self._in_directory:
            self._in_directory = True
            for entry in self._entries.values():
                entry.account.test = False

    def person(self, row: Row, act: str) -> None:
        """Suspended, activated or deleted."""
        self._act, self._acted = row, act
        for application, entry in self._entries.items():
            intended = entry.account.intended
            if act == "suspended" and intended in (ACTIVE, UNKNOWN):
                self._decide(entry, INACTIVE, row)
                entry.suspended = True
            elif act == "activated" and entry.suspended and self._bound.get(application) != {}:
                self._decide(entry, ACTIVE, row)
            elif act == "deleted" and intended != DELETED:
                there = entry.account.confirmed in (ACTIVE, INACTIVE, UNKNOWN)
                if there or intended not in (INACTIVE, ABSENT):
                    self._decide(entry, DELETED, row)

    def member(self, row: Row) -> None:
        """The person was added to a group or removed."""
        self._moves.append(row)
        if self._acted in ("suspended", "deleted"):
            return
        group, place = row["group_id"], place_of(row)
        for application, bound in self._bound.items():
            if group not in bound:
                continue
            if row["action"] == "add":
                entry = self._entry({**row, **_application(bound[group])}, ABSENT, "user")
                if entry.account.intended != ACTIVE:
                    self._decide(entry, ACTIVE, row, group)
                continue
            known = self._entries.get(application)
            if known is not None and known.account.intended == ACTIVE and not self._elsewhere(application, row, group):
                self._remove(known, row, place)

    def _elsewhere(self, application: str, row: Row, group: str) -> bool:
        """Whether the person has, or within a moment gets, access through another group."""
        others = [other for other in self._bound[application] if other != group]
        place = place_of(row)
        return any(self._memberships.holds(other, place) for other in others) or self._memberships.joined_within(
            others, place, MOVE
        )

    def _remove(self, entry: _Entry, row: Row, place: Place) -> None:
        account = entry.account
        before = _Decision(
            account.intended,
            account.intended_since or row["occurred_at"],
            entry.decided or place,
            account.intended_because or NOT_TOLD,
            entry.group,
        )
        saved = before, len(account.changes), entry.pushes.copy()
        self._decide(entry, INACTIVE, row)
        entry.before_removal = saved

    def _access_went_on(self, entry: _Entry) -> None:
        """Something shows that the removal from a group left the account as it was."""
        assert entry.before_removal is not None
        before, changes, pushes = entry.before_removal
        for run in pushes.runs.values():
            run.last.superseded_by = None
        entry.before_removal = None
        del entry.account.changes[changes:]
        entry.pushes, entry.decided, entry.group = pushes, before.place, before.group
        account = entry.account
        account.intended, account.intended_since = before.state, before.at
        account.intended_because, account.closing_since = before.because, None
        _stand(entry)

    def bind(self, row: Row) -> None:
        """The subject itself, a group or a person, was bound to an application or unbound."""
        kind, added = ("group" if row["group_id"] else "user"), row["action"] == "add"
        entry = self._entry(row, ABSENT if added else UNKNOWN, kind)
        state = ACTIVE if added else DELETED if kind == "group" else INACTIVE
        if entry.account.intended != state and (added or entry.account.intended not in CLOSED):
            self._decide(entry, state, row)

    def group_deleted(self, row: Row) -> None:
        """The subject is a group, and is no more."""
        for entry in self._entries.values():
            if entry.account.intended not in (ABSENT, DELETED):
                self._decide(entry, DELETED, row)

    def surround(self, row: Row) -> None:
        """A binding of some group, or an integration, came or went."""
        application, event_type = row["application_id"], row["event_type"]
        if event_type in (ACTIVATED, DEACTIVATED):
            self._integration(application, row, event_type == DEACTIVATED)
        elif event_type == GROUP_DELETED:
            for bound_to, bound in self._bound.items():
                if bound.pop(row["subject_id"], None):
                    self._unbind(bound_to, row, row["subject_id"])
        elif row["group_id"]:
            bound = self._bound.setdefault(application, {})
            if row["action"] == "add":
                bound[row["group_id"]] = row
            else:
                bound.pop(row["group_id"], None)
                self._unbind(application, row, row["group_id"])

    def _unbind(self, application: str, row: Row, group: str) -> None:
        entry = self._entries.get(application)
        if entry is None or entry.kind != "user" or entry.account.intended != ACTIVE:
            return
        held = True if entry.group == group else self._memberships.holds(group, place_of(row))
        if held is False or self._elsewhere(application, row, group):
            return
        if held:
            self._decide(entry, INACTIVE, row)
        elif self._bound[application]:
            entry.unbound.append(row)
        else:
            unbound = [*entry.unbound, row]
            because = one_of(unbound, "binding") if len(unbound) > 1 else told_by(row)
            doubted = unbound[0]["occurred_at"]
            self._intend(entry, _Decision(INACTIVE, row["occurred_at"], place_of(row), because, "", doubted))

    def _integration(self, application: str, row: Row, deleted: bool) -> None:
        at: datetime = row["occurred_at"]
        if deleted:
            self._deactivated[application] = at
        else:
            self._deactivated.pop(application, None)
        entry = self._entries.get(application)
        if entry is None:
            return
        account = entry.account
        account.left_behind = at if deleted else None
        if deleted and account.confirmed in (ACTIVE, INACTIVE):
            entry.hidden = account.confirmed
            self._confirm(entry, UNKNOWN, at, told_by(row))
        elif not deleted and entry.hidden:
            state, entry.hidden = entry.hidden, ""
            self._confirm(entry, state, at, told_by(row))
        _stand(entry, place_of(row))

    # What is attempted.

    def attempt(self, row: Row, step: Step) -> None:
        """One attempt on an account; tells the step what set it off."""
        meant = _meant(row)
        entry = self._entry(row, ABSENT if row["action"] == "create" else UNKNOWN, row["kind"])
        if entry.before_removal is not None:
            if meant in CLOSED:
                entry.before_removal = None
            elif meant or row["action"] == "update":
                self._access_went_on(entry)
        activation = None if self._in_directory else self._bindings.activation_before(
            row["application_id"], row["occurred_at"], BURST
        )  # fmt: skip
        tested = activation is not None and (row["action"] == "create" or bool(entry.burst))
        if meant and entry.account.intended != meant:
            self._intend(entry, self._decision(entry, row, meant))
        elif row["action"] == "update" and entry.account.intended == UNKNOWN:
            self._intend(entry, _Decision(ACTIVE, row["occurred_at"], place_of(row), NOT_TOLD))
        because = entry.pushes.set_off(row, meant, entry.account, step)
        step.because = because
        if because.kind == "retry":
            step.retry_of = because.event_id
        if tested and activation is not None:
            self._test(entry, row, step, activation, meant)
        self._settle(entry, row, meant)

    def _test(self, entry: _Entry, row: Row, step: Step, activation: Row, meant: str) -> None:
        by = f" by {activation['actor_name']}" if activation["actor_name"] else ""
        step.because = Because("integration", activation["event_id"], f"activated{by}")
        step.retry_of = None
        if entry.tested != activation["event_id"]:
            entry.burst.clear()
        entry.tested = activation["event_id"]
        if len(entry.burst) < REMEMBERED:
            entry.burst.append(step)
        entry.account.test = entry.account.test or meant in CLOSED
        if entry.account.test:
            test = Because("test", activation["event_id"], f"the test of an activation{by}")
            for one in entry.burst:
                one.because = test
            step.because = test
            entry.account.intended_because = test

    def _settle(self, entry: _Entry, row: Row, meant: str) -> None:
        account, outcome, at = entry.account, row["outcome"], row["occurred_at"]
        if meant:
            account.attempted, account.attempted_at = meant, at
            account.closing_tries += meant in CLOSED
            account.last_try, account.last_outcome = at, outcome
            account.last_cause, account.last_detail = row["cause"], row["detail"]
            entry.shut = _shut(entry.shut, meant, outcome)
            if outcome == Outcome.SUCCESS:
                account.confirmed_at = at
        confirmed = CONFIRMS.get((meant, outcome))
        if not meant and row["action"] == "update" and outcome == Outcome.SUCCESS:
            account.updated_at = at
            if account.confirmed in SHOWS_IT_OPEN and not entry.hidden:
                confirmed = ACTIVE
        if confirmed == REPORTED_ABSENT and account.confirmed == DELETED:
            confirmed = None  # what was deleted is not found: that is no news
        if confirmed is not None:
            entry.hidden = ""
            if confirmed != account.confirmed:
                self._confirm(entry, confirmed, at, Because("attempt", row["event_id"], outcome))
        _stand(entry, place_of(row))

    def _decision(self, entry: _Entry, row: Row, meant: str) -> _Decision:
        """What an attempt is made for that nothing before it decided for certain."""
        found = self._opening(entry, row) if meant == ACTIVE else self._closing(entry, row, meant)
        return found or _Decision(meant, row["occurred_at"], place_of(row), NOT_TOLD)

    def _opening(self, entry: _Entry, row: Row) -> _Decision | None:
        application, at = row["application_id"], row["occurred_at"]
        tested = not self._in_directory and self._bindings.activation_before(application, at, BURST)
        if entry.kind != "user" or tested:
            return None
        act, floor = self._act, entry.decided
        last: Row | None = None
        if act is not None and (floor is None or place_of(act) > floor):
            if self._acted != "activated":
                return None
            last, floor = act, place_of(act)
        bound = self._bound.get(application, {})
        for move in self._moves:
            granted = move["action"] == "add" and (not bound or move["group_id"] in bound)
            if granted and (floor is None or place_of(move) > floor) and at - move["occurred_at"] <= PROMPT:
                last, floor = move, place_of(move)
        since = [
            one for one in bound.values()
            if (floor is None or place_of(one) > floor)
            and at - one["occurred_at"] <= ROLLOUT
            and self._memberships.holds(one["group_id"], place_of(one)) is not False
        ]  # fmt: skip
        since.sort(key=place_of)
        sure = [one for one in since if self._memberships.holds(one["group_id"], place_of(one))]
        if sure or len(since) == 1:
            return _told(ACTIVE, (sure or since)[0])
        if since:
            first, final = since[0], since[-1]
            because = one_of(since, "binding")
            return _Decision(ACTIVE, final["occurred_at"], place_of(final), because, "", first["occurred_at"])
        if last is not None:
            return _told(ACTIVE, last)
        activation = self._bindings.activation_before(application, at, ROLLOUT)
        if activation is not None and bound and (floor is None or place_of(activation) > floor):
            return _told(ACTIVE, activation)
        return None

    def _closing(self, entry: _Entry, row: Row, meant: str) -> _Decision | None:
        if entry.kind != "user":
            return None
        act, at = self._act, row["occurred_at"]
        wanted = {"suspended": INACTIVE, "deleted": DELETED}.get(self._acted)
        if act is not None and entry.decided is None and wanted in (meant, DELETED):
            return _told(meant, act)
        for move in reversed(self._moves):
            if at - move["occurred_at"] > PROMPT or (entry.decided is not None and place_of(move) <= entry.decided):
                break
            if move["action"] == "remove" and not self._bound.get(row["application_id"]):
                return _told(meant, move)
        recent = [one for one in entry.unbound if at - one["occurred_at"] <= ROLLOUT]
        if not recent:
            return None
        if len(recent) == 1:
            return _told(meant, recent[0])
        because = one_of(recent, "binding")
        return _Decision(meant, recent[-1]["occurred_at"], place_of(recent[-1]), because, "", recent[0]["occurred_at"])

    # Keeping.

    def _entry(self, row: Row, initial: str, kind: str) -> _Entry:
        application = row["application_id"]
        entry = self._entries.get(application)
        if entry is None:
            account = Account(application, row["application_name"], initial, initial, confirmed=initial)
            account.left_behind = self._deactivated.get(application)
            entry = self._entries[application] = _Entry(account, kind, Pushes(self._triggers))
        entry.account.application = row["application_name"] or entry.account.application
        return entry

    def _decide(self, entry: _Entry, state: str, row: Row, group: str = "") -> None:
        self._intend(entry, _told(state, row)._replace(group=group))

    def _intend(self, entry: _Entry, decision: _Decision) -> None:
        account, (state, at, place, because, group, doubted) = entry.account, decision
        if self._timeline:
            if doubted is not None and doubted < at:
                account.changes.append(Change(INTENTION, UNKNOWN, doubted, because))
            account.changes.append(Change(INTENTION, state, at, because))
        if state in CLOSED and account.intended not in CLOSED:
            account.closing_since, account.closing_tries = at, 0
        if state not in CLOSED:
            account.closing_since, account.closing_tries = None, 0
        account.intended, account.intended_since, account.intended_because = state, at, because
        entry.decided, entry.group = place, group
        entry.suspended, entry.before_removal = False, None
        entry.unbound.clear()
        entry.pushes.decided(because, place)
        _stand(entry, place)

    def _confirm(self, entry: _Entry, state: str, at: datetime, because: Because) -> None:
        account = entry.account
        account.confirmed, account.confirmed_since = state, at
        if self._timeline:
            account.changes.append(Change(CONFIRMATION, state, at, because))


def _told(state: str, row: Row) -> _Decision:
    return _Decision(state, row["occurred_at"], place_of(row), told_by(row), row.get("group_id") or "")


def _application(row: Row) -> Row:
    return {"application_id": row["application_id"], "application_name": row["application_name"]}


def _meant(row: Row) -> str:
    """What the attempt was to make of the account; empty where it leaves that as it is."""
    if row["kind"] == "group":
        return {"create": ACTIVE, "delete": DELETED}.get(row["action"], "")
    state: str = row["account_state"]
    return state


def _stand(entry: _Entry, place: Place | None = None) -> None:
    """After a change: `place` is where it stands."""
    account = entry.account
    known = entry.hidden or account.confirmed
    entry.pushes.opened(known == ACTIVE and account.intended == ACTIVE, place)
    if account.intended in CLOSED:
        account.state = entry.shut or "open"
    else:
        account.state = "open" if account.confirmed == ACTIVE else "unknown"


def _shut(before: str, meant: str, outcome: str) -> str:
    """What is left of it after an attempt."""
    if meant in CLOSED:
        if outcome == Outcome.SUCCESS:
            return "closed"
        return before or (REPORTED_ABSENT if outcome == Outcome.REPORTED_ABSENT else "")
    return before if outcome == Outcome.FAILURE else ""
