"""What really happened, recorded beside the events.

It is the oracle of the tests: it knows the simulation, never the code under test.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from producers.simulation.account_truth import AccountTruth, Change, Try
from producers.simulation.at_once import HeldGroup, MassChange, Remapped, Unmapped
from producers.simulation.model import ABSENT, ACTIVE, CLOSED, Account, Person

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OTHER = "other"  # the outcome under which every event outside the twelve types is counted


def instant(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


class SetOff(NamedTuple):
    """The cause of an attempt.

    kind: act (an event of the directory or an integration), retry (of the first of the attempts it repeats), instead
    (of an update that found no account). event_id: that event's; None where none is logged.
    """

    kind: str
    event_id: str | None


@dataclass(slots=True, eq=False)
class Episode:
    """One trouble of one application with one cause, whether or not it touched anybody.

    started, ended: when the provider began and stopped misbehaving (ended None: it still does); the events lie within.
        Trouble that only an attempt reveals (a refused group deletion, a long title) starts with its first event.
    trouble: the simulator's name of the misbehaviour; cause: one of the fifteen; attribute: the one at fault, or "".
    subjects: ids of those whose attempts failed, in order of appearance (empty for integration events).
    events: ids of the failed attempts in order; None for one logged without an id (an oddity).
    """

    id: str
    application_id: str
    application: str
    trouble: str
    cause: str
    attribute: str
    started: int
    ended: int | None = None
    subjects: dict[str, None] = field(default_factory=dict)
    events: list[str | None] = field(default_factory=list)


@dataclass(slots=True)
class Leaver:
    """Somebody who was suspended and not reinstated. `event_id` is the directory's user_update to SUSPENDED."""

    subject_id: str
    username: str
    suspended_at: int
    event_id: str


@dataclass(slots=True)
class Truth:
    """The truth up to the last event taken from the organisation; it grows with each event.

    Without `recording` only `counts` is kept, in constant memory.
    counts: event type -> outcome *as the log states it* -> number. The twelve types by success, failure,
    reported_absent, unknown; all other types under "other"; events whose oddity removed the type under "".
    set_off: what caused each attempt, by the attempt's id.
    superseded: failed attempts whose retry was dropped, by id, with the event that overtook them.
    integrations: when they were activated and deactivated: (application id, at, whether it is active).
    mass_changes: the accounts closed by giving up an application, in order.
    unmapped: the attributes whose mappings were removed, in order; remapped: the changes that gave people one.
    groups: the groups that each application really has, by its id, in order of creation.
    """

    recording: bool = True
    accounts: dict[tuple[str, str], AccountTruth] = field(default_factory=dict)
    set_off: dict[str, SetOff] = field(default_factory=dict)
    superseded: dict[str, str | None] = field(default_factory=dict)
    integrations: list[tuple[str, int, bool]] = field(default_factory=list)
    mass_changes: list[MassChange] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    remapped: list[Remapped] = field(default_factory=list)
    groups: dict[str, list[HeldGroup]] = field(default_factory=dict)
    episodes: list[Episode] = field(default_factory=list)
    leavers: dict[str, Leaver] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    oddities: Counter[str] = field(default_factory=Counter)

    def _of(self, account: Account) -> AccountTruth:
        key = (account.app.id, account.subject.id)
        found = self.accounts.get(key)
        if found is None:
            kind = "user" if isinstance(account.subject, Person) else "user_group"
            found = self.accounts[key] = AccountTruth(account.app.name, kind, account.subject.name)
        return found

    def count(self, event_type: str, outcome: str) -> None:
        outcomes = self.counts.get(event_type)
        if outcomes is None:
            outcomes = self.counts[event_type] = Counter()
        outcomes[outcome] += 1

    def intend(self, account: Account, state: str, at: int, event_id: str | None) -> None:
        if account.intended != state:
            account.intended = state
            if self.recording:
                self._of(account).intended.append(Change(state, at, event_id))

    def attempt(self, event_id: str | None, set_off: SetOff) -> None:
        if self.recording and event_id is not None:
            self.set_off[event_id] = set_off

    def overtake(self, account: Account, event_id: str | None) -> None:
        """Drop whatever of the account still waits for a retry."""
        if account.waiting is not None and self.recording:
            self.superseded[account.waiting] = event_id
        account.waiting = None

    def integrate(self, application_id: str, at: int, active: bool) -> None:
        if self.recording:
            self.integrations.append((application_id, at, active))

    def take_away(self, kind: str, application_id: str, at: int, event_id: str | None, subjects: Iterable[str]) -> None:
        """Record that these accounts of the application, and others by the same kind of decision at that instant, are
        closed."""
        if not self.recording:
            return
        latest = self.mass_changes[-1] if self.mass_changes else None
        if latest is None or (latest.kind, latest.application_id, latest.at) != (kind, application_id, at):
            latest = MassChange(kind, application_id, at)
            self.mass_changes.append(latest)
        latest.subjects.update(dict.fromkeys(subjects))
        if event_id is not None:
            latest.acts.append(event_id)

    def unmap(
        self, application_id: str, at: int, event_id: str | None, attribute: str, subjects: Iterable[str]
    ) -> None:
        if self.recording:
            self.unmapped.append(Unmapped(application_id, at, event_id, attribute, frozenset(subjects)))

    def remap(self, application_id: str, at: int, event_id: str | None) -> None:
        if self.recording:
            self.remapped.append(Remapped(application_id, at, event_id))

    def pushed(self, account: Account, at: int, *, made: bool) -> None:
        if self.recording:
            found = self._of(account)
            found.pushed_at, found.made_at = at, at if made else found.made_at

    def hold_group(self, account: Account, at: int, event_id: str | None) -> None:
        """Record that the provider creates a group, without checking whether it has one of that name."""
        if self.recording:
            held = self.groups.setdefault(account.app.id, [])
            held.append(HeldGroup(account.subject.id, account.subject.name, at, event_id))

    def drop_group(self, account: Account) -> None:
        """Record that the most recently created group is deleted."""
        held = self.groups.get(account.app.id, [])
        for place in range(len(held) - 1, -1, -1):
            if held[place].subject_id == account.subject.id:
                del held[place]
                return

    def confirm(self, account: Account, state: str, at: int, event_id: str | None) -> None:
        if account.confirmed != state or state == ABSENT:
            account.confirmed = state
            if self.recording:
                self._of(account).confirmed.append(Change(state, at, event_id))

    def happen(self, account: Account, state: str, at: int, event_id: str | None) -> None:
        if account.actual != state:
            account.actual = state
            if self.recording:
                self._of(account).actual.append(Change(state, at, event_id))

    def close_tried(self, account: Account, at: int, cause: str) -> None:
        if self.recording:
            self._of(account).tries.append(Try(at, cause))

    def used(self, account: Account, at: int) -> None:
        if self.recording:
            self._of(account).uses.append(at)

    def open_accounts(self) -> list[dict[str, Any]]:
        """Return the accounts that were meant to be closed and that the log does not confirm closed, or that are still
        open."""
        found: list[dict[str, Any]] = []
        for (application_id, subject_id), truth in self.accounts.items():
            if truth.subject_type != "user" or not truth.intended or truth.intended[-1].state not in CLOSED:
                continue
            confirmed = truth.confirmed[-1].state if truth.confirmed else ABSENT
            actual = truth.actual[-1].state if truth.actual else ABSENT
            if ACTIVE not in (confirmed, actual):
                continue
            meant = truth.meant_closed()
            assert meant is not None
            tries, used = truth.tries_since(meant.at), truth.used_since(meant.at)
            found.append(
                {
                    "application_id": application_id, "application": truth.application,
                    "subject_id": subject_id, "username": truth.subject_name,
                    "meant_closed_at": _text(meant.at), "event_id": meant.event_id,
                    "confirmed": confirmed, "actual": actual,
                    "tries": len(tries), "first_try_at": _text(tries[0].at if tries else None),
                    "last_try_at": _text(tries[-1].at if tries else None), "cause": tries[-1].cause if tries else "",
                    "used_at": _text(used),
                }
            )  # fmt: skip
        return found


def _text(at: int | None) -> str | None:
    return None if at is None else instant(at).isoformat().replace("+00:00", "Z")
