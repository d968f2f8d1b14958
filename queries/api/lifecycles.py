"""The route of a person's lifecycle."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from queries.accounts.account import Account
from queries.api import account_models as models
from queries.api.access import Given, Organization
from queries.api.parameters import ApplicationIds, CursorText, Since, Until, time_range
from queries.api.state import KnownAt
from queries.histories import read_history
from queries.people.resolving import find_person
from queries.state import Asked, count_later
from schemas.times import TICK, parse_past

router = APIRouter(prefix="/api/v1", tags=["findings"])

Answer = dict[str, Any]


@router.get("/lifecycle", response_model=models.Lifecycle)
def lifecycle(
    context: Given,
    organization: Organization,
    applications: ApplicationIds,
    person: Annotated[str, Query(min_length=1, max_length=256, description="Id, user name or mail address.")],
    since: Since = "2000-01-01",
    until: Until = None,
    cursor: CursorText = None,
    limit: Annotated[
        int, Query(ge=1, le=50_000, description="Maximum number of items. A page costs as much as the whole.")
    ] = 1000,
    timeline: Annotated[bool, Query(description="Include every change of the accounts' states.")] = False,
    known_at: KnownAt = None,
) -> Answer:
    """Return one person's attempts in every application, in order, and the state of each account.

    Accounts depend on every event before `until` that is not ahead of now, including those before `since`. A name means
    who had it at the end of the range; `person.note` says who else had it. With `application`, the answer has only its
    attempts and accounts and the directory's events, which set them off.

    With `known_at`, everything is taken as known then, including whom the name means and which ids are theirs; 400 for
    a time in the future. 409 with `candidates` if several people have the name; 404 with `near` names if nobody has it.
    """
    now = context.clock()
    begin, end, _ = time_range(since, until, now)
    known = None if known_at is None else parse_past(known_at, now, "known_at")
    who = find_person(context.store, organization, person, end - TICK if end < now else None, known)
    found = read_history(
        context.store,
        who,
        begin,
        end,
        cursor,
        limit,
        timeline=timeline,
        known_at=known,
        applications=applications,
        now=now,
    )
    return {
        "person": who,
        "known_at": known,
        "later": count_later(context.store, who, Asked(end - TICK, known), applications or ()),
        "accounts": None if found.accounts is None else [timed_account(account) for account in found.accounts],
        "items": found.steps,
        "next": found.next,
    }


def timed_account(account: Account) -> Answer:
    """Return the account as the API shows it, with every change of its states."""
    return {**asdict(account), "exposed": account.exposed}
