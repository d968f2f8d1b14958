"""The state of one person or group at a time, by what was known at a time.

There are two times throughout: when an event occurred, and when it became known, which is when its first copy was
appended to the log. A late event changes the answer for an earlier time only from when it became known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.accounts.account import ACTIVE, UNKNOWN, Account
from queries.accounts.because import MAKES, act_on_person, made_as
from queries.accounts.bindings import GROUP_DELETED, Bindings, is_membership
from queries.accounts.folding import Row
from queries.histories import read_told
from queries.lifecycle import Fold
from queries.members import Members, read_members
from queries.people.names_at import names_at
from queries.people.resolving import Person, each_id
from queries.store import SMALL_LIMITS, Store
from schemas.outcome import Outcome
from schemas.times import LATEST, SENTINEL, TICK, TimeQuality, to_microseconds

MAX_NAMED: Final = 10_000
"""How many groups or members are named."""
_STATES: Final = {"activated": "active", "staged": "staged", "suspended": "suspended", "deleted": "deleted"}
_OPENNESS: Final = {UNKNOWN: 0, "deleted": 1, "suspended": 2, "staged": 3, "active": 4}


class DirectoryState(NamedTuple):
    """A person's state in the directory."""

    state: str
    """active, staged, suspended or deleted; unknown if the log does not say."""
    since: datetime | None
    event_id: UUID | None


class Asked(NamedTuple):
    """The time that is asked about, and when the knowledge ends."""

    at: datetime
    known_at: datetime | None
    """None stands for everything known by now."""


class Member(NamedTuple):
    """A member of a group, or a group that a person is in."""

    id: str
    name: str
    """As it was called at the time asked about."""
    since: datetime


class Accepted(NamedTuple):
    """A group in one application: its members as the application last accepted them."""

    application_id: str
    application: str
    at: datetime
    members: int
    missing: list[str]
    """Ids of people who joined the group since."""
    left_over: list[str]
    """Ids of people who are no longer in the group."""


@dataclass(frozen=True, slots=True)
class State:
    """The answer for one time."""

    asked: Asked
    directory: DirectoryState
    accounts: list[Account]
    """The accounts after the last event at or before the time."""
    groups: list[Member]
    """For a person: the groups in the directory, as far as the log says."""
    members: dict[str, datetime]
    """For a group: every member in the directory, as far as the log says, by id with the time of joining."""
    accepted: list[Accepted]
    """For a group: its members in each application."""
    events: int
    """The number of events that the answer is based on."""
    later: int
    """Events at that time or before that became known only afterwards: today's answer counts them too."""


class Difference(NamedTuple):
    """One account at two times; None where it was not known yet."""

    application_id: str
    application: str
    before: Account | None
    after: Account | None


class Differences(NamedTuple):
    """What differs between two times."""

    accounts: list[Difference]
    joined: dict[str, datetime]
    """Groups of a person, or members of a group: each id with the time of joining."""
    left: dict[str, datetime]
    unchanged: int
    """Accounts without a difference."""


def blind_since(asked: Asked) -> datetime | None:
    """Return when knowledge ended, if it ended before the time asked about; nothing could be known from then on."""
    return asked.known_at if asked.known_at is not None and asked.known_at < asked.at else None


def read_state(store: Store, subject: Person, asked: Asked) -> State:
    """Return the state of every account of all the person's ids; each id has its own accounts.

    At most one batch of events is held at once, however many there are.
    """
    until, known = asked.at + TICK, asked.known_at or LATEST
    owns: list[_Own] = []
    accounts: list[Account] = []
    accepted: list[Accepted] = []
    members: dict[str, datetime] = {}
    events = 0
    for one in read_told(store, each_id(subject), until, known):
        folding = Fold(one.bindings, one.memberships, explained=False)
        own = _Own()
        for row in one.events:
            folding.add(row)
            own.add(row)
            events += 1
        own.leave_deleted(one.bindings)
        group = read_members(store, subject.organization, one.subject_id, one.bindings, asked.known_at)
        found, inside = folding.accounts(), group.at(asked.at)
        for account in found:
            account.subject_id = one.subject_id
        owns.append(own)
        accounts += found
        accepted += _accepted(group, found, inside) if own.is_group else []
        members |= inside
    return State(
        asked,
        _standing_of(owns),
        sorted(accounts, key=lambda account: (account.application, account.application_id)),  # stable for ids
        _groups_of(store, subject.organization, owns, asked),
        members,
        accepted,
        events,
        count_later(store, subject, asked),
    )


def compare(before: State, after: State) -> Differences:
    """Return what differs in `after`. Pure."""
    ones = {(account.application_id, account.subject_id): account for account in before.accounts}
    others = {(account.application_id, account.subject_id): account for account in after.accounts}
    found = []
    for key in sorted(ones.keys() | others.keys()):
        one, other = ones.get(key), others.get(key)
        if _standing(one) != _standing(other):
            name = (other or one).application  # type: ignore[union-attr]  # because one of them is there
            found.append(Difference(key[0], name, one, other))
    found.sort(key=lambda each: (each.application.lower(), each.application_id))
    were, are = _inside(before), _inside(after)
    joined = {each: are[each] for each in are.keys() - were.keys()}
    left = {each: were[each] for each in were.keys() - are.keys()}
    return Differences(found, joined, left, len(ones.keys() | others.keys()) - len(found))


def name_members(store: Store, organization: str, since: Mapping[str, datetime], asked: Asked) -> list[Member]:
    """Return groups or members in the order of their names at the time asked about; the first `MAX_NAMED` ids of
    more."""
    own = sorted(since)[:MAX_NAMED]
    names = names_at(store, organization, own, asked.at, asked.known_at or LATEST)
    found = [Member(each, names.get(each, each), since[each]) for each in own]
    return sorted(found, key=lambda member: (member.name.lower(), member.id))


def _standing(account: Account | None) -> tuple[object, ...] | None:
    if account is None:
        return None
    return account.intended, account.confirmed, account.state, account.closing_since, account.closing_tries


def _inside(state: State) -> dict[str, datetime]:
    """Return the groups of a person or the members of a group."""
    return {group.id: group.since for group in state.groups} | state.members


class _Own:
    """What the directory says of one id of a person: its state, and which groups it is in."""

    def __init__(self) -> None:
        self.standing = DirectoryState(UNKNOWN, None, None)
        self.groups: dict[str, Member] = {}
        self.is_group = False

    def add(self, row: Row) -> None:
        self.is_group = self.is_group or row["kind"] == "group"
        if row["kind"] != "other" or row["time_quality"] != TimeQuality.OK or row["outcome"] == Outcome.FAILURE:
            return
        act = made_as(row) if row["event_type"] in MAKES else act_on_person(row)
        if act:
            self.standing = DirectoryState(_STATES[act], row["occurred_at"], row["event_id"])
            if act == "deleted":
                self.groups.clear()
        elif is_membership(row) and row["action"] == "add":
            self.groups[row["group_id"]] = Member(row["group_id"], row["group_name"], row["occurred_at"])
        elif is_membership(row):
            self.groups.pop(row["group_id"], None)

    def leave_deleted(self, bindings: Bindings) -> None:
        """Remove the memberships of deleted groups."""
        for row in bindings.agenda:
            member = self.groups.get(row["subject_id"]) if row["event_type"] == GROUP_DELETED else None
            if member is not None and member.since <= row["occurred_at"]:
                del self.groups[member.id]


def _standing_of(owns: list[_Own]) -> DirectoryState:
    """Return the standing of the person: active if any id is active; among ids with the same state the last counts."""
    return max(
        (own.standing for own in owns), key=lambda standing: (_OPENNESS[standing.state], standing.since or SENTINEL)
    )


def _groups_of(store: Store, organization: str, owns: list[_Own], asked: Asked) -> list[Member]:
    """Return the groups that any id is in, as the latest id in it has them."""
    held = {group: member for own in owns for group, member in own.groups.items()}
    names = names_at(store, organization, list(held), asked.at, asked.known_at or LATEST)
    found = [member._replace(name=names.get(group, member.name)) for group, member in held.items()]
    return sorted(found, key=lambda member: (member.name.lower(), member.id))


# Every copy counts, in force or not: an event is known since its first copy.
_LATER: Final = (
    "SELECT count() FROM (SELECT event_id FROM events_by_subject"
    " WHERE organization = {organization:String} AND subject_id IN {subjects:Array(String)}"
    " AND occurred_at <= fromUnixTimestamp64Micro({at:Int64}, 'UTC')"
    " AND (empty({applications:Array(String)}) OR application_id = ''"
    " OR application_id IN {applications:Array(String)})"
    " GROUP BY event_id HAVING min(known_at) > fromUnixTimestamp64Micro({known:Int64}, 'UTC')) LIMIT 1"
)


def later_sql() -> str:
    """Return the SQL of how many events became known later."""
    return _LATER


def count_later(store: Store, subject: Person, asked: Asked, applications: Sequence[str] = ()) -> int:
    """Return how many events up to the time became known only after the given knowledge; 0 if that is everything.

    With `applications`, by id, only their events and the directory's count.
    """
    if asked.known_at is None:
        return 0
    parameters = {**_parameters(subject, asked), "applications": list(applications)}
    ((number,),) = store.query(later_sql(), parameters, SMALL_LIMITS)
    return int(number)


def _accepted(group: Members, accounts: list[Account], members: dict[str, datetime]) -> list[Accepted]:
    found = []
    for account in accounts:
        if account.updated_at is not None and account.confirmed == ACTIVE:
            then = group.at(account.updated_at)
            found.append(
                Accepted(
                    account.application_id,
                    account.application,
                    account.updated_at,
                    len(then),
                    sorted(members.keys() - then.keys()),
                    sorted(then.keys() - members.keys()),
                )
            )
    return found


def _parameters(subject: Person, asked: Asked) -> dict[str, Any]:
    return {
        "organization": subject.organization,
        "subjects": [one.subject_id for one in each_id(subject)],
        "at": to_microseconds(asked.at),
        "known": to_microseconds(asked.known_at or LATEST),
    }
