"""Routes that list and count events and show one. Synchronous ones run in worker threads."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from queries.api import event_models as models
from queries.api.access import Given, Organization, Reader
from queries.api.models import Token
from queries.api.parameters import CursorText, Selected
from queries.api.places import StoredLog
from queries.blame import blame_of
from queries.counts import Dimension, count_by
from queries.events import Copy, get_event, list_events
from queries.statistics import read_statistics
from schemas.errors import NotFound

router = APIRouter(prefix="/api/v1", tags=["events"])

Answer = dict[str, Any]


@router.get("/events", response_model=models.Events)
def events(
    context: Given, chosen: Selected, cursor: CursorText = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Answer:
    """List events, newest first, in pages."""
    page = list_events(context.store, chosen, cursor, limit)
    return {"items": page.items, "next": page.next}


@router.get("/events/{event_id}", response_model=models.EventDetail)
def event(context: Given, organization: Organization, event_id: UUID) -> Answer:
    """Return one event: its facts, what was refused, and every copy with its bytes, place and relation to the one in
    force."""
    detail = get_event(context.store, organization, event_id)
    copies = [{**asdict(copy), "raw": copy.raw.decode()} for copy in detail.copies]
    return {**detail.event, "blame": blame_of(context.store, detail), "copies": copies}


@router.get(
    "/events/{event_id}/raw",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
def event_bytes(
    context: Given,
    organization: Organization,
    event_id: UUID,
    fingerprint: Annotated[
        str, Query(max_length=32, description="Selects a copy by its fingerprint; by default the copy in force.")
    ] = "",
) -> Response:
    """Return the bytes of a copy, exactly as on the log."""
    copies = get_event(context.store, organization, event_id).copies
    return Response(_chosen(copies, fingerprint).raw, media_type="application/json")


def _chosen(copies: list[Copy], fingerprint: str) -> Copy:
    for copy in copies:
        if fingerprint in ("", copy.fingerprint):
            return copy
    raise NotFound(f"the event has no copy of fingerprint {fingerprint!r}")


@router.get("/counts", response_model=models.Counts)
def counts(
    context: Given,
    chosen: Selected,
    by: Annotated[list[Dimension] | None, Query(description="At most two; event_type when absent.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Answer:
    """Count distinct events by one or two dimensions, the largest count first."""
    return count_by(context.store, chosen, by or [Dimension.EVENT_TYPE], limit)._asdict()


@router.get("/stats", response_model=models.Statistics)
def stats(context: Given, chosen: Selected, stored: StoredLog) -> Answer:
    """Count events by type and outcome, and report how far the store is behind the log."""
    found = read_statistics(context.store, chosen)
    log = [
        {"topic": place.topic, "partition": place.partition, "end": place.end, "stored": place.stored}
        for place in stored.places
    ]
    return {**found._asdict(), "behind": stored.behind, "log": log}


@router.get("/whoami", response_model=Token)
async def whoami(token: Reader) -> Answer:
    """Return what the request's token allows."""
    return asdict(token)
