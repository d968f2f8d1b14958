"""Routes that put events on the log, and those that make and revoke tokens."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from queries.api.access import Admin, Given, Ingester
from queries.api.problems import TooLarge, problem
from queries.tokens import EVERY_ORGANIZATION
from schemas.envelope import Source, Trust
from schemas.errors import BadUsage, Denied, MalformedRecord, RecordError

router = APIRouter(prefix="/api/v1")

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""After decompression: whoever sends more sends several requests, or imports files."""
TOLD: Final = 100
"""Refused records that an answer names; all are counted."""


@router.post("/events")
async def ingest(request: Request, context: Given, token: Ingester) -> JSONResponse:
    """Put events on the log: one object, an array, or NDJSON; `Content-Encoding: gzip` is understood.

    200: every accepted event is on all in-sync replicas. 202: some are spooled on disk until the broker is
    back. 503: the spool is full, send them again later (nothing doubles). Records that cannot be read are
    kept in the dead letters and listed under `refused`; 422 when there is no other.
    """
    body = await _body(request)
    pieces = await run_in_threadpool(context.slice_body, body)
    if not pieces:
        raise BadUsage("the body holds no event: send a JSON object, an array of them, or NDJSON")
    own = None if token.organization == EVERY_ORGANIZATION else token.organization
    source = Source(f"api:{token.name}", Trust.OPEN_INGEST, own)
    good = [piece for piece in pieces if not getattr(piece, "message", "")]
    refused: list[tuple[int, bytes, RecordError]] = [
        (piece.index, piece.raw, MalformedRecord(piece.message, reason=piece.reason))  # type: ignore[attr-defined]  # because only a bad piece has them
        for piece in pieces
        if getattr(piece, "message", "")
    ]
    by_type: Counter[str] = Counter()
    logged = spooled = 0
    if good:
        batch = await context.ingest.emit_many([piece.raw for piece in good], source)
        logged, spooled, by_type = batch.logged, batch.spooled, batch.by_type
        refused += [(good[place].index, good[place].raw, error) for place, error in batch.refused]
    refused.sort(key=lambda item: item[0])
    for index, raw, error in refused:
        await context.ingest.dead_letter(raw, source, error, f"event {index} of a request")
    told = [{"event": index, "reason": error.reason, "message": str(error)} for index, _, error in refused[:TOLD]]
    answer: dict[str, Any] = {"logged": logged, "spooled": spooled, "dead_lettered": len(refused), "refused": told}
    if not logged and not spooled:
        return problem(422, f"none of {len(pieces)} events could be read: {told[0]['message']}", **answer)
    return JSONResponse({**answer, "by_type": dict(by_type)}, 202 if spooled else 200)


async def _body(request: Request) -> bytes:
    """The body, decompressed; never more than `MAX_BODY_BYTES`, whatever is sent."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise BadUsage(f"Content-Encoding {encoding[:20]!r} is not understood: use gzip or none")
    inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    pieces: list[bytes] = []
    size = 0
    async for block in request.stream():
        try:
            piece = inflate.decompress(block, MAX_BODY_BYTES + 1 - size) if inflate else block
        except zlib.error:
            raise BadUsage("the body is not gzip, though Content-Encoding says so") from None
        size += len(piece)
        if size > MAX_BODY_BYTES or (inflate and inflate.unconsumed_tail):
            raise TooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes: send it in several requests")
        pieces.append(piece)
    if inflate and not inflate.eof:
        raise BadUsage("the gzip body ends early: it was cut off")
    return b"".join(pieces)


class NewToken(BaseModel):
    """What a new token is to allow."""

    name: str = Field(min_length=1, max_length=64)
    scopes: list[str] = Field(default=["read"], description="read, ingest, admin")
    organization: str = Field("", max_length=128, description="Empty: that of the token at hand; *: all.")
    days: int | None = Field(None, ge=1, le=3650, description="Lifetime; without it, until it is revoked.")


@router.get("/tokens")
def tokens(context: Given, token: Admin) -> dict[str, Any]:
    """Tokens, the newest first; never their text."""
    return {
        "items": [asdict(item) for item in context.tokens.all() if _may_manage(token.organization, item.organization)]
    }


@router.post("/tokens", status_code=201)
def create_token(context: Given, token: Admin, wanted: NewToken) -> dict[str, Any]:
    """Make a token. Its text is in this answer and nowhere else."""
    organization = wanted.organization or token.organization
    if not _may_manage(token.organization, organization):
        raise Denied(f"the token {token.name!r} has no scope over organization {organization!r}")
    lifetime = timedelta(days=wanted.days) if wanted.days else None
    text, made = context.tokens.create(wanted.name, wanted.scopes, organization, lifetime)
    return {**asdict(made), "token": text}


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(context: Given, token: Admin, token_id: UUID) -> Response:
    """Revoke a token; it passes no more within seconds."""
    own = {item.token_id for item in context.tokens.all() if _may_manage(token.organization, item.organization)}
    if token_id in own:
        context.tokens.revoke(token_id)
        return Response(status_code=204)
    return problem(404, f"no token {token_id}")


def _may_manage(manager: str, organization: str) -> bool:
    return manager in (EVERY_ORGANIZATION, organization)
