"""Routes about integrations: when each last worked, what fails since, and whether their credentials work."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from queries.api import integration_models as models
from queries.api.access import Given, Organization
from queries.api.models import Answer, Change
from queries.integrations.listing import list_integrations
from queries.integrations.reports import report_all, report_one
from schemas.times import parse_past

router = APIRouter(prefix="/api/v1", tags=["findings"])


class LastFailure(Answer):
    """The last attempt that failed."""

    event_id: UUID
    at: datetime
    cause: str
    attribute: str
    detail: str


class Integration(Answer):
    """One application, with what its attempts show. A null time means never."""

    organization: str
    application_id: str
    application: str
    integration_id: str
    last_attempt: datetime | None
    last_outcome: str
    last_success: datetime | None
    last_failure: LastFailure | None
    change: Change | None = Field(description="The last event that activated, changed, re-authorised or deleted it.")
    failures_since_success: int = Field(
        description="Failures on users and groups since the last success; all if nothing ever succeeded."
    )
    attempts_last_day: int = Field(description="Attempts on users and groups in the last 24 h.")


class Integrations(BaseModel):
    """Integrations, those with the most failures since their last success first."""

    items: list[Integration]
    total: int = Field(description="The total number; beyond the limit, those attempted longest ago are left out.")


@router.get("/integrations", response_model=Integrations)
def integrations(
    context: Given, organization: Organization, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> dict[str, Any]:
    """List integrations with their last success, what failed since, and who changed them last."""
    return list_integrations(context.store, organization, context.clock(), limit)._asdict()


At = Annotated[
    str | None,
    Query(max_length=64, description="As it was at this time: RFC 3339, a date, or an age; now when absent."),
]


@router.get("/integrations/health", response_model=models.IntegrationsHealth)
def healths(
    context: Given, organization: Organization, at: At = None, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> dict[str, Any]:
    """List whether the credentials of each integration work, since when, and when they will expire."""
    when = _time(at, context.clock())
    found = report_all(context.store, organization, when, limit)
    items = [models.told(report) for report in found.items]
    return {"at": when, "items": items, "states": found.states, "total": found.total}


@router.get("/integrations/{application}", response_model=models.IntegrationDetail)
def integration(
    context: Given,
    organization: Organization,
    application: Annotated[str, Path(max_length=256, description="Id or name.")],
    at: At = None,
) -> dict[str, Any]:
    """Return the health of one integration, with every trouble of its credentials and who is stuck.

    409 with `candidates` if several integrations have that name.
    """
    when = _time(at, context.clock())
    report, stuck = report_one(context.store, organization, application, when)
    return models.told_whole(report, stuck, when)


def _time(at: str | None, now: datetime) -> datetime:
    return parse_past(at, now, "at") if at else now
