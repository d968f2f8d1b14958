"""What the sink found in an event goes on with it: detection sees the same with it as without."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given

from schemas.events import EVENT_TYPES
from streams.forwarded import FOUND, Forwarded, read_forwarded
from streams.rows import Produced, decode_events
from tests.records import NOON, ORGANIZATION, event, record_of
from tests.schemas.strategies import events

FAILED = event(
    success=False,
    message_chain={"response_code": "401", "message": "expired token"},
    changes=[{"field": "active", "to": False}],
)


def forwarded(raw: dict[str, Any]) -> Produced:
    (found,) = decode_events([record_of(raw)], timedelta(days=100_000)).forward
    return found


def with_header(produced: Produced, told: bytes | None) -> Forwarded:
    headers = {name: value for name, value in produced.headers if name != FOUND}
    return read_forwarded(produced.value, headers if told is None else {**headers, FOUND: told})


@given(events())
def test_an_event_is_read_alike_with_what_the_sink_found_and_without(raw: dict[str, Any]) -> None:
    raw = {**event(), **raw, "organization": ORGANIZATION}
    if raw["event_type"] not in EVENT_TYPES:
        raw["event_type"] = EVENT_TYPES[0]
    decoded = decode_events([record_of(json.dumps(raw).encode())], timedelta(days=100_000))
    assert len(decoded.forward) == 1
    for produced in decoded.forward:
        assert FOUND in dict(produced.headers)
        assert read_forwarded(produced.value, dict(produced.headers)) == with_header(produced, None)


def test_what_the_sink_found_is_taken_from_the_header() -> None:
    produced = forwarded(FAILED)
    told = orjson.loads(dict(produced.headers)[FOUND])
    told[told.index("credentials")] = "rate_limited"
    found = with_header(produced, orjson.dumps(told)).found
    assert (found.facts.cause, found.timed, found.facts.changed) == ("rate_limited", True, ("active: false",))


def told_of(produced: Produced) -> list[Any]:
    told = orjson.loads(dict(produced.headers)[FOUND])
    assert isinstance(told, list)
    return told


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda told: b"", id="empty"),
        pytest.param(lambda told: b"\xff not JSON", id="no JSON"),
        pytest.param(lambda told: b"{}", id="no list"),
        pytest.param(lambda told: orjson.dumps(told[:-1]), id="a fact too few"),
        pytest.param(lambda told: orjson.dumps(["0" * 16, *told[1:]]), id="of another release"),
        pytest.param(lambda told: orjson.dumps([told[0], "soon", *told[2:]]), id="a text for the time"),
        pytest.param(lambda told: orjson.dumps([*told[:2], 1, *told[3:]]), id="a number for a boolean"),
        pytest.param(lambda told: orjson.dumps([*told[:3], "xyz", *told[4:]]), id="no incident"),
        pytest.param(lambda told: orjson.dumps([*told[:4], [1], *told[5:]]), id="numbers for drift"),
    ],
)
def test_a_header_that_the_sink_did_not_write_so_is_as_if_it_were_not_there(forge: Any) -> None:
    produced = forwarded(FAILED)
    assert with_header(produced, forge(told_of(produced))) == with_header(produced, None)
    assert with_header(produced, None).found.at == round((NOON - timedelta(seconds=29.75)).timestamp() * 1_000_000)
