"""Routes about accounts that should be closed, and how long closing took."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Query

from queries.api import account_models as models
from queries.api.access import Given, Organization
from queries.api.lifecycles import timed_account
from queries.api.parameters import Since, Until, time_range
from queries.closings import report
from queries.exposures import Exposure, list_exposures
from queries.people.resolving import shared_names
from schemas.times import parse_past

router = APIRouter(prefix="/api/v1", tags=["findings"])

Answer = dict[str, Any]


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
    limit: Annotated[int, Query(ge=1, le=10_000, description="Maximum number of exceptions.")] = 1000,
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
    account = timed_account(exposure.account)
    for internal in ("changes", "initial"):
        del account[internal]
    return {
        **account,
        "organization": exposure.organization,
        "subject_id": exposure.subject_id,
        "person": exposure.person,
        "reason": exposure.reason,
        "since": exposure.since,
        "used_since": exposure.used_since,
        "sign_ins_known": exposure.sign_ins_known,
    }
