"""The tests inside a rule, run: each with what was expected and what came."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from schemas.errors import RecordError
from schemas.times import to_microseconds
from streams.alerts.alert import NEVER, Alert, Fold
from streams.alerts.example import Example, ExpectedAlert, seen_in
from streams.alerts.group import in_force
from streams.alerts.index import Rules
from streams.alerts.occurrence import Occurrence
from streams.alerts.rule import Rule


class Trial(NamedTuple):
    """One test of a rule and what came of it."""

    name: str
    expected: tuple[ExpectedAlert, ...]
    came: tuple[ExpectedAlert, ...]
    unreadable: str = ""
    """Why an event of the test is none."""

    @property
    def passed(self) -> bool:
        """Whether exactly what was expected came."""
        return not self.unreadable and self.expected == self.came


def trials_of(rule: Rule) -> list[Trial]:
    """All tests of a rule."""
    return [_trial(rule, example) for example in rule.tests]


def _trial(rule: Rule, example: Example) -> Trial:
    try:
        came = _alerts(rule, example)
    except RecordError as error:
        return Trial(example.name, example.alerts, (), str(error))
    return Trial(example.name, example.alerts, came)


def _alerts(rule: Rule, example: Example) -> tuple[ExpectedAlert, ...]:
    rules = Rules([rule])
    groups: dict[tuple[str, tuple[str, ...]], list[Occurrence]] = defaultdict(list)
    for seen in seen_in(example.events):
        for kept in rules.kept(seen):
            groups[seen.organization, kept.group].append(kept.occurrence)
    found: list[Alert] = []
    for (organization, group), occurrences in groups.items():
        fold = Fold(rule.id, organization, group, rules[rule.id].terms)
        for one in in_force(occurrences):
            fold.feed(one)
        fold.advance(to_microseconds(example.ends_at))
        found += fold.found.values()
    found.sort(key=lambda alert: (alert.opened_at, alert.group))
    return tuple(
        ExpectedAlert(
            group=dict(zip(rule.group_by, alert.group, strict=True)),
            count=alert.events,
            state="open" if alert.ended_at == NEVER else "resolved",
        )
        for alert in found
    )
