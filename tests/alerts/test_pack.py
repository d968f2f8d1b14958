"""The rules that ship: each has tests inside, that pass, of what it finds and of what it leaves alone."""

from __future__ import annotations

import pytest

from schemas.vendor_types import KNOWN_TYPES
from streams.alerts.index import Rules
from streams.alerts.loading import rules_in_force, shipped_rules
from streams.alerts.rule import Rule, RuleKind
from streams.alerts.trial import trials_of

PACK = shipped_rules()
TESTS = [
    pytest.param(rule, place, id=f"{rule.id}: {test.name}") for rule in PACK for place, test in enumerate(rule.tests)
]


@pytest.mark.parametrize(("rule", "place"), TESTS)
def test_of_its_events_come_the_alerts_it_names(rule: Rule, place: int) -> None:
    (trial,) = trials_of(rule.model_copy(update={"tests": rule.tests[place : place + 1]}))
    assert not trial.unreadable
    assert trial.came == trial.expected


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in PACK])
def test_a_rule_that_ships_can_be_relied_on(rule: Rule) -> None:
    found = [bool(test.alerts) for test in rule.tests]
    assert True in found
    assert False in found
    assert not rule.staging
    conditions = [rule.match, rule.then, rule.until, rule.unless, rule.failed]
    types = {name for condition in conditions if condition is not None for name in condition.type}
    assert types <= KNOWN_TYPES


def test_every_kind_has_a_rule_to_copy() -> None:
    assert {rule.kind for rule in PACK} == set(RuleKind)


def test_ones_own_rule_stands_in_for_the_shipped_one_of_its_id() -> None:
    own = PACK[0].model_copy(update={"staging": True})
    new = PACK[1].model_copy(update={"id": "one-more"})
    rules = {rule.id: rule for rule in rules_in_force([own, new])}
    assert len(rules) == len(PACK) + 1
    assert rules[own.id].staging
    assert len(Rules(rules.values())) == len(rules)
