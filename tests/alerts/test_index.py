"""Which rules an event may concern, and what they keep of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import streams.alerts.index as index
from schemas.events import EVENT_TYPES
from schemas.signature import NONE
from streams.alerts.example import ExampleEvent, seen_in
from streams.alerts.index import Rules, Watched, alike_in
from streams.alerts.loading import shipped_rules
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.rule import Rule
from streams.alerts.seen import Seen
from streams.alerts.variables import Variables
from tests.alerts.test_condition import seen
from tests.alerts.test_rule import written

STATUSES = (200, 401, 404, 409, 429, 503)
EVENTS = [
    ExampleEvent(at="1h", event_type=event_type, subject="ann", application="slack", actor="ada", status=status)  # type: ignore[arg-type]  # as it is written
    for event_type in (*EVENT_TYPES, "sso_auth", "user_suspended", "user_update", "application_delete", "invented")
    for status in STATUSES
]


def rule(rule_id: str = "some-rule", kind: str = "match", **fields: Any) -> Rule:
    return Rule.model_validate(written(kind, id=rule_id, **fields))


def interested(rules: Rules, one: Seen) -> set[str]:
    return {watched.rule.id for watched, _ in rules.interested(one)}


def test_no_rule_is_passed_over() -> None:
    """Whichever way the index takes: asked one by one, no other rule keeps anything of the event."""
    rules = Rules(shipped_rules())
    kept = 0
    for one in seen_in(EVENTS):
        found = {each.watched.rule.id: each.occurrence.role for each in rules.kept(one)}
        assert found == {watched.rule.id: roles for watched in rules if (roles := watched.roles(one))}
        kept += len(found)
    assert kept > len(EVENTS)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        pytest.param({"type": ["user_deprovision"]}, True, id="its type"),
        pytest.param({"type": ["sso_auth"]}, False, id="another type"),
        pytest.param({"cause": ["credentials"]}, True, id="its cause"),
        pytest.param({"cause": ["conflict"]}, False, id="another cause"),
        pytest.param({"where": "fact.http_status == 404"}, True, id="an expression is not asked yet"),
        pytest.param({"where": "fact.drift"}, False, id="but of what the index is made of"),
        pytest.param({"where": "fact.action == 'deprovision' && fact.kind == 'user'"}, True, id="and holds"),
        pytest.param({"where": "fact.application_id == 'another'"}, False, id="another application"),
        pytest.param({"where": "fact.organization == 'another'"}, False, id="another organization"),
    ],
)
def test_a_rule_is_asked_for_only_if_it_can_match(condition: dict[str, Any], wanted: bool) -> None:
    assert interested(Rules([rule(match=condition)]), seen()) == ({"some-rule"} if wanted else set())


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"kind": "sequence", "then": {"type": ["user_deprovision"]}, "window": "1h"}, id="what follows"),
        pytest.param({"until": {"type": ["user_deprovision"]}}, id="what ends it"),
    ],
)
def test_a_rule_wants_what_is_no_match_too(fields: dict[str, Any]) -> None:
    assert interested(Rules([rule(match={"type": ["sso_auth"]}, **fields)]), seen()) == {"some-rule"}


def test_a_rule_about_one_application_keeps_nothing_of_another() -> None:
    rules = Rules([rule(match={"where": "fact.application_id == 'slack'"})])
    found = [len(rules.kept(seen(application=name))) for name in ("zoom", "slack", "zoom", "slack")]
    assert found == [0, 1, 0, 1]


def test_events_that_are_alike_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Seen] = []
    original = Watched.roles

    def roles(self: Watched, one: Seen) -> int:
        asked.append(one)
        return original(self, one)

    monkeypatch.setattr(Watched, "roles", roles)
    rules = Rules([rule()])
    for number in range(50):
        (kept,) = rules.kept(seen(subject=str(number), at=f"{number}m"))
        assert kept.occurrence.subject == str(number)
    assert len(asked) == 1


def test_invented_event_types_are_forgotten_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "REMEMBERED", 10)
    rules = Rules([rule(match={"where": "fact.drift"})])
    for number in range(25):
        assert interested(rules, seen(event_type=f"invented_{number}")) == {"some-rule"}
        assert len(rules._wanted) <= 10


def watched(kind: str = "match", **fields: Any) -> Watched:
    return Watched(rule(kind=kind, **fields), Variables())


@pytest.mark.parametrize(
    ("made", "roles"),
    [
        pytest.param(lambda: watched(), Role.MATCH, id="a match"),
        pytest.param(lambda: watched(match={"outcome": ["success"]}), 0, id="nothing"),
        pytest.param(lambda: watched(unless={"cause": ["credentials"]}), 0, id="left out"),
        pytest.param(
            lambda: watched("sequence", unless={"cause": ["credentials"]}, then={"outcome": ["failure"]}),
            Role.THEN,
            id="left out as a match only",
        ),
        pytest.param(
            lambda: watched("absence", then={"outcome": ["failure"]}, until={"kind": ["user"]}),
            Role.MATCH | Role.THEN | Role.UNTIL,
            id="all at once",
        ),
        pytest.param(lambda: watched("ratio"), Role.MATCH | Role.FAILED, id="a failure, by default"),
        pytest.param(lambda: watched("ratio", failed={"cause": ["network"]}), Role.MATCH, id="not as the rule has it"),
        pytest.param(lambda: watched("ratio", match={"outcome": ["success"]}), 0, id="a failure that is no match"),
    ],
)
def test_an_event_plays_the_parts_whose_conditions_it_meets(made: Callable[[], Watched], roles: int) -> None:
    assert made().roles(seen()) == roles


def test_what_a_rule_keeps_of_an_event() -> None:
    one = seen()
    found = watched("distinct", of="detail", group_by=["application_id", "organization"])
    kept = found.occurrence(one, Role.MATCH, alike_in(one))
    assert (kept.at, kept.event_id, kept.version) == (one.at, one.event_id.hex(), one.version)
    assert (kept.value, kept.subject, kept.application, kept.cause) == ("Token expired", "ann", "slack", "credentials")
    assert kept.title == "ann in slack"
    assert kept.incident == one.incident_id.hex() != NONE.hex()
    assert found.group(one) == ("slack", one.organization)


def test_of_what_only_ends_alerts_no_more_is_kept_than_when_it_was() -> None:
    one = seen()
    (kept,) = Rules([rule(match={"type": ["sso_auth"]}, until={"kind": ["user"]})]).kept(one)
    assert kept.occurrence == Occurrence(one.at, one.event_id.hex(), one.version, Role.UNTIL)


def test_an_application_is_nobody() -> None:
    kept = alike_in(seen(event_type="idm_integration_reauth"))
    assert (kept.subject, kept.application) == ("", "slack")


def test_the_types_that_rules_need_beside_provisioning_are_known() -> None:
    assert Rules([rule(), rule("b-rule", match={"kind": ["user"]})]).other_types() == set()
    assert {"sso_auth", "user_suspended", "application_delete"} <= Rules(shipped_rules()).other_types()
    assert not Rules(shipped_rules()).other_types() & set(EVENT_TYPES)


def test_expressions_that_cannot_be_asked_are_counted_by_rule() -> None:
    rules = Rules([rule("a-rule", match={"where": "event.nope == 1"}), rule("b-rule")])
    for one in (seen(), seen(at="1m")):
        assert [each.watched.rule.id for each in rules.kept(one)] == ["b-rule"]
    assert (rules["a-rule"].errors, rules["b-rule"].errors) == (2, 0)
