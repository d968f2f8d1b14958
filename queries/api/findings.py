"""Routes about failures, lifecycles and accounts that should be closed."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Query

from queries.account import Account
from queries.api import finding_models as models
from queries.api.access import Given, Organization
from queries.api.parameters import ApplicationIds, Causes, CursorText, Name, Since, Types, Until, canonical, time_range
from queries.api.state import KnownAt
from queries.closings import report
from queries.exposures import Exposure, list_exposures
from queries.failures import list_failures, list_windows
from queries.histories import read_history
from queries.people import find_person, shared_names
from queries.selection import Selection
from queries.state import Asked, count_later
from queries.unknown import refuse_unknown_types
from schemas.times import EARLIEST, LATEST, TICK, parse_past

router = APIRouter(prefix="/api/v1", tags=["findings"])

Answer = dict[str, Any]


def attempts(
    context: Given,
    organization: Organization,
    known: ApplicationIds,
    type: Types = None,
    cause: Causes = None,
    application: Name = "",
) -> Selection:
    """Return the attempts that the parameters select, at any time."""
    types = canonical(type)
    refuse_unknown_types(context.store, organization, types)
    return Selection(
        organization,
        EARLIEST,
        LATEST,
        event_types=types,
        causes=tuple(cause or ()),
        application=application,
    )


Attempts = Annotated[Selection, Depends(attempts)]


@router.get("/failures", response_model=models.Failures)
def failures(
    context: Given,
    chosen: Attempts,
    since: Since = "7d",
    until: Until = None,
    subject: Annotated[str, Query(max_length=256, description="Id, user name or mail address.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Answer:
    """List failed attempts by application, cause and attribute, with the remedy and whether the problem is ongoing."""
    begin, end, _ = time_range(since, until, context.clock())
    chosen = replace(chosen, since=begin, until=end, subject=subject)
    found = list_failures(context.store, chosen, limit, context.clock())
    share = round(found.failures / found.attempts, 6) if found.attempts else 0.0
    return {**found._asdict(), "since": begin, "until": end, "share": share, "items": found.groups}


@router.get("/failures/windows", response_model=models.Windows)
def windows(
    context: Given,
    chosen: Attempts,
    since: Since = "24h",
    until: Until = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Answer:
    """List the one-minute windows that the streams have folded, newest first."""
    begin, end, _ = time_range(since, until, context.clock())
    chosen = replace(chosen, since=begin, until=end)
    found = list_windows(context.store, chosen, limit + 1)
    return {"items": found[:limit], "complete": len(found) <= limit}


@router.get("/lifecycle", response_model=models.Lifecycle)
def lifecycle(
    context: Given,
    organization: Organization,
    applications: ApplicationIds,
    person: Annotated[str, Query(min_length=1, max_length=256, description="Id, user name or mail address.")],
    since: Since = "2000-01-01",
    until: Until = None,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
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
        "accounts": None if found.accounts is None else [_timed(account) for account in found.accounts],
        "items": found.steps,
        "next": found.next,
    }


def _timed(account: Account) -> Answer:
    return {**asdict(account), "exposed": account.exposed}


def _account(account: Account) -> Answer:
    found = _timed(account)
    for internal in ("changes", "initial"):
        del found[internal]
    return found


class Exposing(NamedTuple):
    """Selects exposures."""

    organization: str | None
    now: datetime
    at: datetime | None
    """None stands for now."""
    sla: timedelta


def asked_exposures(
    context: Given,
    organization: Organization,
    at: Annotated[str | None, Query(max_length=64, description="A time, a date, or an age; now by default.")] = None,
    sla: Annotated[int, Query(ge=0, le=604_800, description="Seconds allowed for the first attempt to close.")] = 3600,
) -> Exposing:
    """Return what the parameters ask for. Raises `BadUsage` for a time in the future."""
    now = context.clock()
    then = None if at is None else parse_past(at, now, "at")
    return Exposing(organization, now, then, timedelta(seconds=sla))


AskedExposures = Annotated[Exposing, Depends(asked_exposures)]


@router.get("/exposures", response_model=models.Exposures)
def exposures(context: Given, asked: AskedExposures, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000) -> Answer:
    """List accounts that should be closed and are not confirmed closed, by reason: those used since first, then those
    open the longest."""
    found = list_exposures(context.store, *asked)
    listed = {"items": found.open, "left_behind": found.left_behind, "reported_absent": found.reported_absent}
    names = (each.person for kind in listed.values() for each in kind[:limit])
    shared = shared_names(context.store, asked.organization, names)
    return {
        "at": asked.at or asked.now,
        "total": len(found.open),
        "used_total": sum(each.used_since is not None for each in found.open),
        "sign_ins_unknown_total": sum(not each.sign_ins_known for each in found.open),
        "left_behind_total": len(found.left_behind),
        "reported_absent_total": len(found.reported_absent),
        "complete": found.complete,
        **{
            kind: [{**exposure_answer(each), "namesakes": each.person.lower() in shared} for each in told[:limit]]
            for kind, told in listed.items()
        },
    }


@router.get("/exposures/report", response_model=models.ClosingReport)
def closings(
    context: Given,
    organization: Organization,
    since: Since = "30d",
    until: Until = None,
    sla: Annotated[
        int, Query(ge=0, le=31_536_000, description="Seconds within which an account must be closed.")
    ] = 3600,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Most exceptions.")] = 1000,
) -> Answer:
    """Report how long it took to close accounts that became intended closed in the period, and which took too long."""
    now = context.clock()
    begin, end, _ = time_range(since, until, now)
    found = report(context.store, organization, begin, end, timedelta(seconds=sla), now)
    return {
        "since": begin,
        "until": end,
        "sla_seconds": sla,
        "items": found.applications,
        "exceptions": [
            {**each._asdict(), "seconds": each.took(now).total_seconds()} for each in found.exceptions[:limit]
        ],
        "exceptions_total": len(found.exceptions),
    }


def exposure_answer(exposure: Exposure) -> Answer:
    """Return the exposure as the API shows it."""
    return {
        **_account(exposure.account),
        "organization": exposure.organization,
        "subject_id": exposure.subject_id,
        "person": exposure.person,
        "reason": exposure.reason,
        "since": exposure.since,
        "used_since": exposure.used_since,
        "sign_ins_known": exposure.sign_ins_known,
    }
