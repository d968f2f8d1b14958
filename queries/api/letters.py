"""Routes about dead letters: records that could not be read."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from starlette.concurrency import run_in_threadpool

from queries.api import models
from queries.api.access import Given, Organization
from queries.api.context import Context
from queries.api.parameters import CursorText, parse_when
from queries.dead_letters import LetterFilter, Row, count_dead_letters, get_dead_letter, list_dead_letters
from schemas.errors import BadUsage
from schemas.times import LATEST, SENTINEL

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])

MAX_IDS: Final = 100

Answer = dict[str, Any]
When = Annotated[
    str | None, Query(max_length=64, description="RFC 3339, a date, or an age such as 24h or 7d; of the log's clock.")
]


def letter_filter(
    context: Given,
    organization: Organization,
    id: Annotated[list[UUID] | None, Query(max_length=MAX_IDS, description="Any of these.")] = None,
    source: Annotated[
        str,
        Query(
            max_length=256,
            description="The beginning of the source's name, with or without `file:` or `api:`; with * or ? a pattern.",
        ),
    ] = "",
    reason: Annotated[str, Query(max_length=64, description="Such as no_timestamp.")] = "",
    since: When = None,
    until: When = None,
) -> LetterFilter:
    """The letters that the parameters mean. Raises `BadUsage` for a range that is none."""
    now = context.clock()
    begin = parse_when(since, now, "since") if since else SENTINEL
    end = parse_when(until, now, "until") if until else LATEST
    if begin >= end:
        raise BadUsage("since must be before until")
    return LetterFilter(organization, tuple(id or ()), source, reason, begin, end)


Wanted = Annotated[LetterFilter, Depends(letter_filter)]


@router.get("", response_model=models.Letters)
def dead_letters(
    context: Given,
    wanted: Wanted,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Answer:
    """Records that could not be read, newest first, in pages."""
    return list_dead_letters(context.store, wanted, cursor=cursor, limit=limit)._asdict()


@router.get("/stats", response_model=models.LetterCounts)
def dead_letter_counts(context: Given, wanted: Wanted) -> Answer:
    """How many there are by reason and source, the most first, with the first and the last of each."""
    return {"items": count_dead_letters(context.store, wanted)}


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
