"""When credentials will expire: as long as those before them lived, or as the vendor says of all its tokens. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from queries.token_lifetimes import Lifetime
from queries.trouble import Change, Place, Trouble

SOON: Final = timedelta(days=30)
"""So long before credentials expire somebody should see to it."""


class Observed(NamedTuple):
    """How long an application's tokens lived: at least `shortest`, less than `longest`."""

    shortest: timedelta
    longest: timedelta
    times: int
    """Expiries of which it is the last one's."""


class Basis(StrEnum):
    """What a forecast rests on."""

    OBSERVED = "observed"
    """The application's own tokens expired before, and the log shows at what age."""
    CATALOGUE = "catalogue"
    """What the vendor says of all its tokens."""


class Forecast(NamedTuple):
    """When the credentials in use will expire, if they live as long as those before, or as the vendor says."""

    basis: Basis
    authorised: Change
    earliest: datetime
    latest: datetime
    """The same as the earliest where the lifetime is known to the day."""
    expiries: int
    """Observed; 0 where the vendor's word is all there is."""
    vendor: str
    source: str


def observe(troubles: Iterable[Trouble]) -> Observed | None:
    """How long the tokens lived that expired last; None where none is known to have expired."""
    expired = [trouble for trouble in troubles if trouble.expired]
    if not expired:
        return None
    last = expired[-1]
    assert last.authorised is not None
    assert last.last_good is not None
    made = last.authorised.place.at
    return Observed(last.last_good.at - made, last.start.at - made, len(expired))


def forecast_of(
    authorised: Change, last_good: Place | None, observed: Observed | None, told: Lifetime | None
) -> Forecast | None:
    """What the credentials of `authorised` have before them: as observed, else as the vendor says.

    A lifetime that they were accepted beyond is refuted, and no longer believed.
    """
    made = authorised.place.at
    forecasts = []
    if observed:
        earliest, latest = made + observed.shortest, made + observed.longest
        forecasts.append(Forecast(Basis.OBSERVED, authorised, earliest, latest, observed.times, "", ""))
    if told:
        expires = made + told.lasts
        forecasts.append(Forecast(Basis.CATALOGUE, authorised, expires, expires, 0, told.vendor, told.source))
    return next((one for one in forecasts if last_good is None or last_good.at <= one.latest), None)
