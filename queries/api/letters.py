"""Routes about dead letters: records that could not be read."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool

from queries.api import models
from queries.api.access import Given, Organization
from queries.api.context import Context
from queries.api.parameters import CursorText
from queries.dead_letters import Row, get_dead_letter, list_dead_letters

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])

Answer = dict[str, Any]


@router.get("", response_model=models.Letters)
def dead_letters(
    context: Given,
    organization: Organization,
    source: Annotated[str, Query(max_length=256, description="Part of the source's name.")] = "",
    reason: Annotated[str, Query(max_length=64, description="Such as no_timestamp.")] = "",
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Answer:
    """Records that could not be read, newest first, in pages."""
    return list_dead_letters(
        context.store, organization, source=source, reason=reason, cursor=cursor, limit=limit
    )._asdict()


@router.get("/{letter_id}", response_model=models.LetterDetail)
async def dead_letter(context: Given, organization: Organization, letter_id: UUID) -> Answer:
    """One of them with its bytes, read from the log."""
    row, raw = await _read(context, organization, letter_id)
    return {**row, "raw": raw.decode(errors="replace")}


@router.get(
    "/{letter_id}/raw",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def dead_letter_bytes(context: Given, organization: Organization, letter_id: UUID) -> Response:
    """Its bytes, exactly as they stand on the log."""
    _, raw = await _read(context, organization, letter_id)
    return Response(raw, media_type="application/octet-stream")


async def _read(context: Context, organization: str | None, letter_id: UUID) -> tuple[Row, bytes]:
    row = await run_in_threadpool(get_dead_letter, context.store, organization, letter_id)
    return row, await context.read_record(row["log_topic"], row["log_partition"], row["log_offset"])
