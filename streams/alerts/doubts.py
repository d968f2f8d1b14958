"""Finds values in rules that nothing is known to use: probably misspelt, so that the rule never matches. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.action import Action
from schemas.cause import Cause
from schemas.events import Kind
from schemas.near import nearest, suggestion
from schemas.outcome import Outcome
from schemas.vendor_types import KNOWN_TYPES
from streams.alerts.expression import compared
from streams.alerts.rule import Rule
from streams.alerts.seen import WEEKDAYS

ACTIONS: Final = frozenset({"add", "remove", *Action})
VALUES: Final[dict[str, frozenset[str]]] = {
    "kind": frozenset(Kind),
    "action": ACTIONS | {""},
    "outcome": frozenset(Outcome),
    "cause": frozenset(Cause) | {""},
    "account_state": frozenset({"", "active", "inactive", "deleted"}),
    "weekday": frozenset(WEEKDAYS),
}
"""The possible values of facts that have a fixed set of them."""
ALIKE: Final = 0.9
"""Similarity to a known type from which an unknown one is doubted: a test may show what becomes of an unknown type."""


def doubts_about(rule: Rule) -> Iterator[str]:
    """Yields a sentence for each doubtful value."""
    conditions = [one for one in (rule.match, rule.unless, rule.then, rule.failed, rule.until) if one is not None]
    types = {name for condition in conditions for name in condition.type}
    for name in sorted(types - KNOWN_TYPES):
        yield _doubt(name, "event type", nearest(name, KNOWN_TYPES))
    for name in sorted({name for condition in conditions for name in condition.action} - ACTIONS):
        yield _doubt(name, "action", nearest(name, ACTIONS))
    sources = [condition.where for condition in conditions if condition.where]
    for fact, value in sorted({each for source in sources for each in compared(source)}):
        if fact in VALUES and value not in VALUES[fact]:
            yield f"fact.{fact} is never {value!r}{suggestion(nearest(value, VALUES[fact]))}"
    for name in sorted({event.event_type for test in rule.tests for event in test.events} - types - KNOWN_TYPES):
        if near := nearest(name, KNOWN_TYPES, least=ALIKE):
            yield _doubt(name, "event type", near)


def _doubt(name: str, what: str, near: list[str]) -> str:
    return f"{name!r} is not a known {what}{suggestion(near)}"
