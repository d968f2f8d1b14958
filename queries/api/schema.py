"""Routes about the schema of events: what came in that it does not know."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from queries.api.access import Given, Organization
from queries.api.parameters import Since, Until, time_range
from queries.drift import list_drift
from schemas.drift import Drift

router = APIRouter(prefix="/api/v1/schema", tags=["schema"])


class DriftFinding(BaseModel):
    """Something that records have and the schema does not. Names and JSON types only, never a value."""

    organization: str
    kind: Drift
    event_type: str = Field(description="Empty for types that are not known.")
    name: str = Field(
        description="The path, such as changes[].op, or the name of an unknown type; * if that is no name."
    )
    expected: list[str] = Field(description="The JSON types that a changed field may have.")
    found: str = Field(description="The JSON type of the value.")
    events: int = Field(description="Distinct events, exact for some thousands a day.")
    at_most: bool = Field(description="The events belong to several findings together.")
    first: datetime = Field(description="When the first of them occurred.")
    last: datetime
    sample: UUID = Field(description="The id of one such event.")
    shape: str = Field(description="What the value in the sample looks like, in words; never a part of it.")


class Drifts(BaseModel):
    """A list of findings, the latest first."""

    items: list[DriftFinding]
    total: int = Field(description="The total number, including those beyond the limit.")


@router.get("/drift", response_model=Drifts)
def drift(
    context: Given,
    organization: Organization,
    since: Since = "30d",
    until: Until = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
) -> dict[str, Any]:
    """List unknown event types, new fields and changed JSON types in what came in, by whole days of arrival."""
    begin, end, _ = time_range(since, until, context.clock())
    return list_drift(context.store, organization, begin, end, limit)._asdict()
