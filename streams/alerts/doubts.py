"""Words of a rule that nobody is known to use: perhaps misspelt, and then it never matches. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.events import PROVISIONING_EVENTS
from schemas.vendor_types import KNOWN_TYPES
from streams.alerts.rule import Rule
from streams.alerts.spelling import nearest

ACTIONS: Final = frozenset({"add", "remove", *(event.action for event in PROVISIONING_EVENTS)})
ALIKE: Final = 0.9
"""A test may show what becomes of a type that nobody knows: doubted are those that are as much like a known one."""


def doubts_about(rule: Rule) -> Iterator[str]:
    """A sentence each."""
    conditions = [one for one in (rule.match, rule.unless, rule.then, rule.failed, rule.until) if one is not None]
    types = {name for condition in conditions for name in condition.type}
    for name in sorted(types - KNOWN_TYPES):
        yield _doubt(name, "event type", nearest(name, KNOWN_TYPES))
    for name in sorted({name for condition in conditions for name in condition.action} - ACTIONS):
        yield _doubt(name, "action", nearest(name, ACTIONS))
    for name in sorted({event.event_type for test in rule.tests for event in test.events} - types - KNOWN_TYPES):
        if near := nearest(name, KNOWN_TYPES, ALIKE):
            yield _doubt(name, "event type", near)


def _doubt(name: str, what: str, near: str | None) -> str:
    return f"{name!r} is no known {what}" + (f"; did you mean {near}?" if near else "")
