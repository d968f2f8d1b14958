"""Counts and times requests, and serves all metrics of this process."""

from __future__ import annotations

import time
from typing import Final

from fastapi import APIRouter, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queries.api.access import Reader
from schemas.errors import Forbidden
from schemas.metrics import CONTENT_TYPE, REQUEST_SECONDS, REQUESTS, exposition

NO_ROUTE: Final = "none"
"""Stands for requests that match no route, since callers can invent any path."""

router = APIRouter(tags=["health"])


class Measured:
    """ASGI middleware that measures each request by route and status, with the seconds until its answer ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Measure one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        began = time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            # Callers can invent any method too.
            method = scope["method"] if route != NO_ROUTE else "any"
            REQUESTS.labels(method, route, str(status)).inc()
            REQUEST_SECONDS.labels(method, route).observe(time.perf_counter() - began)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(token: Reader) -> Response:
    """Return every metric of this process, in Prometheus's text format. Needs a token of every organization."""
    if token.only is not None:
        raise Forbidden("metrics cover all organizations together: use a token of every organization")
    return Response(exposition(), media_type=CONTENT_TYPE)
