"""The live feed over HTTP: server-sent events, for as long as the reader stays."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from queries.api.access import Given, Queue, Reader, check
from queries.api.context import Context
from queries.api.parameters import MAX_VALUES, Filtered
from queries.api.turns import Turns
from queries.feed import Batch, FeedReader, Show, Start, Wanted
from queries.matching import known_ids
from schemas.errors import Away
from schemas.times import parse_past

router = APIRouter(prefix="/api/v1", tags=["events"])

TOKEN_SECONDS: Final = 60.0
"""The longest that a reader goes on after its token was revoked."""


def wanted(
    context: Given,
    filtered: Filtered,
    kinds: Annotated[
        list[Show] | None,
        Query(max_length=MAX_VALUES, description="events (when absent), failures, incidents, alerts; may be repeated."),
    ] = None,
) -> Wanted:
    """Return what the parameters subscribe to."""
    return Wanted(filtered, kinds or (Show.EVENTS,), known_ids(context.store, filtered))


@dataclass(frozen=True, slots=True)
class Opened:
    """A reader, and what it subscribed to."""

    reader: FeedReader
    wanted: Wanted


async def opened(
    context: Given,
    token: Reader,
    wants: Annotated[Wanted, Depends(wanted)],
    since: Annotated[
        str | None,
        Query(
            max_length=64,
            description="Begin with what was logged since: RFC 3339, a date, or an age such as 10m. Now when absent.",
        ),
    ] = None,
    after: Annotated[
        str | None,
        Query(
            max_length=4096, description="Begin after this `id`. It overrides `since`, like the header Last-Event-ID."
        ),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(max_length=4096, description="The `id` of the last message received; the stream resumes after it."),
    ] = None,
) -> AsyncIterator[Opened]:
    """Open a reader for as long as the response lasts."""
    begin: datetime | None = parse_past(since, context.clock(), "since") if since else None
    async with context.feed.open(
        wants.name, Start(last_event_id or after or None, begin), token.organization
    ) as reader:
        yield Opened(reader, wants)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: `event` and `failure` with an event as in /events, `incident`, `alert` "
            "with a record of one, and at the end `dropped` with why and where to go on.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def stream(
    request: Request, context: Given, turns: Queue, token: Reader, following: Annotated[Opened, Depends(opened)]
) -> StreamingResponse:
    """Stream events as they are logged. Each message has an `id`, from which a reader resumes without gap or repeat."""
    text = request.headers["authorization"].partition(" ")[2].strip()
    return StreamingResponse(
        _written(context, turns, text, following),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _written(context: Context, turns: Turns, token: str, following: Opened) -> AsyncIterator[bytes]:
    yield write_batch(
        Batch([], following.reader.position), following.wanted
    )  # so that even a short stay can be resumed
    checked = time.monotonic()
    while True:
        batch = await following.reader.next()
        if time.monotonic() - checked >= TOKEN_SECONDS:
            checked = time.monotonic()
            if not await _still_good(context, turns, token):
                batch = batch._replace(ended="the token is not valid any more")
        yield write_batch(batch, following.wanted)
        if batch.ended:
            return


async def _still_good(context: Context, turns: Turns, token: str) -> bool:
    try:
        return await check(context, turns, token) is not None
    except Away:
        return True  # it was good a minute ago; the next check will tell


def write_batch(batch: Batch, wants: Wanted) -> bytes:
    """Return the message as sent. A position alone is no message, but the reader resumes from it."""
    parts = [message.frame(wants.name(message)) for message in batch.messages]
    if batch.ended:
        told = orjson.dumps({"reason": batch.ended, "resume": batch.position})
        parts.append(b"id: %b\nevent: dropped\ndata: %b\n\n" % (batch.position.encode(), told))
    elif not parts:
        parts.append(b": still here\nid: %b\n\n" % batch.position.encode())
    return b"".join(parts)
