"""Routes that list incidents and show one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from queries.api import incident_models as models
from queries.api.access import Given, Organization
from queries.api.parameters import MAX_VALUES, ApplicationIds, Causes, CursorText, Name, Since, Until, time_range
from queries.blame import read_blame
from queries.incidents.details import read_details
from queries.incidents.listing import Incidents, IncidentState, as_of, find_incident, incident_object, list_incidents

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])

Answer = dict[str, Any]
SHORTEST_BEGINNING = 4
"""The shortest beginning of an id that is accepted in place of the id."""


def question(
    context: Given,
    organization: Organization,
    known: ApplicationIds,
    since: Since = "7d",
    until: Until = None,
    failing: Annotated[
        bool, Query(description="Only those that failed in the range; otherwise those that go on count as well.")
    ] = False,
    state: Annotated[
        list[IncidentState] | None, Query(max_length=MAX_VALUES, description="Matches any of these.")
    ] = None,
    cause: Causes = None,
    application: Name = "",
    subject: Annotated[str, Query(max_length=256, description="Id, user name or mail address.")] = "",
) -> Incidents:
    """Return which incidents the parameters select."""
    begin, end, asked = time_range(since, until, context.clock())
    return Incidents(
        organization,
        begin,
        end,
        asked=asked,
        failing=failing,
        states=tuple(item.value for item in state or ()),
        causes=tuple(item.value for item in cause or ()),
        application=application,
        subject=subject,
    )


AskedIncidents = Annotated[Incidents, Depends(question)]


@router.get("", response_model=models.Incidents)
def incidents(
    context: Given,
    chosen: AskedIncidents,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Answer:
    """List incidents of a time range, and those that are still ongoing."""
    return list_incidents(context.store, chosen, context.clock(), cursor, limit)._asdict()


@router.get("/{incident_id}", response_model=models.IncidentDetail)
def incident(
    context: Given,
    organization: Organization,
    incident_id: Annotated[
        str,
        Path(pattern=f"^[0-9a-fA-F]{{{SHORTEST_BEGINNING},32}}$", description="Its id, or the beginning of it."),
    ],
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of people and groups.")] = 100,
) -> Answer:
    """Return one incident with whom it affects, what the provider said, and its failures by hour.

    409 with `candidates` if several incidents have this beginning.
    """
    now = context.clock()
    row = find_incident(context.store, organization, incident_id)
    details = read_details(context.store, row, now, cursor, limit)
    blamed = cursor is None and row["attribute"]
    blame = read_blame(context.store, row["organization"], row["last_event"]) if blamed else None
    (told,) = as_of(context.store, [row], now)
    return {**incident_object(told, now), **details._asdict(), "blame": blame}
