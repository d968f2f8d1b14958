"""The numbers of a rule as its machine uses them, in microseconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from streams.alerts.rule import Rule, RuleKind

MICROSECOND: Final = timedelta(microseconds=1)
HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR


class Terms(NamedTuple):
    """The numbers of a rule. Times are microseconds."""

    kind: RuleKind
    window: int = 0
    threshold: int = 0
    ratio: float = 0.0
    minimum: int = 0
    learn: int = 0
    multiple: float = 0.0
    dedup: int = DAY
    quiet: int = HOUR
    ends: bool = False
    """Whether an event, and not the absence of triggers, ends its alerts."""


def terms_of(rule: Rule) -> Terms:
    """Return the numbers of a rule."""
    quiet = rule.resolves_after
    return Terms(
        rule.kind,
        HOUR if rule.kind is RuleKind.MASS else _micros(rule.window),
        rule.threshold or 0,
        rule.ratio or 0.0,
        rule.minimum or 0,
        _micros(rule.learn),
        rule.multiple or 0.0,
        _micros(rule.dedup),
        _micros(quiet),
        ends=quiet is None,
    )


def _micros(span: timedelta | None) -> int:
    return 0 if span is None else span // MICROSECOND
