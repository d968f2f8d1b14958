"""Credentials that will expire soon, judged by how long earlier ones lived or by what their vendor says. Pure.

No event says when a token expires: `queries/integrations/expiry.py` estimates it and gives its evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from queries.integrations.expiry import SOON, Basis, Forecast
from queries.integrations.health import UNWELL, Health
from queries.integrations.spans import App
from schemas.alerts import Detected, Severity
from streams.alerts.lookout.sighting import Concern, Sighting, going_on, still

EXPIRING: Final = Concern(
    "token-near-expiry",
    Severity.MEDIUM,
    "the credentials of an integration [should have expired](integrations.md#when-they-expire) in "
    f"{SOON.days} days at the latest",
    "it is re-authorised, activated again or deleted, or its credentials are accepted after that time",
    "Once the integration's token has expired, nothing is created, changed or closed in the application: people "
    "who leave then keep their access. No event records an expiry: this one is calculated from the token's entry.",
    "Make a new token in the application and re-authorise the integration with it.",
)


def expiring(healths: Iterable[tuple[App, str, Health]], told: Iterable[Detected], now: datetime) -> list[Sighting]:
    """Return one sighting per integration. An alert stands until these credentials are gone or outlive their expected
    time: once they are refused there is no forecast, and they still have to be renewed."""
    known = {(alert.organization, alert.group["application_id"]): alert for alert in going_on(told)}
    return [
        sighting
        for app, name, health in healths
        if (sighting := _near(app, name, health, now) or _still(known.get(app), health)) is not None
    ]


def _near(app: App, name: str, health: Health, now: datetime) -> Sighting | None:
    forecast = health.forecast
    # The beginning of a wide range says little: it starts at the last attempt before a long silence.
    if forecast is None or not forecast.latest - SOON <= now < forecast.latest:
        return None
    given = forecast.authorised.place
    return Sighting(
        app[0],
        {"application_id": app[1]},
        f"The credentials of {name or app[1]} should expire by {forecast.latest:%Y-%m-%d}",
        given.at,
        _why(forecast),
        event=given.event_id,
        events=1,
        applications=(app[1],),
    )


def _still(known: Detected | None, health: Health) -> Sighting | None:
    if known is None or health.authorised is None or health.authorised.place.event_id != known.first_event:
        return None
    if health.forecast is None and health.state not in UNWELL:
        return None
    return still(known)


def _why(forecast: Forecast) -> str:
    made = forecast.authorised.place.at
    given = f"They were entered on {made:%Y-%m-%d}"
    if forecast.basis is Basis.CATALOGUE:
        return f"{given}, and {forecast.vendor} says that its tokens live {(forecast.earliest - made).days} days."
    shortest, longest = ((end - made).days for end in (forecast.earliest, forecast.latest))
    return f"{given}; those before them were accepted when {shortest} days old, and refused as expired at {longest}."
