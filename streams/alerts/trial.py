"""Runs the tests inside a rule: each gives what was expected and what was found."""

from __future__ import annotations

from typing import NamedTuple

from schemas.errors import RecordError
from schemas.times import to_microseconds
from streams.alerts.alert import NEVER
from streams.alerts.detection import detect
from streams.alerts.example import Example, ExpectedAlert, seen_in
from streams.alerts.index import Rules
from streams.alerts.rule import Rule


class Trial(NamedTuple):
    """One test of a rule and its result."""

    name: str
    expected: tuple[ExpectedAlert, ...]
    came: tuple[ExpectedAlert, ...]
    unreadable: str = ""
    """Why an event of the test cannot be read; empty if all can."""

    @property
    def passed(self) -> bool:
        """Whether exactly the expected alerts were found."""
        return not self.unreadable and self.expected == self.came


def trials_of(rule: Rule) -> list[Trial]:
    """Run all tests of a rule."""
    return [_trial(rule, example) for example in rule.tests]


def _trial(rule: Rule, example: Example) -> Trial:
    try:
        came = _alerts(rule, example)
    except RecordError as error:
        return Trial(example.name, example.alerts, (), str(error))
    return Trial(example.name, example.alerts, came)


def _alerts(rule: Rule, example: Example) -> tuple[ExpectedAlert, ...]:
    found = detect(Rules([rule]), seen_in(example.events), to_microseconds(example.ends_at))
    return tuple(
        ExpectedAlert(
            group=dict(zip(rule.group_by, alert.group, strict=True)),
            count=alert.events,
            state="open" if alert.ended_at == NEVER else "resolved",
        )
        for alert in found
    )
