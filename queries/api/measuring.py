"""Requests counted and timed, and the route that tells all metrics of this process."""

from __future__ import annotations

import time
from typing import Final

from fastapi import APIRouter, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queries.api.access import Reader
from queries.api.problems import Forbidden
from schemas.metrics import CONTENT_TYPE, REQUEST_SECONDS, REQUESTS, exposition

NO_ROUTE: Final = "none"
"""Of requests that fit no route: their paths are anybody's invention."""

router = APIRouter(tags=["health"])


class Measured:
    """ASGI middleware: each request by route and status, with the seconds until the end of its answer."""

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
            # A method is anybody's invention too.
            method = scope["method"] if route != NO_ROUTE else "any"
            REQUESTS.labels(method, route, str(status)).inc()
            REQUEST_SECONDS.labels(method, route).observe(time.perf_counter() - began)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(token: Reader) -> Response:
    """Every metric of this process, in Prometheus's text format. Needs a token of every organization."""
    if token.only is not None:
        raise Forbidden("metrics are of all organizations together: use a token of every organization")
    return Response(exposition(), media_type=CONTENT_TYPE)
