"""Windows counted by ClickHouse are those of the fold, whatever copies there are."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.store import Store
from schemas.envelope import Source, Trust
from streams.backfill import fold_stored
from streams.refolding import days_at_once, fold_incidents, fold_windows, touched_applications
from streams.rows import decode_events
from streams.windows import Unit, Window
from tests.records import NOON, ORGANIZATION, STATSIG, Record, event, record_of

WINDOWS = (
    "SELECT organization, toUnixTimestamp(window_start), application_id, application_name, event_type, cause, attempts,"
    " failures, subjects, UUIDStringToNum(toString(first_event)), UUIDStringToNum(toString(last_event)),"
    " toUnixTimestamp64Micro(first_at), toUnixTimestamp64Micro(last_at), seen FROM failure_windows FINAL"
    " ORDER BY organization, window_start, application_id, event_type, cause"
)
REFUSED: dict[str, Any] = {"success": False, "error_message": "409: uniqueness"}
ANSWERS: list[dict[str, Any]] = [
    {},
    REFUSED,
    {"success": False, "error_message": "401 Unauthorized"},
    {"resource": None},
]
APPLICATIONS = [STATSIG, {"id": "a", "name": "one"}, {"id": "a", "name": "another"}, None]


def copies(draw: random.Random) -> list[Record]:
    """A few events with several copies of several trusts, that do not agree; two minutes on both sides of midnight."""
    made: list[Record] = []
    for number in range(60):
        at = NOON.replace(hour=23, minute=59) + timedelta(seconds=draw.choice([0, 1, 30, 60, 61]))
        for _ in range(draw.choice([1, 1, 2, 3])):
            raw = event(
                draw.choice(["user_create_provision", "user_update_provision"]),
                id=f"{number:024x}",
                timestamp=at.isoformat(),
                application=draw.choice(APPLICATIONS),
                **draw.choice(ANSWERS),
            )
            source = Source("test", draw.choice(list(Trust)))
            known = NOON + timedelta(days=1, milliseconds=draw.randrange(1000))
            made.append(replace(record_of(raw, source=source, known_at=known), offset=len(made)))
    return made


@pytest.mark.store
@pytest.mark.parametrize("seed", range(2))
def test_windows_counted_by_the_store_are_those_that_are_folded(store: Store, seed: int) -> None:
    rows = decode_events(copies(random.Random(seed)), timedelta(hours=24)).rows
    store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), "some")
    store.insert_arrow("events", batch(rows[:20], EVENTS_ARROW_SCHEMA), "some again")
    fold_windows(store, {})
    first = int(NOON.replace(hour=23, minute=59).timestamp())
    units = [Unit(ORGANIZATION, first + 60 * minute) for minute in range(3)]
    assert [Window(*row) for row in store.query(WINDOWS)] == fold_stored(store, units)


@pytest.mark.store
def test_an_incident_that_nothing_makes_any_more_goes_with_the_next_fold(store: Store) -> None:
    def fold_after(known_ms: int, trust: Trust, **answer: Any) -> int:
        raw = event(id=f"{7:024x}", **answer)
        rows = decode_events([record_of(raw, source=Source("test", trust), offset=known_ms)], timedelta(hours=24)).rows
        store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), f"copy {known_ms}")
        for application in touched_applications(store, {}):
            fold_incidents(store, application, f"fold {known_ms}")
        ((count,),) = store.query("SELECT count() FROM incidents FINAL WHERE attempts > 0")
        return int(count)

    assert fold_after(0, Trust.WEBHOOK, **REFUSED) == 1
    assert fold_after(1, Trust.TENANT_API) == 0  # the copy in force knows that it succeeded


def test_days_are_folded_as_many_at_once_as_fit() -> None:
    days = [("2026-01-01", 600_000), ("2026-01-02", 400_000), ("2026-01-03", 1), ("2026-01-04", 2_000_000)]
    assert list(days_at_once(days)) == [["2026-01-01", "2026-01-02"], ["2026-01-03"], ["2026-01-04"]]
    months = [(f"{year}-{month:02}-01", 1) for year in range(2000, 2010) for month in range(1, 13)]
    assert [len(some) for some in days_at_once(months)] == [50, 50, 20]
