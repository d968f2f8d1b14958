"""Reads request bodies in bounded memory and time, whatever is sent, and however many send at once."""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import BadUsage, Busy, TooLarge, Unreadable

MAX_EVENTS_BYTES: Final = 32 * 1024 * 1024
"""The most bytes of events, also after decompression. More must be sent in several requests, or imported as files."""
MAX_OTHER_BYTES: Final = 64 * 1024
BUDGET_BYTES: Final = 256 * 1024 * 1024
"""The most bytes of events that all requests together have in memory, as they came and decompressed."""
SHARE_BYTES: Final = 64 * 1024 * 1024
"""Of these, the most of one organization, or of one token of all organizations."""
EVENTS_SECONDS: Final = 300.0
"""How long a body of events may take to come: the largest needs 1 Mbit/s."""
OTHER_SECONDS: Final = 15.0
BLOCK_SECONDS: Final = 15.0
"""The longest pause within a body."""
EVENTS_PATH: Final = "/api/v1/events"


class BodyLimit:
    """ASGI middleware that cuts a body off as soon as it is too large (413) or does not come (408), before anything
    reads it whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes that come in, and the seconds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit, seconds = (
            (MAX_EVENTS_BYTES, EVENTS_SECONDS) if scope["path"] == EVENTS_PATH else (MAX_OTHER_BYTES, OTHER_SECONDS)
        )
        clock = asyncio.get_running_loop().time
        size, whole, until = 0, False, clock() + seconds

        async def counted() -> Message:
            nonlocal size, whole
            if whole:  # what comes now is that the client has gone
                return await receive()
            try:
                async with asyncio.timeout_at(min(clock() + BLOCK_SECONDS, until)):
                    message = await receive()
            except TimeoutError:
                told = f"the body must come within {seconds:g} s, without a pause of {BLOCK_SECONDS:g} s: send it again"
                raise HTTPException(408, told, {"Connection": "close"}) from None
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > limit:
                # The framework lets its own exceptions pass while a body is read.
                raise HTTPException(413, f"the body is larger than {limit} bytes")
            return message

        await self._app(scope, counted, send)


class Room:
    """Memory that one request has taken."""

    def __init__(self, budget: Budget, whose: str) -> None:
        self.taken = 0
        self._budget, self._whose = budget, whose

    def take(self, size: int) -> None:
        """Take memory for bytes that have come. Raises `Busy`."""
        self._budget.take(self._whose, size)
        self.taken += size


class Budget:
    """The memory for bodies of events."""

    def __init__(self, most: int = BUDGET_BYTES, share: int = SHARE_BYTES) -> None:
        self._left = most
        self._share = share
        self._taken: defaultdict[str, int] = defaultdict(int)

    @contextmanager
    def room(self, whose: str) -> Iterator[Room]:
        """Give the block memory, and take it back when the block ends."""
        room = Room(self, whose)
        try:
            yield room
        finally:
            self._left += room.taken
            self._taken[whose] -= room.taken

    def take(self, whose: str, size: int) -> None:
        """Count memory as taken. Raises `Busy`."""
        if self._taken[whose] + size > self._share:
            raise Busy(f"this organization has {self._share} bytes of events on their way: send them one after another")
        if size > self._left:
            raise Busy("as many bytes of events are on their way as there is memory for: send them again later")
        self._left -= size
        self._taken[whose] += size


async def read_body(request: Request, room: Room) -> bytes:
    """Return the body, decompressed; never more than `MAX_EVENTS_BYTES`, nor than there is `room`.

    Raises `TooLarge`, `Unreadable`, `BadUsage`, `Busy`.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise Unreadable(f"Content-Encoding {encoding[:20]!r} is not understood: use gzip or none")
    if encoding == "identity":
        blocks: list[bytes] = []
        async for block in request.stream():
            room.take(len(block))
            blocks.append(block)
        return b"".join(blocks)
    inflate = Inflate(MAX_EVENTS_BYTES)
    async for block in request.stream():
        room.take(inflate.feed(block))
    return inflate.finish()


class Inflate:
    """Decompresses gzip, including several members, up to `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._member = zlib.decompressobj(wbits=31)
        self._begun = False
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, block: bytes) -> int:
        """Decompress a chunk; return how many bytes came of it. Raises `TooLarge`, or `BadUsage` for what is not
        gzip."""
        before = self._size
        while block:
            if self._member.eof:
                self._member, self._begun = zlib.decompressobj(wbits=31), False
            self._begun = True
            try:
                piece = self._member.decompress(block, self._limit + 1 - self._size)
            except zlib.error:
                raise BadUsage("the body is not gzip, though Content-Encoding says so") from None
            self._pieces.append(piece)
            self._size += len(piece)
            if self._size > self._limit:
                raise TooLarge(f"the decompressed body is larger than {self._limit} bytes: send several requests")
            block = self._member.unused_data
        return self._size - before

    def finish(self) -> bytes:
        """Return everything. Raises `BadUsage` if the data was cut off."""
        if not self._begun or not self._member.eof:
            raise BadUsage("the gzip body ends early: it was cut off")
        return b"".join(self._pieces)
