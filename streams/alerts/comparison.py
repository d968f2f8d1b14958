"""Compares two sets of alerts: those of one rule with those of another, or with those that were published. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from streams.alerts.alert import Alert


class Moved(NamedTuple):
    """An alert that both sets have, with differences."""

    before: Alert
    after: Alert


class Comparison(NamedTuple):
    """The differences, each list in order of time."""

    gained: list[Alert]
    lost: list[Alert]
    moved: list[Moved]
    same: int
    """The number of alerts without a difference."""


def compare(after: Iterable[Alert], before: Iterable[Alert]) -> Comparison:
    """Compare two sets of alerts. Alerts are matched by id; one is moved if its opening, end or events differ."""
    old, new = ({alert.alert_id: alert for alert in alerts} for alerts in (before, after))
    moved = [Moved(old[own], alert) for own, alert in new.items() if own in old and _extent(old[own]) != _extent(alert)]
    return Comparison(
        sorted((alert for own, alert in new.items() if own not in old), key=_when),
        sorted((alert for own, alert in old.items() if own not in new), key=_when),
        sorted(moved, key=lambda each: _when(each.after)),
        sum(own in old for own in new) - len(moved),
    )


def _extent(alert: Alert) -> tuple[int, int, int]:
    return alert.opened_at, alert.ended_at, alert.events


def _when(alert: Alert) -> tuple[int, str]:
    return alert.opened_at, alert.alert_id
