"""Conditions against events: the tables, the expression, and how little is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cel
import pytest

from schemas.facts import Facts
from streams.alerts.condition import Matcher
from streams.alerts.example import ExampleEvent, seen_in
from streams.alerts.rule import Condition
from streams.alerts.seen import FACT_TYPES, Seen, reader_of
from streams.alerts.variables import Variables


def seen(**fields: Any) -> Seen:
    """A deprovision of Ann at Slack that is refused, at nine on a Monday; `fields` replace or add to it."""
    known: dict[str, Any] = {
        "at": "0m",
        "event_type": "user_deprovision",
        "subject": "ann",
        "application": "slack",
        "status": 401,
        "detail": "Token expired",
    }
    (one,) = seen_in([ExampleEvent.model_validate({**known, **fields})])
    return one


def matcher(**condition: Any) -> Matcher:
    return Matcher(Condition.model_validate(condition), Variables())


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        pytest.param({"type": ["user_deprovision", "user_delete_provision"]}, True, id="one of the types"),
        pytest.param({"type": ["user_delete_provision"]}, False, id="another type"),
        pytest.param({"kind": ["user"], "action": ["deprovision"]}, True, id="both"),
        pytest.param({"kind": ["user"], "action": ["create"]}, False, id="not both"),
        pytest.param({"outcome": ["failure"], "cause": ["credentials", "permission"]}, True, id="outcome and cause"),
        pytest.param({"outcome": ["success"]}, False, id="another outcome"),
        pytest.param({"where": "fact.http_status == 401"}, True, id="a number"),
        pytest.param({"where": "fact.subject_name == 'ann' && fact.application_id != 'miro'"}, True, id="texts"),
        pytest.param({"where": "fact.detail.matches('(?i)^token')"}, True, id="a pattern"),
        pytest.param({"where": "fact.hour == 9 && fact.weekday == 'monday'"}, True, id="when"),
        pytest.param({"where": "fact.retryable || fact.drift"}, False, id="booleans"),
        pytest.param({"where": "fact.incident != '' && fact.organization != ''"}, True, id="what is derived"),
        pytest.param({"where": "'active: false' in fact.changed"}, False, id="a list"),
        pytest.param({"where": "event.service == 'directory'"}, True, id="the record itself"),
        pytest.param({"where": "event['message_chain'].response_code == '401'"}, True, id="deep in the record"),
        pytest.param({"where": "has(event.client_ip)"}, False, id="whether a field is there"),
        pytest.param({"type": ["user_deprovision"], "where": "fact.http_status == 404"}, False, id="only the table"),
    ],
)
def test_a_condition_holds_if_all_of_it_does(condition: dict[str, Any], met: bool) -> None:
    assert matcher(**condition)(seen()) is met


@pytest.mark.parametrize(
    ("condition", "event_type", "met"),
    [
        pytest.param({"outcome": ["success"]}, "user_update_provision", True, id="of provisioning"),
        pytest.param({"outcome": ["success"]}, "sso_auth", False, id="another, whoever else names its type"),
        pytest.param({"type": ["sso_auth"]}, "sso_auth", True, id="another that is named"),
        pytest.param({"type": ["sso_auth"], "kind": ["other"]}, "sso_auth", True, id="and its kind"),
        pytest.param({"where": "fact.drift"}, "invented", True, id="a type that nobody knows"),
        pytest.param({"where": "fact.event_type == 'sso_auth'"}, "sso_auth", False, id="another that is not listed"),
    ],
)
def test_without_types_it_is_about_provisioning_and_what_drifts(
    condition: dict[str, Any], event_type: str, met: bool
) -> None:
    assert matcher(**condition)(seen(event_type=event_type, status=200, detail="")) is met


@pytest.mark.parametrize(
    ("where", "errors"),
    [
        pytest.param("event.client_ip == '203.0.113.7'", 1, id="a field that is missing"),
        pytest.param("event.service > 5", 1, id="another type than expected"),
        pytest.param("int(fact.detail) > 5", 1, id="no number"),
        pytest.param("event.message_chain", 1, id="neither true nor false"),
        pytest.param("fact.http_status == 404 && event.client_ip == 'x'", 0, id="what is not looked at"),
    ],
)
def test_what_cannot_be_asked_does_not_match_and_is_counted(where: str, errors: int) -> None:
    found = matcher(where=where)
    assert found(seen()) is False
    assert found.errors == errors
    assert found(seen()) is False
    assert found.errors == 2 * errors


def test_an_expression_is_asked_once_of_events_that_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    found = matcher(where="fact.http_status == 401 && fact.hour < 12")
    asked = count_contexts(monkeypatch)
    answers = [found(seen(at=at, subject=who)) for who in "abc" for at in ("0m", "1m", "4h")]
    assert answers == [True, True, False] * 3
    assert asked() == 2


def test_the_engine_is_given_an_event_once_and_only_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = Variables()
    sources = ("fact.subject_id == 'ann'", "fact.detail != ''", "event.service == 'directory'", "event.id != ''")
    matchers = [Matcher(Condition(where=where), variables) for where in sources]
    asked = count_contexts(monkeypatch)
    one = seen()
    assert all(found(one) for found in matchers)
    assert asked() == 1
    context = variables.context(one, with_event=True)
    assert set(context.variables["fact"]) == {"subject_id", "detail"}
    assert set(context.variables["event"]) == {"service", "id"}


def test_a_table_that_refuses_spares_the_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    found = matcher(type=["sso_auth"], where="fact.subject_id == 'ann'")
    asked = count_contexts(monkeypatch)
    assert not found(seen())
    assert asked() == 0


def test_every_fact_has_the_type_it_is_said_to_have() -> None:
    one = seen(changes=[{"field": "title", "to": "x"}])
    assert {name: type(reader_of(name)(one)) for name in FACT_TYPES} == FACT_TYPES
    assert set(Facts._fields) <= set(FACT_TYPES)


def count_contexts(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often facts are put before the engine from now on."""
    made: list[object] = []
    original = cel.Context

    def context(values: dict[str, Any]) -> object:
        made.append(values)
        return original(values)

    monkeypatch.setattr(cel, "Context", context)
    return lambda: len(made)
