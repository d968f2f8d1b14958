"""Imported correlations against what they mean: they hold for the same groups, and at the same time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.association import ASSOCIATION_CHANGE
from schemas.events import ALIASES, EVENT_TYPES
from schemas.times import to_microseconds
from streams.alerts.detection import detect
from streams.alerts.example import START, ExampleEvent, record_of, seen_in
from streams.alerts.index import Rules
from streams.alerts.loading import read_rule
from streams.alerts.rule import Rule
from streams.alerts.seen import reader_of
from streams.alerts.sigma.conversion import converted
from streams.alerts.sigma.field import GROUPS, fact_of
from streams.alerts.sigma.tree import Refused
from tests.alerts.sigma_reference import first_alerts, value_at

SPAN = 10
MINUTE = 60_000_000
RULES: dict[str, dict[str, Any]] = {
    "deleted": {"a": {"event_type": "user_delete_provision"}, "condition": "a"},
    "refused": {
        "a": {"event_type": "user_deprovision", "success": False},
        "svc": {"initiated_by.email|startswith": "SVC-"},
        "condition": "a and not svc",
    },
    "signed_in": {
        "a": [{"event_type": "sso_auth", "service": "SSO"}, {"event_type": "radius_auth_attempt"}],
        "none": {"application.id": None},
        "condition": "a and not none",
    },
}
CORRELATIONS: dict[str, dict[str, Any]] = {
    "events": {"type": "event_count", "rules": ["refused"], "group-by": ["application.id"], "condition": {"gte": 3}},
    "events of two types": {
        "type": "event_count", "rules": ["signed_in"], "group-by": ["initiated_by.id"], "condition": {"gt": 1}
    },
    "events by two fields": {
        "type": "event_count", "rules": ["refused"], "group-by": ["initiated_by.id", "application.id"],
        "condition": {"gte": 2},
    },
    "values": {
        "type": "value_count", "rules": ["refused"], "group-by": [], "condition": {"gte": 2, "field": "application.id"}
    },
    "values of what may be empty": {
        "type": "value_count", "rules": ["refused"], "group-by": ["application.id"],
        "condition": {"gte": 2, "field": "initiated_by.email"},
    },
    "any order": {"type": "temporal", "rules": ["refused", "deleted"], "group-by": ["application.id"]},
    "order": {"type": "temporal_ordered", "rules": ["deleted", "refused"], "group-by": ["initiated_by.id"]},
    "order, by what may be empty": {
        "type": "temporal_ordered", "rules": ["refused", "signed_in"], "group-by": ["initiated_by.email"]
    },
}  # fmt: skip

WHO = st.sampled_from([None, "ann", "bob"])
RAWS = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(["user_delete_provision", "user_deprovision", "sso_auth", "radius_auth_attempt"]),
        "success": st.sampled_from([False, False, True]),
        "initiated_by": st.one_of(
            st.fixed_dictionaries(
                {"id": WHO, "email": st.sampled_from([None, "", "Svc-1", "ann@a.test", "bob@a.test"])}
            ),
            st.just({}),
        ),
        "application": st.one_of(st.fixed_dictionaries({"id": st.sampled_from(["slack", "miro"])}), st.just({})),
    }
)
EVENTS = st.lists(
    st.tuples(st.integers(0, 60), RAWS), max_size=25, unique_by=lambda each: each[0]
)  # fmt: skip


def imported(correlation: dict[str, Any], rules: dict[str, dict[str, Any]] = RULES) -> Rule:
    """The only rule that they make."""
    documents: list[dict[str, Any]] = [
        {"title": name, "name": name, "logsource": {"product": "jumpcloud"}, "detection": rules[name]}
        for name in dict.fromkeys(correlation["rules"])
    ]
    documents.append({"title": "any", "correlation": {**correlation, "timespan": f"{SPAN}m"}})
    made = converted({"any.yml": "\n---\n".join(map(json.dumps, documents))})
    assert not made.refused
    ((rule_id, text),) = made.rules.items()
    return read_rule(text, rule_id)


@pytest.mark.parametrize("correlation", [pytest.param(each, id=name) for name, each in CORRELATIONS.items()])
@given(events=EVENTS)
@settings(max_examples=20)
def test_an_imported_correlation_holds_where_its_sigma_does(
    correlation: dict[str, Any], events: list[tuple[int, dict[str, Any]]]
) -> None:
    examples = [
        ExampleEvent.model_validate({"at": f"{at}m", "event_type": raw["event_type"], "raw": raw}) for at, raw in events
    ]
    clock = to_microseconds(START) + 120 * MINUTE
    found = detect(Rules([imported(correlation)]), seen_in(examples), clock)
    records = [(at, record_of(one, 1)) for (at, _), one in zip(events, examples, strict=True)]
    expected = first_alerts(correlation, RULES, records, SPAN)
    opened = {alert.group: (alert.opened_at - to_microseconds(START)) // MINUTE for alert in found}
    assert opened == expected


@pytest.mark.parametrize(
    ("correlation", "fields"),
    [
        pytest.param(
            {"type": "event_count", "rules": ["deleted"], "group-by": ["organization"], "condition": {"gt": 4}},
            {"kind": "threshold", "threshold": 5, "group_by": ("organization",)},
            id="more than",
        ),
        pytest.param(
            {"type": "temporal", "rules": ["refused", "deleted"], "group-by": [], "condition": {"eq": 2}},
            {"kind": "distinct", "of": "event_type", "threshold": 2},
            id="all that there are",
        ),
        pytest.param(
            {"type": "temporal", "rules": ["refused", "deleted"], "group-by": [], "condition": {"gte": 1}},
            {"kind": "distinct", "of": "event_type", "threshold": 1},
            id="any of them",
        ),
        pytest.param(
            {
                "type": "temporal_ordered",
                "rules": ["deleted", "refused"],
                "group-by": ["who"],
                "aliases": {"who": {"deleted": "initiated_by.id", "refused": "initiated_by.id"}},
            },
            {"kind": "sequence", "group_by": ("actor_id",)},
            id="an alias",
        ),
        pytest.param(
            {"type": "event_count", "rules": ["deleted"], "group-by": ["resource.id"], "condition": {"gte": 2}},
            {"kind": "threshold", "group_by": ("subject_id",)},
            id="by person",
        ),
    ],
)  # fmt: skip
def test_a_correlation_becomes_a_kind(correlation: dict[str, Any], fields: dict[str, Any]) -> None:
    rule = imported(correlation)
    assert {name: getattr(rule, name) for name in fields} == fields
    assert rule.window is not None
    assert rule.window.total_seconds() == SPAN * 60


PARTS = st.dictionaries(
    st.sampled_from(["id", "type", "email", "username", "name", "displayName", "source", "display_label"]),
    st.sampled_from(["", "a", "b", "c", 7, None]),
)
TYPES = st.sampled_from([*EVENT_TYPES, *ALIASES, ASSOCIATION_CHANGE, "sso_auth", "user_suspended", "something_new"])


@given(
    event_type=TYPES,
    field=st.sampled_from(list(GROUPS)),
    raw=st.fixed_dictionaries(
        {},
        optional={
            "application": PARTS,
            "resource": PARTS,
            "initiated_by": PARTS,
            "idm_client_id": st.sampled_from(["", "x", None]),
            "changes": st.just([{"field": "externalId", "to": "z"}, {"field": "userName", "to": "y"}]),
            "username": st.just("w"),
            "association": st.just(
                {
                    "op": "add",
                    "connection": {
                        "from": {"type": "user", "object_id": "u"},
                        "to": {"type": "group", "object_id": "g"},
                    },
                }
            ),
        },
    ),
)
def test_a_fact_has_the_value_of_the_field_that_it_stands_for(event_type: str, field: str, raw: dict[str, Any]) -> None:
    """Else grouping by the fact would leave events out, or put them into other groups than Sigma does."""
    try:
        fact = fact_of(field, [event_type], ())
    except Refused:
        return
    example = ExampleEvent.model_validate({"at": "0m", "event_type": event_type, "raw": raw})
    value = value_at(record_of(example, 1), field)
    if isinstance(value, str) and value:
        (seen,) = seen_in([example])
        assert reader_of(fact)(seen) == value
