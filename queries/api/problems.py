"""Turns every error into a problem document (RFC 9457): `type`, `title`, `status`, `detail`, and what helps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from queries.release import upgraded_beneath
from schemas.errors import (
    Ambiguous,
    Away,
    BadUsage,
    BrokerRefuses,
    Denied,
    Forbidden,
    Gone,
    IdtrailError,
    NotFound,
    Pointless,
    TooLarge,
    Unknown,
    Unreadable,
    UserError,
)

RETRY_AFTER_SECONDS: Final = 5
MEDIA_TYPE: Final = "application/problem+json"

log = structlog.get_logger(__name__)


_STATUS: Final[list[tuple[type[IdtrailError], int]]] = [
    (Ambiguous, 409),
    (Pointless, 409),
    (Gone, 410),
    (TooLarge, 413),
    (Unreadable, 415),
    (NotFound, 404),
    (Forbidden, 403),
    (Denied, 401),
    (BrokerRefuses, 503),  # for the operator, not for the caller
    (BadUsage, 400),
    (UserError, 400),
    (Away, 503),
]
"""The status of each error; the first match counts. An error that matches none is a defect."""


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> JSONResponse:
    """Return the response of an error."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    extra = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return JSONResponse(body, status, {**extra, **(headers or {})}, media_type=MEDIA_TYPE)


def install_problems(app: FastAPI) -> None:
    """Make every error of `app`, expected or not, a problem document."""

    @app.exception_handler(IdtrailError)
    async def ours(request: Request, error: IdtrailError) -> JSONResponse:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
        if status is None:
            return unexpected(request, error)
        more: dict[str, Any] = {}
        if isinstance(error, Ambiguous):
            more["candidates"] = error.candidates
        if isinstance(error, Unknown):
            more["near"] = error.near
        challenge = {"WWW-Authenticate": "Bearer"} if isinstance(error, Denied) else {}
        return problem(status, str(error), headers=challenge, **more)

    @app.exception_handler(HTTPException)
    async def of_the_framework(request: Request, error: HTTPException) -> JSONResponse:
        detail = {404: f"there is nothing at {request.url.path}", 405: f"{request.method} is not for this path"}
        return problem(error.status_code, detail.get(error.status_code, str(error.detail)), headers=error.headers)

    @app.exception_handler(ClientDisconnect)
    async def of_the_caller(request: Request, error: ClientDisconnect) -> JSONResponse:
        return problem(400, "the connection ended before the body did")  # nobody reads this; it is no defect

    @app.exception_handler(RequestValidationError)
    async def of_parameters(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [
            {"where": ".".join(str(part) for part in found["loc"]), "what": _what(found)} for found in error.errors()
        ]
        told = (f"{_name(item['where'])}: {item['what']}" for item in wrong)
        return problem(422, "; ".join(told), errors=wrong)

    @app.exception_handler(Exception)
    async def anything_else(request: Request, error: Exception) -> JSONResponse:
        return unexpected(request, error)


_HEXADECIMAL: Final = re.compile(r"\^\[0-9a-fA-F\]\{([0-9,]+)\}")
"""Patterns of ids."""
_PLACE: Final = re.compile(r"\.\d+$")


def _name(where: str) -> str:
    """Return a value's name; for a repeated parameter without its position, which nobody counts."""
    name = where.partition(".")[2] or where
    return _PLACE.sub("", name) if where.startswith("query.") else name


def _what(found: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, in idtrail's words where pydantic's are about its types."""
    if found["type"] == "missing":
        return "is missing"
    if found["type"] == "string_too_short" and found["ctx"]["min_length"] == 1:
        return "must not be empty"
    if found["type"] == "uuid_parsing":
        return "must be a whole id as the lists show it, 36 characters"
    if found["type"] in ("enum", "literal_error"):
        return f"must be {found['ctx']['expected']}"
    if found["type"] == "string_pattern_mismatch" and (ids := _HEXADECIMAL.match(found["ctx"]["pattern"])):
        return f"must be an id, or its beginning: {ids[1].replace(',', ' to ')} hexadecimal digits"
    return str(found["msg"])


def unexpected(request: Request, error: Exception) -> JSONResponse:
    """Answer a defect: log it in full under an id, and show only the id."""
    number = uuid4().hex[:12]
    log.error("request failed", id=number, path=request.url.path, exc_info=error)
    mend = upgraded_beneath()
    told = f"this is a defect of idtrail; its log has the trace under {number}{f': {mend}' if mend else ''}"
    return problem(500, told, id=number)
