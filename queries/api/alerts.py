"""Routes that list and count alerts, show one, and act on one."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Path, Query
from starlette.concurrency import run_in_threadpool

from queries.alerts.acts import act_on
from queries.alerts.details import read_alert_details
from queries.alerts.listing import Alerts, Told, alert_object, find_alert, list_alerts
from queries.alerts.statistics import count_alerts
from queries.api import alert_models as models
from queries.api.access import IN_TURN, Admin, Given, Organization
from queries.api.parameters import MAX_VALUES, ApplicationIds, CursorText, Since, Until, time_range
from queries.tokens import Token
from queries.unknown import refuse_unknown_rules
from schemas.alerts import Act, Severity, State

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], dependencies=[IN_TURN])

Answer = dict[str, Any]
SHORTEST_BEGINNING = 4
"""The shortest beginning of an id that is accepted in place of the id."""
AlertId = Annotated[
    str, Path(pattern=f"^[0-9a-fA-F]{{{SHORTEST_BEGINNING},32}}$", description="Its id, or the beginning of it.")
]


def question(
    context: Given,
    organization: Organization,
    known: ApplicationIds,
    since: Since = "7d",
    until: Until = None,
    state: Annotated[list[State] | None, Query(max_length=MAX_VALUES, description="Matches any of these.")] = None,
    severity: Annotated[
        list[Severity] | None, Query(max_length=MAX_VALUES, description="Matches any of these.")
    ] = None,
    rule: Annotated[list[str] | None, Query(max_length=MAX_VALUES, description="Ids of rules; any of them.")] = None,
    staging: Annotated[bool, Query(description="Includes alerts of rules in staging.")] = False,
) -> Alerts:
    """Return which alerts the parameters select."""
    refuse_unknown_rules(context.store, organization, rule or (), context.rules)
    begin, end, asked = time_range(since, until, context.clock())
    return Alerts(
        organization,
        begin,
        end,
        asked=asked,
        states=tuple(item.value for item in state or ()),
        severities=tuple(item.value for item in severity or ()),
        rules=tuple(rule or ()),
        applications=known or (),
        staging=staging,
    )


AskedAlerts = Annotated[Alerts, Depends(question)]


@router.get("", response_model=models.Alerts)
def alerts(
    context: Given,
    chosen: AskedAlerts,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Answer:
    """List alerts that were active in a time range, and those that are still open."""
    return list_alerts(context.store, chosen, context.clock(), cursor, limit)._asdict()


@router.get("/stats", response_model=models.AlertCounts)
def alert_counts(context: Given, chosen: AskedAlerts) -> Answer:
    """Count these alerts by rule, severity and state, and report how long people took to handle them."""
    return count_alerts(context.store, chosen, context.clock())


@router.get("/{alert_id}", response_model=models.AlertDetail)
def alert(context: Given, organization: Organization, alert_id: AlertId) -> Answer:
    """Return one alert with its detections, acts and deliveries.

    409 with `candidates` if several alerts have this beginning.
    """
    told = find_alert(context.store, organization, alert_id)
    return {**alert_object(told, context.clock()), **read_alert_details(context.store, told)._asdict()}


@router.post("/{alert_id}/acknowledge", response_model=models.Alert)
async def acknowledge(context: Given, token: Admin, alert_id: AlertId, sent: models.Remark) -> Answer:
    """Acknowledge the alert: somebody handles it. It reopens when its condition starts to hold again.

    This and every other act is on the log when the request returns, with the token's name; the answer is the alert with
    the act. 409 for an act that makes no sense in the alert's state.
    """
    return await _act(context, token, alert_id, Act.ACKNOWLEDGE, text=sent.note)


@router.post("/{alert_id}/resolve", response_model=models.Alert)
async def resolve(context: Given, token: Admin, alert_id: AlertId, sent: models.Reason) -> Answer:
    """Resolve the alert. It reopens when its condition holds after this."""
    return await _act(context, token, alert_id, Act.RESOLVE, text=sent.because)


@router.post("/{alert_id}/reopen", response_model=models.Alert)
async def reopen(context: Given, token: Admin, alert_id: AlertId, sent: models.Remark) -> Answer:
    """Reopen the alert. One that ended by itself then stays open until somebody resolves it."""
    return await _act(context, token, alert_id, Act.REOPEN, text=sent.note)


@router.post("/{alert_id}/note", response_model=models.Alert)
async def note(context: Given, token: Admin, alert_id: AlertId, sent: models.Note) -> Answer:
    """Add a note to the alert's history. Its state stays."""
    return await _act(context, token, alert_id, Act.NOTE, text=sent.text)


@router.post("/{alert_id}/snooze", response_model=models.Alert)
async def snooze(context: Given, token: Admin, alert_id: AlertId, sent: models.Snooze) -> Answer:
    """Snooze the alert for a time. It is open again after that, unless its condition has ended."""
    wait = timedelta(minutes=sent.minutes)
    return await _act(context, token, alert_id, Act.SNOOZE, text=sent.note, snooze=wait)


@router.post("/{alert_id}/own", response_model=models.Alert)
async def own(context: Given, token: Admin, alert_id: AlertId, sent: models.Owner) -> Answer:
    """Record who owns the alert. Its state stays."""
    return await _act(context, token, alert_id, Act.OWN, text=sent.owner)


async def _act(context: Given, token: Token, alert_id: str, act: Act, **more: Any) -> Answer:
    told = await run_in_threadpool(find_alert, context.store, token.only, alert_id)
    now = context.clock()
    acted = act_on(told, act, token.name, now, uuid4(), **more)
    await context.ingest.act(acted)
    return alert_object(Told(told.detected, [*told.acts, acted]), now)
