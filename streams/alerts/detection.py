"""Rules over events in order: which alerts they make. What a backtest and the tests of a rule run.

Pure. Events are asked once, by the rules that they may concern; each group of each rule is folded by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.alerts.alert import Alert, Fold
from streams.alerts.index import Kept, Rules
from streams.alerts.occurrence import Role
from streams.alerts.seen import Seen


class Detector:
    """Fed with events in order, each once, and told the time at the end."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._folds: dict[tuple[str, str, tuple[str, ...]], Fold] = {}

    def feed(self, seen: Seen) -> None:
        """The next event in order of time and id."""
        self.take(seen.organization, self._rules.kept(seen))

    def take(self, organization: str, kept: Iterable[Kept]) -> None:
        """What its rules keep of the next event."""
        for watched, group, one in kept:
            own = watched.rule.id, organization, group
            fold = self._folds.get(own)
            if fold is None:
                if one.role == Role.UNTIL:  # in order, so there is nothing that it ends
                    continue
                fold = self._folds[own] = Fold(*own, watched.terms)
            fold.feed(one)

    def alerts(self, clock: int) -> list[Alert]:
        """All that were found, in order; it is `clock` now."""
        for fold in self._folds.values():
            fold.advance(clock)
        return in_order(alert for fold in self._folds.values() for alert in fold.found.values())


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
