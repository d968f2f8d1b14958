"""Makes the records of alerts on `idtrail.alerts`. Pure."""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID

from schemas.alerts import MAX_NAMED, Detected, Detection, utc
from streams.alerts.alert import NEVER
from streams.alerts.group import Told
from streams.alerts.rule import Rule


def version_of(rule: Rule) -> str:
    """Return 16 hexadecimal digits that change with the content of the rule, except its tests."""
    return blake2b(rule.model_dump_json(exclude={"tests"}).encode(), digest_size=8).hexdigest()


def detected(rule: Rule, version: str, told: Told) -> Detected:
    """Return the record of an alert as it is now."""
    alert = told.alert
    ended = alert.ended_at != NEVER
    standing = Detection.WITHDRAWN if told.withdrawn else Detection.ENDED if ended else Detection.OPEN
    return Detected(
        alert_id=alert.alert_id,
        organization=alert.organization,
        rule_id=rule.id,
        rule_version=version,
        severity=rule.severity,
        title=alert.title,
        description=rule.description,
        remedy=rule.remedy,
        cause=alert.cause,
        group=dict(zip(rule.group_by, alert.group, strict=True)),
        staging=rule.staging,
        owner=rule.owner,
        destinations=rule.destinations,
        detection=standing,
        opened_at=utc(alert.opened_at),
        since=utc(alert.since),
        triggered_at=utc(alert.triggered_at),
        ended_at=utc(alert.ended_at) if ended else None,
        ended_by=UUID(alert.ended_by) if alert.ended_by else None,
        episodes=alert.episodes,
        events=alert.events,
        first_at=utc(alert.first_at),
        first_event=UUID(alert.first_event),
        last_at=utc(alert.last_at),
        last_event=UUID(alert.last_event),
        people=len(alert.people),
        people_named=alert.people[:MAX_NAMED],
        applications=alert.applications[:MAX_NAMED],
        incidents=alert.incidents,
    )
