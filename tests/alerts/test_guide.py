"""The rule author's guide: its example runs, its expressions are taken, and it leaves nothing out."""

from __future__ import annotations

import json
import re

import pytest

from schemas.cause import Cause
from streams.alerts.expression import checked
from streams.alerts.loading import read_rule, shipped_rules
from streams.alerts.rule import Condition, Rule, RuleKind
from streams.alerts.seen import FACT_TYPES
from streams.alerts.sigma.conversion import converted
from streams.alerts.trial import trials_of
from tests.cli.running import ROOT

GUIDE = (ROOT / "docs/rules.md").read_text()
EXAMPLE, SIGMA, IMPORTED = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
(EXPRESSIONS,) = re.findall(r"\n```\n(fact.*?)```", GUIDE, re.DOTALL)


def test_the_example_runs_and_does_what_is_said_of_it() -> None:
    rule = read_rule(EXAMPLE, "guide.yaml", "rights-refused")
    found = trials_of(rule)
    assert [trial.passed for trial in found] == [True, True]
    assert [len(trial.came) for trial in found] == [1, 0]
    assert (rule.kind, rule.match.cause, rule.threshold) == (RuleKind.DISTINCT, (Cause.PERMISSION,), 3)


def test_the_example_is_no_rule_that_ships() -> None:
    assert "rights-refused" not in {rule.id for rule in shipped_rules()}


def test_the_sigma_is_imported_as_it_says_and_finds_what_it_is_about() -> None:
    found = converted({"guide.yml": SIGMA})
    assert (list(found.rules.values()), found.refused) == ([IMPORTED], [])
    failing = {"at": "0m", "event_type": "user_deprovision", "application": "miro", "status": 403, "times": 5}
    text = IMPORTED + "tests: " + json.dumps(
        [
            {
                "name": "five of an administrator, of another case",
                "events": [{**failing, "raw": {"initiated_by": {"id": "a", "type": "ADMIN", "email": "ada@a.test"}}}],
                "alerts": [{"group": {"application_id": "miro"}, "count": 5}],
            },
            {
                "name": "five of a service account, five without an actor, and four",
                "events": [
                    {**failing, "raw": {"initiated_by": {"id": "s", "type": "admin", "email": "SVC-1@a.test"}}},
                    failing,
                    {**failing, "times": 4, "actor": "ada@a.test"},
                ],
            },
        ]
    )  # fmt: skip
    trials = trials_of(read_rule(text, "guide.yaml"))
    assert [trial.passed for trial in trials] == [True, True], trials


@pytest.mark.parametrize("source", EXPRESSIONS.splitlines())
def test_the_expressions_can_be_used(source: str) -> None:
    checked(source, FACT_TYPES)


@pytest.mark.parametrize("word", [*Rule.model_fields, *Condition.model_fields, *FACT_TYPES, *RuleKind])
def test_every_word_of_a_rule_is_explained(word: str) -> None:
    assert re.search(rf"^\| `{word}` \|.*\S \|$", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in shipped_rules()])
def test_every_rule_that_ships_is_told(rule: Rule) -> None:
    assert f"| `{rule.id}` | {rule.severity} | {rule.kind} | {rule.description} |" in GUIDE
