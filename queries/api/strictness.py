"""Refuses parameters that a route does not have, with the nearest name, and empty ones, so that nothing asked for is
ignored.

A misspelt filter, or one from a variable that a script did not set, would otherwise narrow nothing: a redrive or
discard would affect every letter, and an export would hold everybody's events.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from schemas.errors import BadUsage
from schemas.near import meant


async def refuse_ignored_parameters(request: Request) -> None:
    """Raises `BadUsage` for the first unknown parameter, and `RequestValidationError` for empty ones."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = set(_names(route.dependant))
    for name in request.query_params:
        if name not in known:
            told = meant(name, known) if known else "it takes none"
            raise BadUsage(f"there is no parameter {name[:40]!r} here; {told}")
    empty = dict.fromkeys(name for name, value in request.query_params.multi_items() if not value)
    if empty:
        raise RequestValidationError(
            [{"type": "string_too_short", "loc": ("query", name), "ctx": {"min_length": 1}} for name in empty]
        )


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _names(needed)
