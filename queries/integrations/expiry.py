"""Forecasts when credentials expire, from how long earlier ones lived or from what the vendor says of all its tokens.
Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from queries.integrations.token_lifetimes import Lifetime
from queries.integrations.trouble import ConfigurationChange, Place, Trouble

SOON: Final = timedelta(days=30)
"""How long before credentials expire somebody should replace them."""


class Observed(NamedTuple):
    """How long an application's tokens lived: at least `shortest` and less than `longest`."""

    shortest: timedelta
    longest: timedelta
    times: int
    """The number of expiries; the lifetimes are from the last one."""


class Basis(StrEnum):
    """What a forecast is based on."""

    OBSERVED = "observed"
    """The application's own tokens expired before, and the log shows at what age."""
    CATALOGUE = "catalogue"
    """The lifetime that the vendor states for all its tokens."""


class Forecast(NamedTuple):
    """When the credentials in use will expire, if they live as long as earlier ones or as the vendor says."""

    basis: Basis
    authorised: ConfigurationChange
    earliest: datetime
    latest: datetime
    """Equal to the earliest if the lifetime is known to the day."""
    expiries: int
    """The number of observed expiries; 0 if only the vendor's statement is known."""
    vendor: str
    source: str


def observe(troubles: Iterable[Trouble]) -> Observed | None:
    """Return how long the last expired tokens lived; None if none is known to have expired."""
    expired = [trouble for trouble in troubles if trouble.expired]
    if not expired:
        return None
    last = expired[-1]
    assert last.authorised is not None
    assert last.last_good is not None
    made = last.authorised.place.at
    return Observed(last.last_good.at - made, last.start.at - made, len(expired))


def forecast_of(
    authorised: ConfigurationChange, last_good: Place | None, observed: Observed | None, told: Lifetime | None
) -> Forecast | None:
    """Return the forecast for the credentials of `authorised`: as observed, else as the vendor says, else None.

    A lifetime is rejected if the credentials were accepted beyond it.
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
