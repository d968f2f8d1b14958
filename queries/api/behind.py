"""Adds to every answer how many records were not stored yet when the question came: the answer may lack these."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queries.checks.lag_watch import HEADER

PREFIX: Final = "/api/v1/"


class Behind:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request. The lag is read before the store: afterwards it may be smaller than what the answer
        lacks."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        waiting = await scope["app"].state.vigil.waiting()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and waiting is not None:
                message["headers"] = [*message["headers"], (HEADER.encode(), str(waiting).encode())]
            await send(message)

        await self._app(scope, receive, told)
