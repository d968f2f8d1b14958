"""Reads request bodies in bounded memory, whatever is sent."""

from __future__ import annotations

import zlib
from typing import Final

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import BadUsage, TooLarge, Unreadable

MAX_EVENTS_BYTES: Final = 32 * 1024 * 1024
"""The most bytes of events, also after decompression. More must be sent in several requests, or imported as files."""
MAX_OTHER_BYTES: Final = 64 * 1024
EVENTS_PATH: Final = "/api/v1/events"


class BodyLimit:
    """ASGI middleware that cuts a body off with 413 as soon as it is too large, before anything reads it whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes that come in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = MAX_EVENTS_BYTES if scope["path"] == EVENTS_PATH else MAX_OTHER_BYTES
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                # The framework lets its own exceptions pass while a body is read.
                raise HTTPException(413, f"the body is larger than {limit} bytes")
            return message

        await self._app(scope, counted, send)


async def read_body(request: Request) -> bytes:
    """Return the body, decompressed; never more than `MAX_EVENTS_BYTES`. Raises `TooLarge`, `Unreadable`,
    `BadUsage`."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise Unreadable(f"Content-Encoding {encoding[:20]!r} is not understood: use gzip or none")
    if encoding == "identity":
        return b"".join([block async for block in request.stream()])
    inflate = Inflate(MAX_EVENTS_BYTES)
    async for block in request.stream():
        inflate.feed(block)
    return inflate.finish()


class Inflate:
    """Decompresses gzip, including several members, up to `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._member = zlib.decompressobj(wbits=31)
        self._begun = False
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, block: bytes) -> None:
        """Decompress a chunk. Raises `TooLarge`, or `BadUsage` for what is not gzip."""
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

    def finish(self) -> bytes:
        """Return everything. Raises `BadUsage` if the data was cut off."""
        if not self._begun or not self._member.eof:
            raise BadUsage("the gzip body ends early: it was cut off")
        return b"".join(self._pieces)
