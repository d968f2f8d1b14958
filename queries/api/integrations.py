"""The route about integrations: when each last worked, and what fails since."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from queries.api.access import Given, Organization
from queries.api.models import Answer, Change
from queries.integrations import list_integrations

router = APIRouter(prefix="/api/v1", tags=["findings"])


class LastFailure(Answer):
    """The last attempt that failed."""

    event_id: UUID
    at: datetime
    cause: str
    attribute: str
    detail: str


class Integration(Answer):
    """One application, as its attempts tell of it. Null times: never."""

    organization: str
    application_id: str
    application: str
    integration_id: str
    last_attempt: datetime | None
    last_outcome: str
    last_success: datetime | None
    last_failure: LastFailure | None
    change: Change | None = Field(description="The last event that activated, changed, re-authorised or deleted it.")
    failures_since_success: int = Field(description="Of users and groups; all of them when nothing ever succeeded.")
    attempts_last_day: int = Field(description="Attempts on users and groups in the last 24 h.")


class Integrations(BaseModel):
    """Those with the most failures since their last success first."""

    items: list[Integration]
    total: int = Field(description="How many there are; beyond the limit, those attempted longest ago are left out.")


@router.get("/integrations", response_model=Integrations)
def integrations(
    context: Given, organization: Organization, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> dict[str, Any]:
    """Each integration with its last success, what failed since, and who changed it last."""
    return list_integrations(context.store, organization, context.clock(), limit)._asdict()
