"""Records what a person does about an alert, if the act makes sense in the alert's state. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from queries.alerts.listing import Told
from schemas.alerts import MEANT_FOR, Act, Acted, standing
from schemas.errors import Pointless


def act_on(
    told: Told, act: Act, by: str, now: datetime, act_id: UUID, *, text: str = "", snooze: timedelta | None = None
) -> Acted:
    """Return the record of the act. Raises `Pointless`."""
    detected = told.detected
    state = standing(detected, told.acts, now).state
    if state not in MEANT_FOR[act]:
        raise Pointless(f"the alert {detected.alert_id[:8]} is {state.value}: there is nothing to {act.value}")
    latest = max(detected.triggered_at, detected.ended_at or detected.triggered_at)
    return Acted(
        alert_id=detected.alert_id,
        organization=detected.organization,
        rule_id=detected.rule_id,
        act=act,
        act_id=act_id,
        by=by,
        at=now,
        text=text,
        until=None if snooze is None else now + snooze,
        after=latest if latest >= now else None,
    )
