"""The application: routes, problem documents, health."""

from __future__ import annotations

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from queries.api import reads, writes
from queries.api.access import Given
from queries.api.context import Context
from queries.api.problems import install_problems, problem
from schemas.errors import Away


def create_app(context: Context) -> FastAPI:
    """The API over what `context` holds. No route but health and the API document works without a token."""
    app = FastAPI(
        title="idtrail",
        version="1",
        description="The audit trail of identity provisioning. Errors are problem documents (RFC 9457).",
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    install_problems(app)
    app.include_router(reads.router)
    app.include_router(writes.router)

    @app.get("/healthz", tags=["health"])
    def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz(context: Given) -> Response:
        """Broker and store answer; otherwise 503, saying which does not."""
        try:
            await run_in_threadpool(context.store.query, "SELECT 1")
        except Away as error:
            return problem(503, f"the store is away: {error}")
        try:
            behind = sum(place.end - place.stored for place in await context.read_lag())
        except Away as error:
            return problem(503, f"the broker is away: {error}")
        return JSONResponse({"status": "ready", "behind": behind})

    return app
