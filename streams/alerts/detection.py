"""Rules over events in order: which alerts they make. What a backtest and the tests of a rule run.

Pure. Events are asked once, by the rules that they may concern; each group of each rule is folded by itself, and
forgotten when it is over. As live, a rule that groups by what has ever new values is not followed without end.
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
"""Of one rule of one organization; what it finds beside these is left out."""
LOOK_AT: Final = 1_000
"""Which groups are over is asked when at least so many have come since, and as many as are followed."""
HELD: Final = 16
"""Alerts that are left with a group's fold, which holds on to all that it makes."""


class LeftOut(NamedTuple):
    """What is not in the alerts that were found."""

    events: int
    """Of groups that were too many."""
    alerts: int
    """That were too many."""


class Detector:
    """Fed with events in order, each once, and told the time at the end."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._followed: dict[tuple[str, str], _Followed] = {}

    def feed(self, seen: Seen) -> None:
        """The next event in order of time and id."""
        self.take(seen.organization, self._rules.kept(seen))

    def take(self, organization: str, kept: Iterable[Kept]) -> None:
        """What its rules keep of the next event."""
        for watched, group, one in kept:
            own = watched.rule.id, organization
            followed = self._followed.get(own)
            if followed is None:
                followed = self._followed[own] = _Followed(*own, watched.terms)
            followed.feed(group, one)

    def alerts(self, clock: int) -> list[Alert]:
        """All that were found, by the time they opened; it is `clock` now. Nothing can be fed any more."""
        return in_order(alert for followed in self._followed.values() for alert in followed.end(clock))

    def left_out(self) -> dict[str, LeftOut]:
        """By rule, of those that leave anything out; asked after `alerts`."""
        total: dict[str, LeftOut] = {}
        for (rule_id, _), followed in self._followed.items():
            left = followed.left_out
            if any(left):
                events, alerts = total.get(rule_id, (0, 0))
                total[rule_id] = LeftOut(events + left.events, alerts + left.alerts)
        return total


class _Followed:
    """The groups of one rule of one organization. Twice `MOST_GROUPS` at most: some of those may be over."""

    __slots__ = ("_folds", "_found", "_new", "_own", "_terms", "left_out")

    def __init__(self, rule_id: str, organization: str, terms: Terms) -> None:
        self._own = rule_id, organization
        self._terms = terms
        self._folds: dict[tuple[str, ...], Fold] = {}
        self._found: list[Alert] = []
        self._new = LOOK_AT
        """How many more are to come before it is asked which are over."""
        self.left_out = LeftOut(0, 0)

    def feed(self, group: tuple[str, ...], one: Occurrence) -> None:
        fold = self._folds.get(group)
        if fold is None:
            if one.role == Role.UNTIL:  # in order, so there is nothing that it ends
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
            self._new = max(LOOK_AT, len(self._folds))  # so that looking costs each that comes little
        if len(self._folds) >= 2 * MOST_GROUPS:
            return None
        fold = self._folds[group] = Fold(*self._own, group, self._terms)
        return fold

    def _forget(self, at: int) -> None:
        """It is `at`, and events of that time may be to come."""
        for group, fold in list(self._folds.items()):
            fold.advance(at - 1)
            if fold.idle(at):
                self._collect(fold, 0)
                del self._folds[group]

    def _collect(self, fold: Fold, kept: int) -> None:
        """Its first alerts but for so many: all but the last are what they will be."""
        while len(fold.found) > kept:
            alert = fold.found.pop(next(iter(fold.found)))
            if len(self._found) < MOST_ALERTS:
                self._found.append(alert)
            else:
                self.left_out = self.left_out._replace(alerts=self.left_out.alerts + 1)


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """By the time they opened."""
    return sorted(alerts, key=lambda alert: (alert.opened_at, alert.rule_id, alert.organization, alert.group))


def detect(rules: Rules, events: Iterable[Seen], clock: int) -> list[Alert]:
    """The alerts of events in any order, of which any may be repeated."""
    best: dict[tuple[str, bytes], Seen] = {}
    for seen in events:
        own = seen.organization, seen.event_id
        if own not in best or seen.version > best[own].version:
            best[own] = seen
    detector = Detector(rules)
    for seen in sorted(best.values(), key=lambda seen: (seen.at, seen.event_id)):
        detector.feed(seen)
    return detector.alerts(clock)
