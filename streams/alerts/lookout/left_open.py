"""Accounts that a deleted integration left open: one alert per application, as long as any of them is open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from queries.exposures import Exposure, list_exposures
from queries.integrations.deletions import Deletion, read_deletions
from queries.store import Store
from schemas.alerts import Detected, Severity
from schemas.times import SENTINEL
from streams.alerts.lookout.sighting import Concern, Sighting, going_on

LEFT_OPEN: Final = Concern(
    "accounts-left-open",
    Severity.HIGH,
    "an integration was deleted, less than `IDTRAIL_HORIZON_HOURS` ago, and a minute later accounts of its application "
    "are [open](exposures.md#what-counts)",
    "none of them is known to be open, or the integration is activated again",
    "The integration was deleted while accounts were open in its application. Nothing closes them now: people "
    "who left, or leave from now on, keep their access.",
    "List them with idtrail exposures, and close them in the application, or activate the integration again. No event "
    "reports accounts closed there by hand: resolve the alert then.",
)
SETTLED: Final = timedelta(minutes=1)
"""Deletions close accounts too, and their events come at about the same time."""
AGAIN: Final = timedelta(minutes=10)
"""Between two queries about the same deletions: each folds every account of the application."""

App = tuple[str, str]
"""Organization and application id."""


class LeftOpen:
    """Asks the store. To see whether an integration was deleted costs a row per integration; what it left, far more."""

    def __init__(self, store: Store, horizon: timedelta) -> None:
        self._store = store
        self._horizon = horizon
        self._about: frozenset[tuple[App, object]] = frozenset()
        self._asked = SENTINEL

    def look(self, told: Iterable[Detected], now: datetime) -> list[Sighting] | None:
        """Return all that stands; None where it is unknown or was asked recently. Blocks: run it in a thread."""
        deletions = read_deletions(self._store, now - self._horizon, now - SETTLED)
        alerts = {_app(alert): alert for alert in going_on(told)}
        about = frozenset([*((d[:2], d.event_id) for d in deletions), *((app, None) for app in alerts)])
        if about == self._about and abs(now - self._asked) < AGAIN:
            return None
        wanted: dict[str, set[str]] = defaultdict(set)
        for (organization, application), _ in about:
            wanted[organization].add(application)
        left: list[Exposure] = []
        for organization, applications in wanted.items():
            found = list_exposures(self._store, organization, now, applications=applications)
            if not found.complete:
                return None
            left += found.left_behind
        self._about, self._asked = about, now
        return left_open(left, deletions, alerts.values())


def left_open(
    left: Sequence[Exposure], deletions: Iterable[Deletion], open_alerts: Iterable[Detected]
) -> list[Sighting]:
    """Return one sighting per application whose deletion is fresh or already alerted. Pure."""
    accounts: dict[App, list[Exposure]] = defaultdict(list)
    for each in left:
        accounts[each.organization, each.account.application_id].append(each)
    begun = {_app(alert): (alert.first_at, alert.first_event) for alert in open_alerts}
    begun |= {deletion[:2]: (deletion.at, deletion.event_id) for deletion in deletions}
    return [
        Sighting(
            organization,
            {"application_id": application},
            f"Accounts are open in {theirs[0].account.application or application}, whose integration was deleted",
            at,
            event=event,
            events=1,
            people=tuple(sorted({each.subject_id for each in theirs})),
            applications=(application,),
        )
        for (organization, application), (at, event) in sorted(begun.items(), key=lambda one: one[0])
        if (theirs := accounts.get((organization, application)))
    ]


def _app(alert: Detected) -> App:
    return alert.organization, alert.group["application_id"]
