"""What was done to the tables that views fill, and to windows, is named by key."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

import pytest

from producers.simulation import demo
from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.checks.derivation import derived_differences
from queries.store import Store
from schemas.envelope import TRUST_STEP, Source, Trust
from streams.refolding import fold_windows
from streams.rows import decode_events
from tests.records import NOON, Record, event, record_of

pytestmark = pytest.mark.store

TAMPERED = {
    ("missing", "account_turns"): "DELETE FROM account_turns WHERE {one}",
    ("missing", "attempts"): "DELETE FROM attempts WHERE {one}",
    ("missing", "failure_windows"): "DELETE FROM failure_windows WHERE attempts > 0 AND {one}",
    ("extra", "associations"): "INSERT INTO associations SELECT * REPLACE ('forged' AS group_id)"
    " FROM (SELECT * FROM associations FINAL WHERE {one})",
    ("extra", "directory_acts"): "INSERT INTO directory_acts SELECT * REPLACE ('forged' AS subject_id)"
    " FROM (SELECT * FROM directory_acts FINAL WHERE {one})",
    ("extra", "identifiers"): "INSERT INTO identifiers SELECT * REPLACE ('forged' AS lookup)"
    " FROM (SELECT * FROM identifiers FINAL WHERE {one})",
    ("altered", "subjects"): "INSERT INTO subjects SELECT * REPLACE (last_seen + 1 AS last_seen)"
    " FROM (SELECT * FROM subjects FINAL WHERE {one})",
    ("altered", "event_counts"): "INSERT INTO event_counts SELECT organization, hour, event_type,"
    " arrayReduce('uniqExactState', [generateUUIDv4()]) FROM event_counts WHERE {one}",
    ("altered", "account_marks"): "INSERT INTO account_marks SELECT * REPLACE (toUInt256(1) AS first_update)"
    " FROM account_marks WHERE {one}",
}
"""What is done to one row of each, and what is found then."""


def insert(store: Store, records: list[Record], token: str) -> None:
    rows = decode_events(records, timedelta(hours=24)).rows
    store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), token)


def test_what_views_and_folds_made_is_compared_with_the_events_and_named_by_key(store: Store) -> None:
    story = [record_of(one.raw, offset=offset) for offset, one in enumerate(islice(demo(NOON), 1_500))]
    insert(store, story, "the story")
    insert(store, [record_of(event(id="one"), offset=9_000), record_of(event(id="one"), offset=9_001)], "twice")
    fold_windows(store, {})
    for (_, table), done in TAMPERED.items():
        ((keys,),) = store.query(
            "SELECT sorting_key FROM system.tables WHERE database = {database:String} AND name = {table:String}",
            {"database": store.database, "table": table},
        )
        counted = "WHERE attempts > 0 " if table == "failure_windows" else ""
        ((one,),) = store.query(f"SELECT min(cityHash64({keys})) FROM {table} {counted}")
        store.command(done.format(one=f"cityHash64({keys}) = {one}"))
    found = list(derived_differences(store, TRUST_STEP, pause_seconds=0))
    assert sorted((one.kind, one.table) for one in found) == sorted(TAMPERED)
    assert {one.table: one.columns for one in found if one.kind == "altered"} == {
        "account_marks": ["first_update"],
        "event_counts": ["events"],
        "subjects": ["last_seen"],
    }


def test_a_copy_of_less_trust_that_merges_took_out_of_the_events_is_no_extra(store: Store) -> None:
    bound = event(
        "association_change",
        application=None,
        association={
            "op": "add",
            "connection": {
                "from": {"object_id": "g1", "type": "user_group", "name": "Data"},
                "to": {"object_id": "a1", "type": "application", "name": "statsig"},
            },
        },
    )
    for offset, trust in enumerate((Trust.WEBHOOK, Trust.TENANT_API)):
        insert(store, [record_of(bound, offset=offset, source=Source("test", trust))], str(offset))
    store.command("OPTIMIZE TABLE events FINAL")
    assert store.query("SELECT count() FROM events") == [(1,)]
    assert store.query("SELECT count() FROM associations FINAL") == [(2,)]
    assert list(derived_differences(store, TRUST_STEP, pause_seconds=0)) == []
