"""Drift names what is new in a record, by names and JSON types: never a value, never without bound."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.drift import MAX_FINDINGS, NO_NAME, Drift, Novelty, drift, example, name_of
from schemas.events import EVENT_TYPES, from_object, parse
from schemas.facts import facts
from tests.records import event
from tests.schemas.strategies import JSON, events


def told(record: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """What is said of a record, which is the same by both readers and survives the store."""
    found = drift(from_object(record))
    assert drift(parse(json.dumps(record).encode(), record.get("event_type"))) == found
    assert tuple(Novelty.of_text(finding.text()) for finding in found) == found
    return [(finding.kind.value, finding.name, finding.expected, finding.found) for finding in found]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"geoip": {"anything": 1}, "useragent": {"build": "x"}}, [], id="what is kept and not read"),
        pytest.param({"_version": "1", "@version": "1", "jc_timestamp": "x"}, [], id="two names of one field"),
        pytest.param({"changes": [{"field": "active", "from": {"a": 1}, "to": [1]}],
                      "message_chain": {"message_details": {"x": {}}}}, [], id="fields of any type"),
        pytest.param({"planet": None}, [], id="null is absence"),
        pytest.param({"planet": "mars"}, [("new_field", "planet", "", "string")], id="a field"),
        pytest.param({"a.b@c": 1}, [("new_field", NO_NAME, "", "number")], id="a key that is no name"),
        pytest.param({"@planet-x": 1.5}, [("new_field", "_planet_x", "", "number")], id="as the Google export has it"),
        pytest.param({"resource": {"id": "r", "badge": {"no": 1}}}, [("new_field", "resource.badge", "", "object")],
                     id="in an object, and not what is in it"),
        pytest.param({"changes": [{"op": "add"}, {"op": "add"}]}, [("new_field", "changes[].op", "", "string")],
                     id="in a list, once"),
        pytest.param({"success": "true"}, [("changed_type", "success", "boolean", "string")], id="a boolean in words"),
        pytest.param({"success": 1}, [("changed_type", "success", "boolean", "number")], id="a boolean as a number"),
        pytest.param({"id": True}, [("changed_type", "id", "number|string", "boolean")], id="one of two types"),
        pytest.param({"timestamp": 5}, [("changed_type", "timestamp", "string", "number")], id="the timestamp"),
        pytest.param({"geoip": "NL"}, [("changed_type", "geoip", "object", "string")], id="what is only kept"),
        pytest.param({"resource": {"id": 5}}, [("changed_type", "resource.id", "string", "number")], id="inside"),
        pytest.param({"changes": [7, {"field": []}]}, [("changed_type", "changes[]", "object", "number"),
                     ("changed_type", "changes[].field", "string", "array")], id="elements"),
        pytest.param({"@version": {}}, [("changed_type", "_version", "number|string", "object")], id="by its own name"),
        pytest.param({"@version": 1.5}, [], id="an odd number is a number"),
        pytest.param({"changes": [7] * 999}, [("changed_type", "changes[]", "object", "number")], id="much of it"),
    ],
)  # fmt: skip
def test_drift_of_a_provisioning_event(fields: dict[str, Any], expected: list[tuple[str, ...]]) -> None:
    assert told(event(**fields)) == expected


@pytest.mark.parametrize(
    ("event_type", "fields", "expected"),
    [
        pytest.param("sso_auth", {"idp_initiated": True, "resource": {"kind": "x"}}, [], id="a type's own fields"),
        pytest.param(
            "sso_auth", {"resource": 5}, [("changed_type", "resource", "object", "number")], id="a common one"
        ),
        pytest.param("integration_activate", {"x": 1}, [("new_field", "x", "", "number")], id="another name of a type"),
        pytest.param("moon_landing", {"x": 1}, [("unknown_type", "moon_landing", "", "")], id="an unknown type"),
        pytest.param("hello, jane@example.com", {}, [("unknown_type", NO_NAME, "", "")], id="a type that is no name"),
        pytest.param(7, {}, [("changed_type", "event_type", "string", "number")], id="a type that is no text"),
        pytest.param(None, {}, [], id="none"),
    ],
)
def test_drift_of_any_other_event(event_type: Any, fields: dict[str, Any], expected: list[tuple[str, ...]]) -> None:
    found = drift(from_object({**event(), **fields, "event_type": event_type}))

    assert [(finding.kind.value, finding.name, finding.expected, finding.found) for finding in found] == expected


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        pytest.param({"planet": "mars"}, "mars", id="a field"),
        pytest.param({"@planet-x": [1]}, [1], id="by its own key"),
        pytest.param({"changes": [{"field": "a"}, {"op": "add"}]}, "add", id="in an element"),
        pytest.param({"changes": [{"field": "a"}, 7]}, 7, id="an element"),
        pytest.param({"resource": {"id": {"x": 1}}}, {"x": 1}, id="in an object"),
        pytest.param({"jane@example.com": 1, "joe@example.com": "x"}, 1, id="by its type"),
    ],
)
def test_the_value_that_a_finding_is_about_is_found_again(fields: dict[str, Any], value: Any) -> None:
    record = event(**fields)
    first = drift(from_object(record))[0]

    assert example(record, first) == value
    assert example({}, first) is None
    assert example({"changes": 1, "resource": [1]}, first) is None


def test_types_that_anybody_can_invent_share_a_name() -> None:
    assert {finding.event_type for finding in drift(from_object(event("moon_landing", resource=5)))} == {""}
    assert {finding.event_type for finding in drift(from_object(event("integration_activate", x=5)))} == {
        "idm_integration_activate"
    }


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("displayName", "displayName"),
        ("@version", "_version"),
        ("urn:scim:User", "urn_scim_User"),
        ("jane.doe@example.com", NO_NAME),
        ("63ec9bba89a64e507ce0a4c2", NO_NAME),
        ("f0e1d2c3-0000-4000-8000-000000000000", NO_NAME),
        ("user_1234567", NO_NAME),
        ("abcdefabcdefabcdef", NO_NAME),
        ("Zoë", NO_NAME),
        ("a\tb", NO_NAME),
        ("", NO_NAME),
        ("x" * 65, NO_NAME),
    ],
)
def test_a_key_that_may_be_somebody_s_is_not_told(key: str, name: str) -> None:
    assert name_of(key) == name


def test_one_event_tells_a_bounded_number_of_things_whatever_the_order_of_its_keys() -> None:
    names = [f"field_{number}" for number in range(500)]
    forwards, backwards = ({**event(id="x"), **dict.fromkeys(order, 1)} for order in (names, names[::-1]))
    found = drift(from_object(forwards))

    assert found == drift(from_object(backwards))
    assert len(found) == MAX_FINDINGS + 1
    assert found[-1] == Novelty("user_update_provision", Drift.MORE, "")


@pytest.mark.parametrize("value", [7, "word", {"a": 1}, [1], True], ids=repr)
@pytest.mark.parametrize("field", ["success", "resource", "application", "message_chain", "changes", "correlation"])
def test_a_field_of_another_type_is_as_if_it_were_not_there(field: str, value: Any) -> None:
    found = drift(from_object({**event(id="x"), field: value}))
    facts_with = facts(from_object({**event(id="x"), field: value}))
    if not any(finding.kind is Drift.CHANGED_TYPE for finding in found):
        return  # it is of one of its types
    rest = {name: other for name, other in event(id="x").items() if name != field}

    assert facts_with._replace(flags=()) == facts(from_object(rest))._replace(flags=())
    assert f"odd_{field}" in facts_with.flags


VALUE = "S3CR3T-value"


@given(
    st.sampled_from(EVENT_TYPES), st.dictionaries(st.text(max_size=80), JSON | st.just(VALUE), max_size=30), events()
)
def test_drift_is_total_bounded_and_never_tells_a_value(event_type: str, more: Any, base: dict[str, Any]) -> None:
    record = {**base, **more, "event_type": event_type}
    found = drift(from_object(orjson.loads(json.dumps(record, ensure_ascii=True).encode("utf-8", "replace"))))

    assert len(found) <= MAX_FINDINGS + 1
    for finding in found:
        assert VALUE not in finding.text()
        assert len(finding.text()) < 400
        assert finding.text().isascii()


@settings(max_examples=30)
@given(st.sampled_from(EVENT_TYPES), st.sampled_from("abcdefgh"), JSON)
def test_every_new_field_is_told(event_type: str, letter: str, value: Any) -> None:
    assume(value is not None)
    record = {**event(event_type), f"new_{letter}": value}

    assert [finding.name for finding in drift(from_object(record))] == [f"new_{letter}"]
