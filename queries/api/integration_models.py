"""The answers of the routes about the health of integrations."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, Field

from queries.api.models import Answer
from queries.integrations.expiry import Forecast
from queries.integrations.reports import Report, Stuck
from queries.integrations.trouble import ConfigurationChange, Place, Trouble


class Configured(BaseModel):
    """An event that configured the integration."""

    event_id: UUID
    event_type: str
    at: datetime
    actor: str
    outcome: str
    cause: str


class HealthFailures(Answer):
    """Failures with the same answer."""

    cause: str
    http_status: int = Field(description="0 if no answer came or none was recorded.")
    attempts: int
    last_at: datetime


class CredentialTrouble(BaseModel):
    """A stretch in which credentials were refused."""

    started_at: datetime = Field(description="The first refusal.")
    started_by: UUID
    last_at: datetime = Field(description="The last refusal.")
    last_event: UUID
    refusals: int
    detail: str = Field(description="The provider's text of the first refusal.")
    authorised: Configured | None = Field(description="The change that gave the integration these credentials.")
    last_good_at: datetime | None = Field(description="The last accepted attempt before it.")
    changes: list[Configured] = Field(description="Re-authorisations and activations within it, with their outcomes.")
    ended_at: datetime | None = Field(description="Null while it is ongoing.")
    ended_by: UUID | None
    end: str | None = Field(description="`reauthorised`, `by_itself` or `deleted`.")


class ExpiryForecast(BaseModel):
    """When the credentials in use will expire."""

    basis: str = Field(
        description="`observed`: from the application's own tokens that expired last; `catalogue`: from "
        "the lifetime that the vendor states."
    )
    authorised: Configured = Field(description="The change that gave the integration the credentials in use.")
    earliest: datetime
    latest: datetime
    expiries: int = Field(description="The number of observed expiries.")
    vendor: str
    source: str = Field(description="The vendor's page that says so, if known.")


class IntegrationHealth(BaseModel):
    """One integration, and whether its credentials work. A null time means never."""

    organization: str
    application_id: str
    application: str
    state: str = Field(description="See docs/integrations.md.")
    since: datetime | None
    last_good_at: datetime | None = Field(description="The last attempt on a person or group that was accepted.")
    last_good_event: UUID | None
    change: Configured | None = Field(description="The last event of its configuration, whatever its outcome.")
    authorised: Configured | None = Field(description="The last re-authorisation or activation with success.")
    failures: list[HealthFailures] = Field(description="Failures since the last accepted attempt, by answer.")
    people_stuck: int = Field(description="Refused for credentials in the last trouble, and not accepted since.")
    groups_stuck: int
    troubles: int = Field(description="The number of known troubles.")
    forecast: ExpiryForecast | None


class IntegrationsHealth(BaseModel):
    """Integrations, those in trouble first."""

    at: datetime = Field(description="The time that the answer is about.")
    items: list[IntegrationHealth]
    states: dict[str, int] = Field(description="The numbers by state, including those beyond the limit.")
    total: int = Field(description="The number of integrations now, including those beyond the limit.")


class StuckSubject(Answer):
    """A person or group that was refused and not accepted since."""

    subject_id: str
    kind: str
    name: str
    refusals: int
    first_at: datetime
    last_at: datetime


class IntegrationDetail(IntegrationHealth):
    """One integration with its troubles and the people and groups stuck in the last one."""

    at: datetime
    episodes: list[CredentialTrouble] = Field(description="The latest first; at most five hundred.")
    stuck: list[StuckSubject] = Field(description="The latest refusal first; at most a hundred.")


MAX_EPISODES: Final = 500


def told(report: Report) -> dict[str, Any]:
    """Return a report as the fields of `IntegrationHealth`."""
    health = report.health
    good = health.last_good
    return {
        "organization": report.organization,
        "application_id": report.application_id,
        "application": report.application,
        "state": health.state.value,
        "since": health.since,
        "last_good_at": good and good.at,
        "last_good_event": good and good.event_id,
        "change": _configured(health.change),
        "authorised": _configured(health.authorised),
        "failures": report.failures,
        "people_stuck": report.people_stuck,
        "groups_stuck": report.groups_stuck,
        "troubles": len(health.troubles),
        "forecast": health.forecast and _forecast(health.forecast),
    }


def told_whole(report: Report, stuck: list[Stuck], at: datetime) -> dict[str, Any]:
    """Return a report as the fields of `IntegrationDetail`."""
    episodes = [_trouble(trouble) for trouble in report.health.troubles[: -MAX_EPISODES - 1 : -1]]
    return {**told(report), "at": at, "episodes": episodes, "stuck": stuck}


def _configured(change: ConfigurationChange | None) -> dict[str, Any] | None:
    if change is None:
        return None
    event_type, actor, outcome, cause = change.event_type, change.actor, change.outcome, change.cause
    where = {"event_id": change.place.event_id, "at": change.place.at}
    return {**where, "event_type": event_type, "actor": actor, "outcome": outcome, "cause": cause}


def _trouble(trouble: Trouble) -> dict[str, Any]:
    ended: Place | None = trouble.ended
    return {
        "started_at": trouble.start.at,
        "started_by": trouble.start.event_id,
        "last_at": trouble.last.at,
        "last_event": trouble.last.event_id,
        "refusals": trouble.refusals,
        "detail": trouble.detail,
        "authorised": _configured(trouble.authorised),
        "last_good_at": trouble.last_good and trouble.last_good.at,
        "changes": [_configured(change) for change in trouble.changes],
        "ended_at": ended and ended.at,
        "ended_by": ended and ended.event_id,
        "end": trouble.end and trouble.end.value,
    }


def _forecast(forecast: Forecast) -> dict[str, Any]:
    return {
        **forecast._asdict(),
        "basis": forecast.basis.value,
        "authorised": _configured(forecast.authorised),
    }
