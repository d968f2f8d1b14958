"""How far the log is stored, as far as the one who asks may know: the log is of all organizations together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from queries.api.access import Given, Reader
from queries.lag_watch import Place


@dataclass(frozen=True, slots=True)
class Stored:
    """What of the log was stored before the store was asked."""

    behind: int
    """Records that were not."""
    places: tuple[Place, ...]
    """Each partition; none for a token of one organization, to which they would tell how much the others send."""


async def read_stored(context: Given, token: Reader) -> Stored:
    """Raises `Away`, `BrokerRefuses`."""
    places = tuple(await context.read_lag())
    behind = sum(place.end - place.stored for place in places)
    return Stored(behind, places if token.only is None else ())


StoredLog = Annotated[Stored, Depends(read_stored)]
