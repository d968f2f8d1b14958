"""Routes that answer questions. Each runs in a worker thread: the store is synchronous."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool

from queries.api.access import Given, Organization, Reader
from queries.api.parameters import Selected, Since, Until, time_range
from queries.counts import Dimension, count_by
from queries.dead_letters import get_dead_letter, list_dead_letters
from queries.events import Copy, get_event, list_events
from queries.failures import list_failures, list_windows
from queries.lifecycle import Account, list_exposures, read_lifecycle
from queries.people import find_person
from queries.statistics import read_statistics

router = APIRouter(prefix="/api/v1")

Answer = dict[str, Any]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/events")
def events(context: Given, chosen: Selected, cursor: str | None = None, limit: Limit = 100) -> Answer:
    """Events, newest first, in pages: `next` is the cursor of the following one, null at the end."""
    page = list_events(context.store, chosen, cursor, limit)
    return {"items": page.items, "next": page.next}


@router.get("/events/{event_id}")
def event(context: Given, organization: Organization, event_id: UUID) -> Answer:
    """One event: its facts, and every copy with its bytes, place in the log and relation to the one in force."""
    detail = get_event(context.store, organization, event_id)
    return {**detail.event, "copies": [_copy(copy) for copy in detail.copies]}


def _copy(copy: Copy) -> Answer:
    return {**asdict(copy), "raw": copy.raw.decode(errors="replace")}


@router.get("/events/{event_id}/raw", response_class=Response)
def event_bytes(context: Given, organization: Organization, event_id: UUID) -> Response:
    """The bytes of the copy in force, as they stand on the log."""
    detail = get_event(context.store, organization, event_id)
    return Response(detail.copies[0].raw, media_type="application/json")


@router.get("/counts")
def counts(context: Given, chosen: Selected, by: Annotated[list[Dimension] | None, Query()] = None) -> Answer:
    """Distinct events by at most two dimensions, the largest count first."""
    return {"items": count_by(context.store, chosen, by or [Dimension.EVENT_TYPE])}


@router.get("/failures")
def failures(context: Given, chosen: Selected, limit: Limit = 100) -> Answer:
    """Failed attempts by application, cause and attribute, with the remedy and whether it goes on."""
    found = list_failures(context.store, chosen, limit)
    return {"attempts": found.attempts, "failures": found.failures, "items": found.groups}


@router.get("/failures/windows")
def windows(context: Given, chosen: Selected, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000) -> Answer:
    """The one-minute windows that the streams have folded, newest first."""
    return {"items": list_windows(context.store, chosen, limit)}


@router.get("/lifecycle")
def lifecycle(
    context: Given,
    organization: Organization,
    person: Annotated[str, Query(min_length=1, max_length=256, description="Id, user name or mail address.")],
    since: Since = "2000-01-01",
    until: Until = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
) -> Answer:
    """One person's attempts in every application in order, and where each account stands."""
    begin, end = time_range(since, until, context.clock())
    who = find_person(context.store, organization, person)
    found, following = read_lifecycle(context.store, who, begin, end, cursor, limit)
    return {
        "person": who._asdict(),
        "accounts": [_account(account) for account in found.accounts],
        "items": [asdict(step) for step in found.steps],
        "next": following,
    }


def _account(account: Account) -> Answer:
    shown = {name: getattr(account, name) for name in Account.__slots__ if name != "steps"}
    return {**shown, "exposed": account.exposed}


@router.get("/exposures")
def exposures(context: Given, organization: Organization, limit: Limit = 1000) -> Answer:
    """Accounts that were meant to be closed and are not confirmed closed, the longest first."""
    found = list_exposures(context.store, organization, limit)
    return {
        "items": [
            {
                "organization": exposure.organization,
                "subject_id": exposure.subject_id,
                "person": exposure.person,
                **_account(exposure.account),
            }
            for exposure in found
        ]
    }


@router.get("/stats")
async def stats(context: Given, chosen: Selected) -> Answer:
    """How much there is, by type and outcome, and how far the store is behind the log."""
    found = await run_in_threadpool(read_statistics, context.store, chosen)
    lag = await context.read_lag()
    return {
        **found._asdict(),
        "behind": sum(partition.end - partition.stored for partition in lag),
        "log": [
            {"topic": place.topic, "partition": place.partition, "end": place.end, "stored": place.stored}
            for place in lag
        ],
    }


@router.get("/dead-letters")
def dead_letters(
    context: Given, organization: Organization, source: str = "", reason: str = "", limit: Limit = 100
) -> Answer:
    """Records that could not be read, newest first."""
    return {"items": list_dead_letters(context.store, organization, source=source, reason=reason, limit=limit)}


@router.get("/dead-letters/{letter_id}")
async def dead_letter(context: Given, organization: Organization, letter_id: UUID) -> Answer:
    """One of them with its bytes, read from the log; what is not UTF-8 in them is shown as U+FFFD."""
    row = await run_in_threadpool(get_dead_letter, context.store, organization, letter_id)
    raw = await context.read_record(row["log_topic"], row["log_partition"], row["log_offset"])
    return {**row, "raw": raw.decode(errors="replace")}


@router.get("/whoami")
def whoami(token: Reader) -> Answer:
    """What the token at hand allows."""
    return asdict(token)
