"""Routes about alerts: which there are, one whole, how many, and what is done about one."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Path, Query
from starlette.concurrency import run_in_threadpool

from queries.alert_acts import act_on
from queries.alert_details import read_alert_details
from queries.alert_statistics import count_alerts
from queries.alerts import Alerts, Told, alert_object, find_alert, list_alerts
from queries.api import alert_models as models
from queries.api.access import Admin, Given, Organization
from queries.api.parameters import MAX_VALUES, ApplicationIds, CursorText, Since, Until, time_range
from queries.tokens import Token
from queries.unknown import refuse_unknown_rules
from schemas.alerts import Act, Severity, State

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

Answer = dict[str, Any]
SHORTEST_BEGINNING = 4
"""Of an id that is not given whole."""
AlertId = Annotated[
    str, Path(pattern=f"^[0-9a-fA-F]{{{SHORTEST_BEGINNING},32}}$", description="Its id, or the beginning of it.")
]


def question(
    context: Given,
    organization: Organization,
    known: ApplicationIds,
    since: Since = "7d",
    until: Until = None,
    state: Annotated[list[State] | None, Query(max_length=MAX_VALUES, description="Any of them.")] = None,
    severity: Annotated[list[Severity] | None, Query(max_length=MAX_VALUES, description="Any of them.")] = None,
    rule: Annotated[list[str] | None, Query(max_length=MAX_VALUES, description="Ids of rules; any of them.")] = None,
    staging: Annotated[bool, Query(description="Also alerts of rules that are being tried out.")] = False,
) -> Alerts:
    """Which alerts the parameters ask for."""
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
    """Alerts that something happened to in a time range, and those that still go on."""
    return list_alerts(context.store, chosen, context.clock(), cursor, limit)._asdict()


@router.get("/stats", response_model=models.AlertCounts)
def alert_counts(context: Given, chosen: AskedAlerts) -> Answer:
    """How many of them there are by rule, severity and state, and how long it took to see to them."""
    return count_alerts(context.store, chosen, context.clock())


@router.get("/{alert_id}", response_model=models.AlertDetail)
def alert(context: Given, organization: Organization, alert_id: AlertId) -> Answer:
    """One alert with all that was found and done about it, and who was told.

    409 with `candidates` when several alerts begin so.
    """
    told = find_alert(context.store, organization, alert_id)
    return {**alert_object(told, context.clock()), **read_alert_details(context.store, told)._asdict()}


@router.post("/{alert_id}/acknowledge", response_model=models.Alert)
async def acknowledge(context: Given, token: Admin, alert_id: AlertId, sent: models.Remark) -> Answer:
    """Record that somebody sees to it. It opens again when its condition begins to hold anew.

    This and every other act is on the log on return, with the token's name; the answer is the alert with it. 409 for
    an act that means nothing where the alert stands.
    """
    return await _act(context, token, alert_id, Act.ACKNOWLEDGE, text=sent.note)


@router.post("/{alert_id}/resolve", response_model=models.Alert)
async def resolve(context: Given, token: Admin, alert_id: AlertId, sent: models.Reason) -> Answer:
    """Record that it is over. It opens again when its condition holds after this."""
    return await _act(context, token, alert_id, Act.RESOLVE, text=sent.because)


@router.post("/{alert_id}/reopen", response_model=models.Alert)
async def reopen(context: Given, token: Admin, alert_id: AlertId, sent: models.Remark) -> Answer:
    """Record that it is not over, or not seen to. What ended by itself stays open then until somebody resolves it."""
    return await _act(context, token, alert_id, Act.REOPEN, text=sent.note)


@router.post("/{alert_id}/note", response_model=models.Alert)
async def note(context: Given, token: Admin, alert_id: AlertId, sent: models.Note) -> Answer:
    """Add to its history. Its state stays."""
    return await _act(context, token, alert_id, Act.NOTE, text=sent.text)


@router.post("/{alert_id}/snooze", response_model=models.Alert)
async def snooze(context: Given, token: Admin, alert_id: AlertId, sent: models.Snooze) -> Answer:
    """Let it wait for so long; it is open again after that, unless its condition has ended."""
    wait = timedelta(minutes=sent.minutes)
    return await _act(context, token, alert_id, Act.SNOOZE, text=sent.note, snooze=wait)


@router.post("/{alert_id}/own", response_model=models.Alert)
async def own(context: Given, token: Admin, alert_id: AlertId, sent: models.Owner) -> Answer:
    """Record who sees to it. Its state stays."""
    return await _act(context, token, alert_id, Act.OWN, text=sent.owner)


async def _act(context: Given, token: Token, alert_id: str, act: Act, **more: Any) -> Answer:
    told = await run_in_threadpool(find_alert, context.store, token.only, alert_id)
    now = context.clock()
    acted = act_on(told, act, token.name, now, uuid4(), **more)
    await context.ingest.act(acted)
    return alert_object(Told(told.detected, [*told.acts, acted]), now)
