"""The route that puts events on the log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from queries.api import models
from queries.api.access import Given, Ingester
from queries.api.bodies import EVENTS_PATH, Budget, Room, read_body
from queries.api.context import Context, NotARecord, Piece
from queries.api.problems import problem
from schemas.envelope import Source, Trust
from schemas.errors import BadUsage, MalformedRecord, RecordError, TooLarge

router = APIRouter(tags=["ingest"])

MAX_RECORDS: Final = 50_000
MAX_BRACES: Final = 1_000_000
"""A cheap bound on the number of records in a body; real events have a dozen objects in them each."""
TOLD: Final = 100
"""How many refused records an answer names; all are counted."""
AT_ONCE: Final = 100
"""How many dead letters are confirmed concurrently."""

_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "One object, an array of them, or NDJSON; recognised by its content.",
        "content": {
            "application/json": {"schema": {"oneOf": [{"type": "object"}, {"type": "array"}]}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    },
    "parameters": [
        {
            "name": "Content-Encoding",
            "in": "header",
            "schema": {"type": "string", "enum": ["identity", "gzip"]},
        }
    ],
}


async def room_for(request: Request, token: Ingester) -> AsyncIterator[Room]:
    """Hold memory until the events are on the log: until then they are in it."""
    budget = request.app.state.budget
    assert isinstance(budget, Budget)
    with budget.room(token.whose) as room:
        yield room


@router.post(
    EVENTS_PATH,
    response_model=models.Accepted,
    responses={202: {"model": models.Accepted, "description": "Accepted; some are spooled on disk."}},
    openapi_extra=_BODY,
)
async def ingest(
    request: Request, context: Given, token: Ingester, room: Annotated[Room, Depends(room_for, scope="function")]
) -> JSONResponse:
    """Put events on the log.

    200: every accepted event is on all in-sync replicas. 202: some are spooled on disk until the broker is back. 503:
    the spool or the memory is full; send all of them again later (nothing doubles). Records that cannot be accepted do
    not hold up the others: they go to the dead letters and are listed under `refused`. 422 if there is no other record;
    413 for more than 50,000 records.

    Events get the lowest trust: anybody with a token can send any, so none of them replaces what an export or the
    tenant's API said.
    """
    pieces = await run_in_threadpool(_sliced, context, await read_body(request, room))
    source = Source(f"api:{token.name}", Trust.OPEN_INGEST, token.only)
    records = [piece for piece in pieces if not isinstance(piece, NotARecord)]
    refused: list[tuple[Piece, RecordError]] = [
        (piece, MalformedRecord(piece.message, reason=piece.reason))
        for piece in pieces
        if isinstance(piece, NotARecord)
    ]
    logged = spooled = 0
    by_type: Counter[str] = Counter()
    if records:
        batch = await context.ingest.emit_many([piece.raw for piece in records], source)
        logged, spooled, by_type = batch.logged, batch.spooled, batch.by_type
        refused += [(records[place], error) for place, error in batch.refused]
    refused.sort(key=lambda item: item[0].index)
    for start in range(0, len(refused), AT_ONCE):
        await asyncio.gather(
            *(
                context.ingest.dead_letter(
                    piece.raw, source, error, f"event {piece.index} of a request", size=piece.size
                )
                for piece, error in refused[start : start + AT_ONCE]
            )
        )
    answer: dict[str, Any] = {
        "logged": logged,
        "spooled": spooled,
        "dead_lettered": len(refused),
        "refused": [
            {"event": piece.index, "reason": error.reason, "message": str(error)} for piece, error in refused[:TOLD]
        ],
        "by_type": dict(by_type),
    }
    if not logged and not spooled:
        first = answer["refused"][0]
        return problem(422, f"no event was accepted; event {first['event']}: {first['message']}", **answer)
    return JSONResponse(answer, 202 if spooled else 200)


def _sliced(context: Context, body: bytes) -> Sequence[Piece]:
    enough = MAX_RECORDS + 1  # whatever the body holds, no more is cut
    if body.count(b"{") > MAX_BRACES or len(pieces := list(islice(context.slice_body(body), enough))) == enough:
        raise TooLarge(f"the body holds more than {MAX_RECORDS} records: send several requests, or import a file")
    if not pieces:
        raise BadUsage("the body holds no event: send a JSON object, an array of them, or NDJSON")
    return pieces
