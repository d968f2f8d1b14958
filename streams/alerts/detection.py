"""Applies rules to events in order and returns the alerts that they make; backtests and rule tests run it.

Pure. Each event is checked only against the rules that it may concern; each group of each rule is folded by itself, and
dropped when it is over. As in live detection, the groups of a rule whose values are always new are not followed without
limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from streams.alerts.alert import Alert, Fold
from streams.alerts.group import MOST_GROUPS
from streams.alerts.index import Kept, Rules
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.seen import Seen
from streams.alerts.terms import Terms

MOST_ALERTS: Final = 100_000
"""Per rule and organization; further alerts are left out."""
LOOK_AT: Final = 1_000
"""Check for groups that are over once at least this many groups came since, and as many as are followed."""
HELD: Final = 16
"""Alerts left in a group's fold, which otherwise keeps all that it makes."""


class LeftOut(NamedTuple):
    """Counts of what is missing in the alerts that were found."""

    events: int
    """Events of groups beyond the limit."""
    alerts: int
    """Alerts beyond the limit."""


class Detector:
    """Takes each event once, in order; `alerts` sets the time of the end."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._followed: dict[tuple[str, str], _Followed] = {}

    def feed(self, seen: Seen) -> None:
        """Take the next event in order of time and id."""
        self.take(seen.organization, self._rules.kept(seen))

    def take(self, organization: str, kept: Iterable[Kept]) -> None:
        """Take what its rules keep of the next event."""
        for watched, group, one in kept:
            own = watched.rule.id, organization
            followed = self._followed.get(own)
            if followed is None:
                followed = self._followed[own] = _Followed(*own, watched.terms)
            followed.feed(group, one)

    def alerts(self, clock: int) -> list[Alert]:
        """Return all alerts in order of opening, with `clock` as the end of time. Nothing can be fed afterwards."""
        return in_order(alert for followed in self._followed.values() for alert in followed.end(clock))

    def left_out(self) -> dict[str, LeftOut]:
        """Return what each rule left out, for rules that left anything out; call it after `alerts`."""
        total: dict[str, LeftOut] = {}
        for (rule_id, _), followed in self._followed.items():
            left = followed.left_out
            if any(left):
                events, alerts = total.get(rule_id, (0, 0))
                total[rule_id] = LeftOut(events + left.events, alerts + left.alerts)
        return total


class _Followed:
    """The groups of one rule of one organization: twice `MOST_GROUPS` at most, since some may be over."""

    __slots__ = ("_folds", "_found", "_new", "_own", "_terms", "left_out")

    def __init__(self, rule_id: str, organization: str, terms: Terms) -> None:
        self._own = rule_id, organization
        self._terms = terms
        self._folds: dict[tuple[str, ...], Fold] = {}
        self._found: list[Alert] = []
        self._new = LOOK_AT
        """How many more new groups until the check for groups that are over."""
        self.left_out = LeftOut(0, 0)

    def feed(self, group: tuple[str, ...], one: Occurrence) -> None:
        fold = self._folds.get(group)
        if fold is None:
            if one.role == Role.UNTIL:  # events come in order, so there is no alert for it to end
                return
            fold = self._follow(group, one.at)
            if fold is None:
                self.left_out = self.left_out._replace(events=self.left_out.events + 1)
                return
        fold.feed(one)
        if len(fold.found) > HELD:
            self._collect(fold, 1)

    def end(self, clock: int) -> list[Alert]:
        for fold in self._folds.values():
            fold.advance(clock)
            self._collect(fold, 0)
        return self._found

    def _follow(self, group: tuple[str, ...], at: int) -> Fold | None:
        self._new -= 1
        if self._new < 0:
            self._forget(at)
            self._new = max(LOOK_AT, len(self._folds))  # keeps the cost per new group small
        if len(self._folds) >= 2 * MOST_GROUPS:
            return None
        fold = self._folds[group] = Fold(*self._own, group, self._terms)
        return fold

    def _forget(self, at: int) -> None:
        """Drop the groups that are over at `at`; events of that time may still come."""
        for group, fold in list(self._folds.items()):
            fold.advance(at - 1)
            if fold.idle(at):
                self._collect(fold, 0)
                del self._folds[group]

    def _collect(self, fold: Fold, kept: int) -> None:
        """Collect the fold's alerts except the last `kept`: all alerts but the last are final."""
        while len(fold.found) > kept:
            alert = fold.found.pop(next(iter(fold.found)))
            if len(self._found) < MOST_ALERTS:
                self._found.append(alert)
            else:
                self.left_out = self.left_out._replace(alerts=self.left_out.alerts + 1)


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """Return the alerts in order of opening."""
    return sorted(alerts, key=lambda alert: (alert.opened_at, alert.rule_id, alert.organization, alert.group))


def detect(rules: Rules, events: Iterable[Seen], clock: int) -> list[Alert]:
    """Return the alerts of `events`, which may come in any order and repeat."""
    best: dict[tuple[str, bytes], Seen] = {}
    for seen in events:
        own = seen.organization, seen.event_id
        if own not in best or seen.version > best[own].version:
            best[own] = seen
    detector = Detector(rules)
    for seen in sorted(best.values(), key=lambda seen: (seen.at, seen.event_id)):
        detector.feed(seen)
    return detector.alerts(clock)
