"""Every answer to a question tells how many records were not stored yet when it was asked: these it may miss."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queries.lag_watch import HEADER

PREFIX: Final = "/api/v1/"


class Behind:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. The lag is looked at before the store is asked: afterwards it may be less than was missed."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        waiting = await scope["app"].state.vigil.waiting()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and waiting is not None:
                message["headers"] = [*message["headers"], (HEADER.encode(), str(waiting).encode())]
            await send(message)

        await self._app(scope, receive, told)
