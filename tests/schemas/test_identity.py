"""One event keeps one identity, by whatever route and in whatever spelling it comes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Source, Trust, seal, unwrap
from schemas.jsontext import MAX_DEPTH
from schemas.normal_form import Relation, event_id, fingerprint, normal_form, relation
from tests.schemas.strategies import events

ORGANIZATION = "641b3db57090821c0b2f8183"
EVENTS = events().filter(lambda record: not record.get("organization"))


def google(value: Any) -> Any:
    """As the vendor's exporter for Google Cloud rewrites a record for BigQuery."""
    if isinstance(value, dict):
        renamed = {re.sub("[^a-zA-Z0-9_]", "_", key): google(item) for key, item in value.items()}
        return renamed or None
    if isinstance(value, list):
        return [google(item) for item in value] or None
    return value


def unambiguous(value: Any) -> bool:
    """Whether the exporter keeps every key: two that it cannot tell apart become one there."""
    if isinstance(value, dict):
        renamed = {re.sub("[^a-zA-Z0-9_]", "_", key) for key in value}
        return len(renamed) == len(value) and all(unambiguous(item) for item in value.values())
    return all(unambiguous(item) for item in value) if isinstance(value, list) else True


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


def identity(raw: bytes) -> tuple[bytes, str, UUID]:
    envelope = seal(raw, Source("test", Trust.EXPORT, ORGANIZATION), datetime(2026, 3, 19, tzinfo=UTC))
    return normal_form(unwrap(raw)[1]), dict(envelope.headers)["idtrail_fingerprint"].decode(), envelope.event_id


def text(record: Any, **options: Any) -> bytes:
    return json.dumps(record, **options).encode()


@given(EVENTS)
def test_spelling_does_not_change_who_an_event_is(record: dict[str, Any]) -> None:
    own = identity(text(record))

    assert identity(text(record, indent=3)) == own
    assert identity(b"\xef\xbb\xbf \n" + text(record, ensure_ascii=False, separators=(",", ":"))) == own
    assert identity(text(reordered(record))) == own


@given(EVENTS.filter(unambiguous))
def test_google_s_rewriting_does_not_change_who_an_event_is(record: dict[str, Any]) -> None:
    assert identity(text(google(record))) == identity(text(record))


@given(EVENTS, st.sampled_from(["jumpcloud", "jumpcloud_bridge", "di_event"]))
def test_a_wrapper_does_not_change_who_an_event_is(record: dict[str, Any], wrapper: str) -> None:
    assert identity(text({"host": "relay", wrapper: record, "after": [{"x": 1}]})) == identity(text(record))


@given(EVENTS)
def test_a_shipper_s_renaming_does_not_change_who_an_event_is(record: dict[str, Any]) -> None:
    renamed = {("jc_timestamp" if key == "timestamp" else key): value for key, value in record.items()}

    assert identity(text({"jumpcloud": {**renamed, "jumpcloud_event_type": "x"}})) == identity(text(record))


@given(EVENTS, EVENTS)
def test_the_relation_of_two_records_follows_their_normal_forms(left: dict[str, Any], right: dict[str, Any]) -> None:
    same = normal_form(left) == normal_form(right)

    assert (relation(left, right) is Relation.SAME) is same
    assert relation(left, left) is Relation.SAME
    assert relation(left, right) is relation(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param({"@version": "1"}, {"_version": "1"}, id="sanitised keys"),
        pytest.param({"a": None, "b": "", "c": {}, "d": []}, {}, id="null, empty and absent"),
        pytest.param({"a": {"b": {"c": None}}}, {}, id="empty all the way down"),
        pytest.param({"a": [{}]}, {"a": [None]}, id="an empty element keeps its place"),
        pytest.param({"a": 1.0}, {"a": 1}, id="a whole float"),
        pytest.param({"a": [1.0, [2.0]]}, {"a": [1, [2]]}, id="whole floats in lists"),
        pytest.param({"a": -0.0}, {"a": 0}, id="minus zero"),
        pytest.param({"jc_timestamp": "x"}, {"timestamp": "x"}, id="a renamed timestamp"),
        pytest.param({"a": 1, "testing_event": True, "jc_transformation_ts": "x"}, {"a": 1}, id="a shipper's fields"),
        pytest.param({"a.b": 1, "a-b": 2}, {"a-b": 2, "a.b": 1}, id="keys that collide, in either order"),
        pytest.param({"a.b": 1, "a-b": 2, "a b": 3}, {"a b": 3, "a.b": 1, "a-b": 2}, id="three keys that collide"),
        pytest.param({"a.b": 1, "a-b": None}, {"a_b": 1}, id="an empty value collides with nothing"),
    ],
)
def test_two_spellings_of_one_event(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert normal_form(left) == normal_form(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param({"a": 1}, {"a": "1"}, id="a number and its text"),
        pytest.param({"a": True}, {"a": 1}, id="true and one"),
        pytest.param({"a": 0}, {}, id="zero is a value"),
        pytest.param({"a": False}, {}, id="false is a value"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, id="the order of a list"),
        pytest.param({"a": [None, 1]}, {"a": [1]}, id="places in a list"),
        pytest.param({"a.b": 1, "a-b": 2}, {"a.b": 1}, id="neither of two colliding keys hides the other"),
        pytest.param({"a": 1.5}, {"a": 1}, id="a fraction"),
        pytest.param({"a": {"testing_event": 1}}, {"a": {}}, id="a shipper's field counts only outermost"),
        pytest.param({"a": 2**64}, {"a": 2**64 + 1}, id="beyond 64 bits"),
    ],
)
def test_two_events(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert normal_form(left) != normal_form(right)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param({"a": 1, "b": {"c": 2}}, {"b": {"c": 2}, "a": 1}, Relation.SAME, id="the same"),
        pytest.param({"a": 1, "b": {"c": 2}}, {"b": {"c": 2}}, Relation.PARTIAL, id="one lacks a leaf"),
        pytest.param({"a": 1}, {"a": 1, "b": None}, Relation.SAME, id="null is absent"),
        pytest.param({"a": 1}, {"a": 2}, Relation.CONFLICT, id="a leaf differs"),
        pytest.param({"a": 1, "b": 1}, {"a": 1, "c": 1}, Relation.CONFLICT, id="each has one of its own"),
        pytest.param({"a": [1]}, {"a": [1, 2]}, Relation.PARTIAL, id="a longer list"),
        pytest.param({}, {"a": 1}, Relation.PARTIAL, id="nothing contradicts nothing"),
        pytest.param({"a.b": 1}, {"a": {"b": 1}}, Relation.CONFLICT, id="a dotted key is not a nested one"),
        pytest.param({"a": True}, {"a": 1}, Relation.CONFLICT, id="true is not one"),
        pytest.param({"a": "[redacted]"}, {"a": "x"}, Relation.SAME, id="what one release cut out"),
        pytest.param({"a": "[redacted]"}, {"a": 5}, Relation.SAME, id="a number that it cut out"),
        pytest.param({"a": "[redacted]", "b": 1}, {"a": "x"}, Relation.PARTIAL, id="and one lacks a leaf"),
        pytest.param(
            {"a": "pw [redacted], [redacted]."}, {"a": "pw x, [redacted]."}, Relation.SAME, id="within a text"
        ),
        pytest.param({"a": "pw [redacted]."}, {"a": "of y."}, Relation.CONFLICT, id="another text"),
        pytest.param({"a": "pw [redacted]."}, {"a": "pw x!"}, Relation.CONFLICT, id="another end"),
        pytest.param({"a": "ab[redacted]ba"}, {"a": "aba"}, Relation.CONFLICT, id="a shorter text"),
        pytest.param({"a": "x[redacted]y[redacted]z"}, {"a": "xz"}, Relation.CONFLICT, id="without its middle"),
    ],
)
def test_how_two_records_of_one_identity_stand(left: dict[str, Any], right: dict[str, Any], expected: Relation) -> None:
    assert relation(left, right) is expected


def test_the_identity_never_changes() -> None:
    """Golden: these values are in the logs of everybody who runs this."""
    normal = normal_form({"id": "65a1f0c2e4b0a1b2c3d4e5f6", "@version": 1.0, "b": [None, ""], "a": {"x": {}}})

    assert normal == b'{"_version":1,"b":[null,null],"id":"65a1f0c2e4b0a1b2c3d4e5f6"}'
    assert fingerprint(normal).hex() == "68866c48bae2a130afa46dab746aed5d"
    assert event_id(ORGANIZATION, "65a1f0c2e4b0a1b2c3d4e5f6", normal) == UUID("25bcd683-9c1d-534a-9b8a-fec7e04237fb")
    assert event_id(ORGANIZATION, None, normal) == UUID("0352ac4c-c254-59de-9efb-c4d35d97e720")
    assert event_id(ORGANIZATION, 7, normal) == event_id(ORGANIZATION, "7", normal)


def test_an_id_of_one_organization_is_not_that_of_another() -> None:
    assert event_id("a", "b", b"") != event_id("ab", "", b"") != event_id("", "ab", b"")
    assert len({event_id("a", "1", b"x"), event_id("b", "1", b"x"), event_id("a", None, b"1")}) == 3


def test_the_deepest_record_has_an_identity() -> None:
    levels = MAX_DEPTH - 1
    record = b'{"timestamp":"x","a":' + b"[" * levels + b"1" + b"]" * levels + b"}"

    assert len(identity(record)[0]) > 2 * levels


def test_no_id_passes_for_another_identity() -> None:
    normal = b'{"a":1}'
    spelt = {
        event_id("o", None, normal),
        event_id("o", "\0" + normal.decode(), b""),
        event_id("o", "\0\1" + normal.decode(), b""),
        event_id("o", normal.decode(), b""),
        event_id("o", "1", normal),
        event_id("o1", "", normal),
    }

    assert len(spelt) == 6
    assert event_id("o", 1, b"x") == event_id("o", "1", b"y")
