"""The application: its routes, problem documents, and the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from queries.api import (
    alerts,
    events,
    exports,
    exposures,
    failures,
    findings,
    health,
    incidents,
    ingest,
    integrations,
    jobs,
    letters,
    lifecycles,
    measuring,
    people,
    root,
    schema,
    state,
    stream,
    tokens,
)
from queries.api.behind import PREFIX, Behind
from queries.api.bodies import BodyLimit, Budget
from queries.api.context import Context
from queries.api.glossary import describe, errors_of
from queries.api.models import Problem
from queries.api.problems import MEDIA_TYPE, install_problems
from queries.api.released import Released
from queries.api.strictness import refuse_ignored_parameters
from queries.api.turns import Turns
from queries.checks.lag_watch import HEADER

DOCUMENT: Final = "docs/openapi.json"
_PROBED: Final = (health.router, measuring.router, root.router)
"""Routes for machines, which may add any parameters."""
_ROUTERS: Final = (
    events.router,
    stream.router,
    failures.router,
    lifecycles.router,
    exposures.router,
    people.router,
    state.router,
    findings.router,
    exports.router,
    incidents.router,
    alerts.router,
    integrations.router,
    jobs.router,
    letters.router,
    schema.router,
    ingest.router,
    tokens.router,
)


def create_app(context: Context) -> FastAPI:
    """Return the API over `context`.

    Only health and the API document work without a token. The document holds no data, and clients read it to learn how
    to send a token.
    """
    app = bare_app()
    give(app, context)
    return app


def give(app: FastAPI, context: Context) -> None:
    """Let `app` answer from `context` from now on."""
    app.state.context = context
    app.state.turns, app.state.budget = Turns(), Budget()
    app.state.vigil = health.Vigil(context)


def documents() -> dict[str, str]:
    """Return the generated files of this package, by path."""
    text = orjson.dumps(bare_app().openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    return {DOCUMENT: text + "\n"}


def bare_app() -> FastAPI:
    """Return the app with its routes, but nothing to answer from yet."""
    app = FastAPI(
        title="idtrail",
        version="1",
        description="The audit trail of identity provisioning. Every error is a problem document (RFC 9457). "
        f"The header `{HEADER}` of every answer to a GET under {PREFIX} gives the number of records on the log that "
        "were not stored yet when the question came: the answer may lack them.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=health.vigilant,
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(Behind)
    app.add_middleware(measuring.Measured)
    app.add_middleware(Released)
    install_problems(app)
    for router in _PROBED:
        app.include_router(router)
    for router in _ROUTERS:
        app.include_router(router, dependencies=[Depends(refuse_ignored_parameters)])
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # because FastAPI documents it this way
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """Return FastAPI's document, with problems in place of its default errors."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = found["components"]["schemas"]
        for supposed in ("HTTPValidationError", "ValidationError"):
            schemas.pop(supposed, None)
        schemas["Problem"] = Problem.model_json_schema()
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for path, operations in found["paths"].items():
            for method, operation in operations.items():
                answers = operation["responses"]
                answers.pop("422", None)
                for status, words in errors_of(method, path, operation).items():
                    answers.setdefault(status, {"description": words, "content": content})
                answers["default"] = {"description": "Any other error.", "content": content}
        describe(found)
        app.openapi_schema = found
    return app.openapi_schema
