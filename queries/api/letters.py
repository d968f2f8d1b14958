"""Routes about dead letters, the records that could not be read, and acts on them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from queries.api import letter_models as models
from queries.api.access import Admin, Given, Organization
from queries.api.context import Context
from queries.api.parameters import CursorText
from queries.dead_letters import LetterFilter, Letters, Row, count_dead_letters, get_dead_letter, list_dead_letters
from queries.redrive import Redrive, discard, redrive
from schemas.errors import BadUsage, NotFound
from schemas.letters import Coordinates
from schemas.organization import require_organization
from schemas.times import LATEST, SENTINEL, parse_when, require_order

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])

MAX_IDS: Final = 100
MAX_AT_ONCE: Final = 100
"""The most letters that one request acts on."""

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
    state: Literal["waiting", "redriven", "discarded"] | None = None,
    since: When = None,
    until: When = None,
) -> LetterFilter:
    """Return the letters that the parameters select. Raises `BadUsage` for an invalid range."""
    now = context.clock()
    begin = parse_when(since, now, "since") if since else SENTINEL
    end = parse_when(until, now, "until") if until else LATEST
    require_order(begin, end)
    return LetterFilter(organization, tuple(id or ()), source, reason, state or "", begin, end, f"{since} to {until}")


PageAtOnce = Annotated[int, Query(ge=1, le=MAX_AT_ONCE, description="Letters of this request.")]
Wanted = Annotated[LetterFilter, Depends(letter_filter)]


class RedriveOptions(BaseModel):
    """How letters are to be redriven."""

    model_config = ConfigDict(extra="forbid")

    into: str = Field("", max_length=128, description="The organization that their sources belong to now.")
    dry_run: bool = Field(False, description="Report what would become of each, and change nothing.")


class DiscardOptions(BaseModel):
    """Why letters are to be discarded."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    because: str = Field(min_length=1, max_length=500)
    dry_run: bool = Field(False, description="Report which would be discarded, and change nothing.")


@router.get("", response_model=models.Letters)
def dead_letters(
    context: Given,
    wanted: Wanted,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Answer:
    """List records that could not be read, newest first, in pages."""
    return list_dead_letters(context.store, wanted, cursor=cursor, limit=limit)._asdict()


@router.get("/stats", response_model=models.LetterCounts)
def dead_letter_counts(context: Given, wanted: Wanted) -> Answer:
    """Count dead letters by reason and source, the largest count first, with the first and the last of each."""
    return {"items": count_dead_letters(context.store, wanted)}


@router.post("/redrive", response_model=models.LetterResults)
async def redrive_letters(
    context: Given,
    token: Admin,
    wanted: Wanted,
    options: RedriveOptions,
    cursor: CursorText = None,
    limit: PageAtOnce = MAX_AT_ONCE,
) -> Answer:
    """Make events of the letters that can be read now, with their original source and trust.

    Each request handles a page of letters. Letters already redriven stay as they are; so do discarded ones, unless
    named by id. What still cannot be read keeps waiting, with its new reason.
    """
    if options.into:
        require_organization(options.into, "into")
    if options.into and token.only not in (None, options.into):
        raise NotFound(f"no organization {options.into!r}")
    page = await _meant(context, wanted, cursor, limit)
    how = Redrive(token.name, options.into, named=bool(wanted.ids), dry_run=options.dry_run)
    results = await redrive(page.items, how, context.read_records, context.ingest, context.clock())
    return {"items": results, "next": page.next, "dry_run": options.dry_run}


@router.post("/discard", response_model=models.LetterResults)
async def discard_letters(
    context: Given,
    token: Admin,
    wanted: Wanted,
    options: DiscardOptions,
    cursor: CursorText = None,
    limit: PageAtOnce = MAX_AT_ONCE,
) -> Answer:
    """Record that these letters are not wanted as events, by whom and why. Nothing is deleted."""
    page = await _meant(context, wanted, cursor, limit)
    results = await discard(
        page.items, options.because, token.name, context.ingest, context.clock(), dry_run=options.dry_run
    )
    return {"items": results, "next": page.next, "dry_run": options.dry_run}


async def _meant(context: Context, wanted: LetterFilter, cursor: str | None, limit: int) -> Letters:
    """Return the letters to act on. Raises `NotFound` for unknown ids."""
    if not wanted.narrows():
        raise BadUsage("say which letters: by id, source, reason, since or until (source=* is all of them)")
    page = await run_in_threadpool(list_dead_letters, context.store, wanted, cursor=cursor, limit=limit)
    missing = set(wanted.ids) - {row["letter_id"] for row in page.items}
    if missing and not cursor and not page.next:
        raise NotFound(f"no dead letter {min(missing)}")
    return page


@router.get("/{letter_id}", response_model=models.LetterDetail)
async def dead_letter(context: Given, organization: Organization, letter_id: UUID) -> Answer:
    """Return one dead letter with its bytes, read from the log."""
    row = await run_in_threadpool(get_dead_letter, context.store, organization, letter_id)
    place = _place(row)
    logged = (await context.read_records([place])).get(place)
    return {**row, "raw": None if logged is None else logged.value.decode(errors="replace")}


@router.get(
    "/{letter_id}/raw",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def dead_letter_bytes(context: Given, organization: Organization, letter_id: UUID) -> Response:
    """Return the letter's bytes, exactly as on the log."""
    row = await run_in_threadpool(get_dead_letter, context.store, organization, letter_id)
    return Response(await context.read_record(*_place(row)), media_type="application/octet-stream")


def _place(row: Row) -> Coordinates:
    return Coordinates(row["log_topic"], row["log_partition"], row["log_offset"])
