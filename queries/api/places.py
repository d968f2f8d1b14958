"""How far the log is stored, as far as the caller may know: the log holds all organizations together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from queries.api.access import Given, Reader
from queries.checks.lag_watch import Place


@dataclass(frozen=True, slots=True)
class Stored:
    """How much of the log was stored before the store was queried."""

    behind: int
    """The number of records that were not stored."""
    places: tuple[Place, ...]
    """Each partition; none for a token of one organization, to which they would tell how much the others send."""


async def read_stored(context: Given, token: Reader) -> Stored:
    """Return what was stored. Raises `Away`, `BrokerRefuses`."""
    places = tuple(await context.read_lag())
    behind = sum(place.end - place.stored for place in places)
    return Stored(behind, places if token.only is None else ())


StoredLog = Annotated[Stored, Depends(read_stored)]
