"""Adds the release to every answer except that of a defect, so that a client of another release can say so."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queries.release import HEADER, RELEASE

_HEADER: Final = (HEADER.encode(), RELEASE.encode())


class Released:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], _HEADER]
            await send(message)

        await self._app(scope, receive, told if scope["type"] == "http" else send)
