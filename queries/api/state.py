"""Routes that return the state of somebody at a time, by what was known at a time."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from queries.accounts.account import Account as Told
from queries.api.access import Given, Organization
from queries.api.account_models import Account, Person
from queries.api.models import Answer
from queries.people.resolving import find_person
from queries.state import MAX_NAMED, Asked, State, blind_since, compare, name_members, read_state
from schemas.times import parse_past, require_order

router = APIRouter(prefix="/api/v1", tags=["findings"])

Who = Annotated[str, Query(min_length=1, max_length=256, description="Person or group: id, user name or address.")]
Time = Annotated[str, Query(max_length=64, description="A time, a date, or an age such as 24h or 7d.")]
KnownAt = Annotated[
    str | None,
    Query(max_length=64, description="Answers by what was known at this time; by default by all that is known now."),
]


class Member(Answer):
    """A group that a person is in, or a member of a group."""

    id: str
    name: str = Field(description="As it was called at that time.")
    since: datetime


class Standing(Answer):
    """A person's state in the directory."""

    state: str = Field(description="active, staged, suspended, deleted, or unknown.")
    since: datetime | None
    event_id: UUID | None


class AcceptedAs(Answer):
    """A group's members as an application last accepted them."""

    application_id: str
    application: str
    at: datetime
    members: int
    missing: list[str] = Field(description="Ids of people who joined the group since.")
    left_over: list[str] = Field(description="Ids of people who are no longer in the group.")


class StateAnswer(BaseModel):
    """The state of a person or group at a time."""

    person: Person
    at: datetime
    known_at: datetime | None = Field(description="Null stands for everything known now.")
    blind_since: datetime | None = Field(
        description="From this time to `at` nothing was known yet, since `known_at` is before `at`."
    )
    directory: Standing
    accounts: list[Account]
    groups: list[Member] = Field(description="A person's groups in the directory, as far as the log says.")
    members: list[Member] = Field(
        description=f"A group's members in the directory, as far as the log says; at most {MAX_NAMED:,}."
    )
    members_total: int = Field(description="The number of members, listed or not.")
    accepted: list[AcceptedAs] = Field(description="A group's members, by application.")
    events: int = Field(description="The number of events that the answer is based on.")
    later: int = Field(description="Events up to `at` that became known only after `known_at`.")


class Difference(BaseModel):
    """One account at two times; null where it was not known yet."""

    application_id: str
    application: str
    before: Account | None
    after: Account | None


class StateDifferences(BaseModel):
    """What differs between two times."""

    person: Person
    since: datetime
    until: datetime
    known_at: datetime | None
    accounts: list[Difference]
    joined: list[Member] = Field(description=f"Groups of a person, or members of a group; at most {MAX_NAMED:,}.")
    joined_total: int = Field(description="The number of groups or members joined, listed or not.")
    left: list[Member] = Field(description=f"Groups of a person, or members of a group; at most {MAX_NAMED:,}.")
    left_total: int = Field(description="The number of groups or members left, listed or not.")
    unchanged: int = Field(description="The number of accounts without a difference.")


@router.get("/state", response_model=StateAnswer)
def state(
    context: Given, organization: Organization, person: Who, at: Time = "0s", known_at: KnownAt = None
) -> dict[str, Any]:
    """Return every account of a person or a group at a time, as known at a time. 400 for a time in the future.

    A name means who had it `at` that time; `person.note` says who else had it. What was known at `known_at` also
    decides whom the name means and which ids are theirs.
    """
    wanted = _asked(context, at, "at", known_at)
    own = find_person(context.store, organization, person, *wanted)
    found = read_state(context.store, own, wanted)
    return {
        "person": own,
        **wanted._asdict(),
        "blind_since": blind_since(wanted),
        **_told(found),
        "members": name_members(context.store, own.organization, found.members, wanted),
        "members_total": len(found.members),
    }


@router.get("/state/diff", response_model=StateDifferences)
def differences(
    context: Given, organization: Organization, person: Who, since: Time, until: Time = "0s", known_at: KnownAt = None
) -> dict[str, Any]:
    """Return what differs between two times, both as known at one time. A name means who had it at `until`."""
    first, second = _asked(context, since, "since", known_at), _asked(context, until, "until", known_at)
    require_order(first.at, second.at)
    own = find_person(context.store, organization, person, *second)
    found = compare(read_state(context.store, own, first), read_state(context.store, own, second))
    accounts = [
        {**each._asdict(), "before": _account(each.before), "after": _account(each.after)} for each in found.accounts
    ]
    return {
        "person": own,
        "since": first.at,
        "until": second.at,
        "known_at": first.known_at,
        "accounts": accounts,
        "joined": name_members(context.store, own.organization, found.joined, second),
        "joined_total": len(found.joined),
        "left": name_members(context.store, own.organization, found.left, first),
        "left_total": len(found.left),
        "unchanged": found.unchanged,
    }


def _asked(context: Given, at: str, name: str, known_at: str | None) -> Asked:
    now = context.clock()
    known = None if known_at is None else parse_past(known_at, now, "known_at")
    return Asked(parse_past(at, now, name), known)


def _told(state: State) -> dict[str, Any]:
    return {
        "directory": state.directory,
        "accounts": [_account(account) for account in state.accounts],
        "groups": state.groups,
        "accepted": state.accepted,
        "events": state.events,
        "later": state.later,
    }


def _account(account: Told | None) -> dict[str, Any] | None:
    return None if account is None else {**asdict(account), "exposed": account.exposed}
