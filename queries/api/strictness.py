"""Refuses parameters that a route does not have, with the nearest name, so that nothing asked for is ignored.

A misspelt filter would otherwise narrow nothing, and a redrive or discard would affect every letter.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from schemas.errors import BadUsage
from schemas.near import meant


async def refuse_unknown_parameters(request: Request) -> None:
    """Raises `BadUsage` for the first unknown parameter."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = set(_names(route.dependant))
    for name in request.query_params:
        if name not in known:
            told = meant(name, known) if known else "it takes none"
            raise BadUsage(f"there is no parameter {name[:40]!r} here; {told}")


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _names(needed)
