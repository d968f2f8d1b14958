"""Contradicting copies are found in batches, whatever their number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from queries import contradictions as module
from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.contradictions import contradictions
from queries.store import Store
from schemas.envelope import Source, Trust
from streams.rows import decode_events
from tests.records import ORGANIZATION, Record, event, record_of

pytestmark = pytest.mark.store


def copies(number: int) -> list[tuple[dict[str, Any], Trust]]:
    """Of one event: what is said beside the rest, and how much it is trusted. One of three contradicts."""
    others: list[dict[str, Any]] = [{"success": False}, {"error_message": "409: uniqueness"}, {}]
    return [({}, Trust.WEBHOOK), (others[number % 3], Trust.TENANT_API)]


def test_the_copies_that_contradict_are_named_by_place_in_few_queries(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[Record] = []
    for number in range(40):
        for changes, trust in copies(number):
            raw = event(id=f"{number:024x}", **changes)
            records.append(record_of(raw, offset=len(records), source=Source("test", trust)))
    rows = decode_events(records, timedelta(hours=24)).rows
    store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), "all")
    asked = 0
    query = Store.query

    def counting(*arguments: Any) -> list[tuple[Any, ...]]:
        nonlocal asked
        asked += 1
        return query(*arguments)

    monkeypatch.setattr(Store, "query", counting)
    found = list(contradictions(store))
    assert {(one.organization, one.in_force, *one.conflicting) for one in found} == {
        (ORGANIZATION, f"idtrail.events[0]@{2 * number + 1}", f"idtrail.events[0]@{2 * number}")
        for number in range(40)
        if number % 3 == 0
    }
    assert asked == 4
    monkeypatch.setattr(module, "READ_AT_ONCE", 7)
    monkeypatch.setattr(module, "READ_BYTES", 2_000)
    assert list(contradictions(store)) == found


def test_a_store_without_copies_has_no_contradictions(store: Store) -> None:
    assert list(contradictions(store)) == []
