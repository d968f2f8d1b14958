"""The store, embedded and over HTTP: binding, limits, tokens, errors. One suite for both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.store import Limits, Store
from schemas.errors import BadUsage, Fatal, StoreAway, UserError
from streams.rows import decode_events
from tests.records import Record, event, record_of

pytestmark = pytest.mark.store

TABLES = ("events", "events_by_subject", "attempts")


@pytest.fixture(params=["store", "http_store"], ids=["embedded", "over HTTP"])
def any_store(request: pytest.FixtureRequest) -> Store:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Store)
    return found


def insert(store: Store, records: Sequence[Record], token: str) -> None:
    rows = decode_events(records, timedelta(hours=24)).rows
    store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), token)


def some_records(count: int, **fields: Any) -> list[Record]:
    return [record_of(event(**fields), offset=offset) for offset in range(count)]


def counts(store: Store) -> dict[str, int]:
    found = {table: store.query(f"SELECT count() FROM {table}")[0][0] for table in TABLES}
    (rolled_up,) = store.query("SELECT uniqExactMerge(events) FROM event_counts")
    return {**found, "event_counts": rolled_up[0]}


def test_an_event_comes_back_as_it_went_in(any_store: Store) -> None:
    record = record_of(event("user_deprovision"), offset=7, partition=2)
    insert(any_store, [record], "t1")
    (row,) = any_store.query_dicts("SELECT * FROM events")
    assert row["raw"].encode() == record.value
    assert str(row["event_id"]) == dict(record.headers)["ce_id"].decode()
    assert row["fingerprint"].hex() == dict(record.headers)["idtrail_fingerprint"].decode()
    assert row["occurred_at"] == datetime(2026, 3, 19, 11, 59, 30, 250_000, tzinfo=UTC)
    assert row["known_at"] == datetime(2026, 3, 19, 12, tzinfo=UTC)
    assert (row["log_partition"], row["log_offset"]) == (2, 7)


def test_the_same_token_again_changes_nothing_in_any_table(any_store: Store) -> None:
    records = some_records(20)
    for _ in range(3):
        insert(any_store, records, "t1")
    assert counts(any_store) == dict.fromkeys((*TABLES, "event_counts"), 20)


def test_the_same_rows_under_another_token_change_no_answer(any_store: Store) -> None:
    records = some_records(20, success=False)
    insert(any_store, records, "t1")
    insert(any_store, records, "t2")
    for table in TABLES:
        assert any_store.query(f"SELECT count() FROM {table} FINAL") == [(20,)]
    assert any_store.query("SELECT uniqExactMerge(events) FROM event_counts") == [(20,)]


def test_a_chunk_that_spans_months_is_once_in_effect_too(any_store: Store) -> None:
    records = [
        record_of(event(timestamp=f"20{year:02}-0{month}-10T00:00:00Z"), offset=year * 10 + month)
        for year in range(20, 26)
        for month in range(1, 8)
    ]
    insert(any_store, records, "t1")
    insert(any_store, records, "t1")
    assert counts(any_store) == dict.fromkeys((*TABLES, "event_counts"), 42)


def test_more_than_a_hundred_months_in_one_insert_are_refused(store: Store) -> None:
    records = [
        record_of(event(timestamp=f"{2005 + month // 12}-{month % 12 + 1:02}-10T00:00:00Z"), offset=month)
        for month in range(120)
    ]
    with pytest.raises((StoreAway, Fatal), match="252"):
        insert(store, records, "t1")


def test_times_that_cannot_be_believed_share_one_partition(store: Store) -> None:
    unplaced = ["1800-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "soon", ""]
    insert(store, [record_of(event(timestamp=text), offset=i) for i, text in enumerate(unplaced)], "t1")
    found = store.query(
        "SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND table = 'events' AND active"
    )
    assert found == [("0",)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("it's", id="quote"),
        pytest.param('"', id="double quote"),
        pytest.param("\\", id="backslash"),
        pytest.param("\\'; DROP TABLE events; --", id="injection"),
        pytest.param("\t\n\r", id="white space"),
        pytest.param("\\N", id="null's spelling"),
        pytest.param("{a:String} %s %(x)s ${y}", id="placeholders"),
        pytest.param("Ünïcødé ✓ 🎟", id="beyond ASCII"),
        pytest.param("", id="empty"),
    ],
)
def test_values_are_bound_by_the_server(any_store: Store, text: str) -> None:
    assert any_store.query("SELECT {text:String} AS x", {"text": text}) == [(text,)]


@pytest.mark.parametrize(
    ("sql", "limits"),
    [
        pytest.param("SELECT number FROM numbers(2000)", Limits(rows=1000), id="too many rows"),
        pytest.param("SELECT sleep(1) FROM numbers(5)", Limits(seconds=1), id="too slow"),
        pytest.param(
            "SELECT groupArray(number) FROM numbers(50000000)",
            Limits(memory_bytes=10_000_000),
            id="too large",
        ),
    ],
)
def test_a_query_over_its_limits_asks_for_a_narrower_one_and_spoils_nothing(
    any_store: Store, sql: str, limits: Limits
) -> None:
    with pytest.raises(UserError, match="narrow"):
        any_store.query(sql, limits=limits)
    for _ in range(8):  # every pooled connection gets its turn
        assert any_store.query("SELECT count() FROM numbers(5000)") == [(5000,)]
        assert len(any_store.query("SELECT number FROM numbers(5000)")) == 5000


def test_a_statement_that_cannot_work_is_fatal_and_names_the_code(any_store: Store) -> None:
    with pytest.raises(Fatal, match="code 60"):
        any_store.query("SELECT * FROM no_such_table")
    assert any_store.query("SELECT 1") == [(1,)]


def test_a_server_that_does_not_answer_is_away() -> None:
    with pytest.raises(StoreAway):
        Store.open("http://default:@127.0.0.1:9/idtrail")


@pytest.mark.parametrize("url", ["clickhouse:9000", "ftp://x/y", "http://"])
def test_an_address_that_is_none_names_the_setting(url: str) -> None:
    with pytest.raises(BadUsage, match="IDTRAIL_CLICKHOUSE_URL"):
        Store.open(url)


def test_the_last_state_of_an_account_does_not_depend_on_the_order_of_arrival(any_store: Store) -> None:
    later = record_of(event("user_deprovision", timestamp="2026-03-19T11:00:00Z", success=False), offset=0)
    created = record_of(event("user_create_provision", timestamp="2026-03-18T11:00:00Z"), offset=1)
    unplaced = record_of(event("user_delete_provision", timestamp="?"), offset=2)
    for index, record in enumerate([later, unplaced, created]):
        insert(any_store, [record], f"t{index}")
    ((attempted, confirmed),) = any_store.query(
        "SELECT argMaxMerge(attempted).state, argMaxIfMerge(confirmed).state FROM account_states"
    )
    assert (attempted, confirmed) == ("inactive", "active")


def granules(store: Store, sql: str) -> tuple[int, int]:
    """Granules read, of how many there are in the table's partitions."""
    plan = "\n".join(row[0] for row in store.query(f"EXPLAIN indexes = 1 {sql}"))
    steps = re.findall(r"Granules: (\d+)/(\d+)", plan)
    return int(steps[-1][0]), max(int(total) for _, total in steps)


def test_a_persons_history_and_a_day_read_few_granules(store: Store) -> None:
    records = [
        record_of(
            event(
                timestamp=f"2026-03-{1 + number % 19:02}T{number % 24:02}:00:00Z",
                resource={"id": f"{number % 500:024x}", "type": "user"},
            ),
            offset=number,
        )
        for number in range(60_000)
    ]
    insert(store, records, "t1")
    where = "organization = '641b3db57090821c0b2f8183'"
    read, total = granules(store, f"SELECT * FROM events_by_subject WHERE {where} AND subject_id = '{7:024x}'")
    assert total >= 8
    assert read <= 2
    read, total = granules(
        store,
        f"SELECT event_id FROM events WHERE {where}"
        " AND occurred_at >= '2026-03-05 00:00:00' AND occurred_at < '2026-03-06 00:00:00'",
    )
    assert total >= 8
    assert read <= 2
