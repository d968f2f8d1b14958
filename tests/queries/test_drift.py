"""What is new in the records is counted by distinct events, bounded, and costs no event anything."""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import pytest

from queries.drift import Drifts, list_drift
from queries.store import Store
from schemas.drift import MAX_FINDINGS, Drift, drift
from schemas.events import EVENT_TYPES, from_object
from schemas.versions import upcast
from tests.queries.support import INGEST, Trail, id_of, versioned
from tests.records import NOON, event

pytestmark = pytest.mark.store


def asked(trail: Trail, days: float = 1, limit: int = 1000) -> Drifts:
    return list_drift(trail.store, trail.organization, NOON - timedelta(days=days), NOON + timedelta(days=1), limit)


def with_fields(fields: dict[str, Any]) -> dict[str, Any]:
    return event(**fields)


def told(trail: Trail) -> list[tuple[str, str, str, int]]:
    return sorted((row["kind"], row["event_type"], row["name"], row["events"]) for row in asked(trail).items)


def test_each_finding_is_told_with_its_events_times_and_a_sample(any_trail: Trail) -> None:
    first, second = (
        any_trail.log(event(planet="mars", timestamp=f"2026-03-19T11:0{minute}:00.000Z")) for minute in (1, 5)
    )
    any_trail.insert(second)
    any_trail.insert(first)
    any_trail.insert(event("moon_landing"), event(success="true"), event("sso_auth", own_field=1), event())

    assert told(any_trail) == [
        ("changed_type", "user_update_provision", "success", 1),
        ("new_field", "user_update_provision", "planet", 2),
        ("unknown_type", "", "moon_landing", 1),
    ]
    (planet,) = [row for row in asked(any_trail).items if row["name"] == "planet"]
    assert (planet["found"], planet["shape"], planet["at_most"]) == ("string", "text, 4 characters", False)
    assert (planet["first"].minute, planet["last"].minute) == (1, 5)
    assert str(planet["sample"]) == id_of(first)
    (success,) = [row for row in asked(any_trail).items if row["name"] == "success"]
    assert (success["expected"], success["found"]) == (["boolean"], "string")


def test_a_sample_is_read_as_of_its_version(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its finding was, too: it is of the name that the field has today."""
    trail.insert(versioned(trail.log(event(planet="mars")), 1))
    monkeypatch.setattr("queries.drift.upcast", partial(upcast, upcasters=[lambda old: {**old, "planet": "pluto"}]))

    (row,) = asked(trail).items
    assert (row["name"], row["shape"]) == ("planet", "text, 5 characters")


def test_a_secret_in_a_new_field_has_no_shape(trail: Trail) -> None:
    trail.insert(trail.log(event(planet_token="correct horse battery")))

    (row,) = asked(trail).items
    assert (row["name"], row["shape"]) == ("planet_token", "cut out as a secret")


def test_an_event_that_comes_again_changes_nothing(trail: Trail) -> None:
    record = event(planet="mars", success=1)
    trail.insert(record)
    once = asked(trail)

    trail.insert(record, record)
    trail.insert(trail.log(record, known_at=NOON + timedelta(hours=20)))  # on the next day, by another route
    trail.insert(trail.log(record, INGEST))

    assert asked(trail) == once


def test_any_order_of_arrival_tells_the_same(shared_store: Store) -> None:
    records = [event(planet=1), event(planet=2, moon=True), event("group_update_provision", planet={}), event(id=True)]
    answers = []
    for order in (records, records[::-1], records[2:] + records[:2]):
        trail = Trail(shared_store, uuid4().hex[:24])
        trail.insert(*order[:2])
        trail.insert(*order[2:])
        answers.append(told(trail))

    assert len(answers[0]) == 4
    assert all(answer == answers[0] for answer in answers)


def test_the_range_is_of_the_days_on_which_records_came(trail: Trail) -> None:
    trail.insert(trail.log(event(planet=1), known_at=NOON - timedelta(days=40)))

    assert asked(trail, days=30).items == []
    assert len(asked(trail, days=41).items) == 1


def test_an_event_without_a_time_of_its_own_has_that_of_its_arrival(trail: Trail) -> None:
    trail.insert(event(planet=1, timestamp="never"))

    (row,) = asked(trail).items
    assert row["first"] == row["last"] == NOON


def test_whoever_invents_names_does_not_fill_the_store(trail: Trail) -> None:
    for block in range(2):
        trail.insert(
            *(
                with_fields({f"f{chr(97 + number % 26)}{block}_{number}_{field}": 1 for field in range(MAX_FINDINGS)})
                for number in range(100)
            ),
            *(event(f"type_{block}_{number}") for number in range(300)),
        )
    own = {"organization": trail.organization}

    ((rows, types),) = trail.store.query(
        "SELECT uniqExact(day, event_type, slot), uniqExact(event_type) FROM schema_drift"
        " WHERE organization = {organization:String}",
        own,
    )
    assert types == 2
    assert rows <= 2 * 256
    found = asked(trail, limit=10)
    assert len(found.items) == 10
    assert found.total <= 2 * 2 * 256
    assert any(row["at_most"] for row in asked(trail).items)


def test_two_findings_in_one_slot_are_both_told(trail: Trail) -> None:
    names = [f"field_{number}" for number in range(600)]
    texts = [finding.text() for name in names for finding in drift(from_object(with_fields({name: 1})))]
    # Two of 257 share one of 256 slots; that the two come alone keeps others out of theirs.
    ((one, other),) = trail.store.query(
        "SELECT any(number), max(number) FROM (SELECT rowNumberInAllBlocks() AS number, text FROM"
        " (SELECT arrayJoin({texts:Array(String)}) AS text)) GROUP BY cityHash64(text, toDate('2026-03-19')) % 256"
        " HAVING count() > 1 LIMIT 1",
        {"texts": texts},
    )
    trail.insert(with_fields({names[one]: 1}), with_fields({names[other]: 1}), with_fields({names[other]: 1}))

    assert {(row["name"], row["events"], row["at_most"]) for row in asked(trail).items} == {
        (names[one], 3, True),
        (names[other], 3, True),
    }


def test_an_event_with_too_much_that_is_new_says_so(trail: Trail) -> None:
    trail.insert(with_fields({f"field_{letter}": 1 for letter in "abcdefghijklmnopqrstuvwxyz"}))

    assert [row["kind"] for row in asked(trail).items].count(Drift.MORE) == 1


ODD: list[Any] = [True, 7, 1.5, "word", "", {"a": {"b": 1}}, {}, [{"field": 1}, 2], []]
FIELDS = (
    "success", "error_message", "resource", "application", "message_chain", "changes", "initiated_by", "client_ip",
    "correlation", "idm_client_id", "auth_method", "provider", "service", "geoip", "@version", "new", "weird key", "é",
)  # fmt: skip


def test_nothing_is_lost_by_what_is_new(trail: Trail) -> None:
    """Any field of any JSON type, known or not: stored byte for byte, found again, and its drift counted once."""
    types = itertools.cycle(EVENT_TYPES)
    records = [trail.log({**event(next(types)), field: value}) for field in FIELDS for value in ODD]
    trail.insert(*records)
    trail.insert(*records[::-1])

    stored = trail.store.query(
        "SELECT event_id, raw FROM events FINAL WHERE organization = {organization:String}",
        {"organization": trail.organization},
    )
    assert {str(event_id): raw for event_id, raw in stored} == {
        id_of(record): (record.value or b"").decode() for record in records
    }
    expected: dict[tuple[Any, ...], set[str]] = {}
    for record in records:
        for finding in drift(from_object(orjson.loads(record.value or b""))):
            expected.setdefault(finding, set()).add(id_of(record))
    found = {
        (row["event_type"], row["kind"], row["name"], "|".join(row["expected"]), row["found"]): row
        for row in asked(trail).items
    }
    assert found.keys() == expected.keys()
    for key, row in found.items():
        assert row["at_most"] or row["events"] == len(expected[key])
        assert row["at_most"] or str(row["sample"]) in expected[key]
