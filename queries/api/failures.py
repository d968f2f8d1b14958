"""Routes about failed attempts and the windows that they are folded into."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from queries.api import account_models as models
from queries.api.access import Given, Organization
from queries.api.parameters import ApplicationIds, Causes, Name, Since, Types, Until, canonical, time_range
from queries.failures import list_failures, list_windows
from queries.selection import Selection
from queries.unknown import refuse_unknown_types
from schemas.times import EARLIEST, LATEST

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
    """List the one-minute windows that the streams have folded, newest first.

    An event whose copies state different minutes counts in each of them. One that a better copy shows
    to be no provisioning counts too.
    """
    begin, end, _ = time_range(since, until, context.clock())
    chosen = replace(chosen, since=begin, until=end)
    found = list_windows(context.store, chosen, limit + 1)
    return {"items": found[:limit], "complete": len(found) <= limit}
