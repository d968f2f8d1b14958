"""Refuses parameters that a route does not have, with the nearest name, so that nothing asked for is ignored.

A misspelt filter would otherwise narrow nothing, and a redrive or discard would affect every letter.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from schemas.errors import BadUsage


async def refuse_unknown_parameters(request: Request) -> None:
    """Raises `BadUsage` for the first unknown parameter."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = set(_names(route.dependant))
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = (
                f": did you mean {near[0]!r}?"
                if near
                else f"; expected one of: {', '.join(sorted(known))}"
                if known
                else "; it takes none"
            )
            raise BadUsage(f"there is no parameter {name[:40]!r} here{meant}")


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _names(needed)
