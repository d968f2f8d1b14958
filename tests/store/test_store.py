"""The store, embedded and over HTTP: binding, limits, tokens, errors. One suite for both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Semaphore
from typing import Any, ClassVar
from uuid import UUID

import pytest

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.migrate import Deployment, migrate
from queries.refusals import Refused
from queries.store import PROMPT_LIMITS, READERS, Limits, Store
from schemas.envelope import Source, Trust
from schemas.errors import BadUsage, Fatal, StoreAway, UserError
from streams.backfill import UNITS_AT_ONCE
from streams.rows import decode_events
from tests.records import NOON, ORGANIZATION, Record, event, record_of
from tests.support.clickhouse_http import ClickHouseFront

pytestmark = pytest.mark.store

TABLES = ("events", "events_by_subject", "attempts")


@pytest.fixture(params=["store", "http_store"], ids=["embedded", "over HTTP"])
def any_store(request: pytest.FixtureRequest) -> Store:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Store)
    return found


@pytest.fixture(scope="module", params=["engine", "front"], ids=["embedded", "over HTTP"])
def tableless(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store for questions that need no table: not migrated, and shared."""
    place = request.getfixturevalue(request.param)
    url = place if isinstance(place, str) else f"chdb://{place}"
    opened = Store.open(url, database="tableless")
    try:
        yield opened
    finally:
        opened.close()


def insert(store: Store, records: Sequence[Record], token: str) -> None:
    rows = decode_events(records, timedelta(hours=24)).rows
    store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), token)


def some_records(count: int, **fields: Any) -> list[Record]:
    return [record_of(event(**fields), offset=offset) for offset in range(count)]


def counts(store: Store) -> dict[str, int]:
    found = {table: store.query(f"SELECT count() FROM {table}")[0][0] for table in TABLES}
    (rolled_up,) = store.query("SELECT uniqExactMerge(events) FROM event_counts")
    return {**found, "event_counts": rolled_up[0]}


def test_as_many_values_as_the_backfill_binds_at_once_reach_the_server(tableless: Store) -> None:
    minutes = [1_762_160_400 + 60 * n for n in range(UNITS_AT_ONCE)]
    asked = {"minutes": minutes, "text": "it's\r\n--a boundary--"}
    assert tableless.query("SELECT length({minutes:Array(UInt32)}), {text:String}", asked) == [
        (UNITS_AT_ONCE, asked["text"])
    ]
    found = tableless.query_arrow("SELECT arraySum({minutes:Array(UInt32)}) AS total", asked)
    assert found.to_pylist() == [{"total": sum(minutes)}]


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


def test_more_than_a_hundred_months_in_one_insert_are_refused_for_good(store: Store) -> None:
    records = [
        record_of(event(timestamp=f"{2005 + month // 12}-{month % 12 + 1:02}-10T00:00:00Z"), offset=month)
        for month in range(120)
    ]
    with pytest.raises(Refused, match="252"):
        insert(store, records, "t1")
    assert counts(store) == dict.fromkeys((*TABLES, "event_counts"), 0)


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
def test_values_are_bound_by_the_server(tableless: Store, text: str) -> None:
    assert tableless.query("SELECT {text:String} AS x", {"text": text}) == [(text,)]


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
    tableless: Store, sql: str, limits: Limits
) -> None:
    with pytest.raises(UserError, match="narrow"):
        tableless.query(sql, limits=limits)
    for _ in range(8):  # every pooled connection gets its turn
        assert tableless.query("SELECT count() FROM numbers(5000)") == [(5000,)]
        assert len(tableless.query("SELECT number FROM numbers(5000)")) == 5000


def test_a_statement_that_cannot_work_is_fatal_and_names_the_code(tableless: Store) -> None:
    with pytest.raises(Refused, match="code 60") as refused:
        tableless.query("SELECT * FROM no_such_table")
    assert refused.value.code == 60
    assert tableless.query("SELECT 1") == [(1,)]


def test_an_insert_that_cannot_work_is_fatal_and_the_next_one_works(any_store: Store) -> None:
    rows = batch([], EVENTS_ARROW_SCHEMA).append_column("no_such_column", [[]])
    with pytest.raises(Refused):
        any_store.insert_arrow("events", rows, "t1")
    insert(any_store, some_records(3), "t2")
    assert counts(any_store)["events"] == 3


def test_a_closed_store_says_so(engine: Path) -> None:
    closed = Store.open(f"chdb://{engine}", database="closed")
    closed.close()
    with pytest.raises(Fatal, match="closed"):
        closed.query("SELECT 1")
    with pytest.raises(Fatal, match="closed"):
        closed.insert_arrow("events", batch([], EVENTS_ARROW_SCHEMA), "t1")


def test_many_threads_share_a_store(any_store: Store) -> None:
    def ask(number: int) -> int:
        if number % 10 == 0:
            insert(any_store, [record_of(event(), offset=number)], f"t{number}")
        (answer,) = any_store.query("SELECT {n:UInt32} + sleepEachRow(0.01)", {"n": number})
        return int(answer[0])

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, range(60))) == list(range(60))
    assert counts(any_store)["events"] == 6


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("toDateTime64('2026-03-19 12:00:00.25', 6, 'UTC')", id="DateTime64"),
        pytest.param("toNullable(toDateTime64('2026-03-19 12:00:00.25', 3, 'UTC'))", id="Nullable"),
        pytest.param("[toDateTime64('2026-03-19 12:00:00.25', 6, 'UTC')][1]", id="Array"),
        pytest.param("(toDateTime64('2026-03-19 12:00:00.25', 6, 'UTC'), 1).1", id="Tuple"),
    ],
)
def test_times_come_back_aware(tableless: Store, expression: str) -> None:
    noon = datetime(2026, 3, 19, 12, 0, 0, 250_000, tzinfo=UTC)
    assert tableless.query(f"SELECT {expression}") == [(noon,)]
    assert tableless.query_dicts(f"SELECT {expression} AS at") == [{"at": noon}]
    assert tableless.query_arrow(f"SELECT {expression} AS at").column("at").to_pylist() == [noon]


def test_whole_seconds_come_back_aware_and_nested_times_too(tableless: Store) -> None:
    noon = datetime(2026, 3, 19, 12, tzinfo=UTC)
    seconds, nested = "toDateTime('2026-03-19 12:00:00', 'UTC')", "[toDateTime64('2026-03-19 12:00:00', 3, 'UTC')]"
    assert tableless.query(f"SELECT {seconds}, {nested}") == [(noon, [noon])]


def test_a_store_that_was_away_is_used_again_without_being_opened_anew(tmp_path: Path) -> None:
    with ClickHouseFront(tmp_path) as front:
        opened = Store.open(front.url, database="away")
        migrate(opened, Deployment("server"))
        insert(opened, some_records(4), "t1")
        front.kill()
        with pytest.raises(StoreAway):
            opened.query("SELECT 1")
        with pytest.raises(StoreAway):
            insert(opened, some_records(4), "t2")
        refused = opened.refusal
        assert refused is not None
        front.start()
        insert(opened, some_records(4), "t2")
        assert opened.refusal is None
        assert counts(opened) == dict.fromkeys((*TABLES, "event_counts"), 8)
        opened.close()


def test_a_server_that_does_not_answer_is_away() -> None:
    with pytest.raises(StoreAway):
        Store.open("http://default:@127.0.0.1:9/idtrail")


@pytest.mark.parametrize("url", ["clickhouse:9000", "ftp://x/y", "http://"])
def test_an_address_that_is_none_names_the_setting(url: str) -> None:
    with pytest.raises(BadUsage, match="IDTRAIL_CLICKHOUSE_URL"):
        Store.open(url)


LAST = "SELECT bitShiftRight(toUInt8(max(last)), 1) FROM account_marks GROUP BY application_id, subject_id"
ACTIVE, INACTIVE = 1, 2


def test_the_last_state_of_an_account_does_not_depend_on_the_order_of_arrival(store: Store) -> None:
    later = record_of(event("user_deprovision", timestamp="2026-03-19T11:00:00Z", success=False), offset=0)
    created = record_of(event("user_create_provision", timestamp="2026-03-18T11:00:00Z"), offset=1)
    unplaced = record_of(event("user_delete_provision", timestamp="?"), offset=2)
    for index, record in enumerate([later, unplaced, created]):
        insert(store, [record], f"t{index}")
    assert store.query(LAST) == [(INACTIVE,)]


def test_of_two_attempts_at_one_moment_the_larger_id_is_the_last_as_in_python(store: Store) -> None:
    """ClickHouse compares UUIDs by their second half first; Python, as they read."""
    at = "2026-03-19T11:00:00Z"
    records = [
        record_of(event(kind, timestamp=at), offset=offset)
        for offset, kind in enumerate(["user_deprovision", "user_create_provision"] * 4)
    ]
    insert(store, records, "t1")
    last = max(records, key=lambda record: UUID(dict(record.headers)["ce_id"].decode()))
    assert store.query(LAST) == [(INACTIVE if last.offset % 2 == 0 else ACTIVE,)]


def test_an_attempt_has_the_outcome_of_its_copy_in_force(store: Store) -> None:
    """A copy of lesser trust, or a later one, neither makes a failure nor hides one."""
    failed, worked = event(success=False, error_message="409 Conflict"), event()
    forged = [{**failed, "success": True, "error_message": None}, {**worked, "success": False}]
    web, export = Source("webhook", Trust.WEBHOOK, ORGANIZATION), Source("file:a.json", Trust.EXPORT, ORGANIZATION)
    copies = [
        record_of(forged[0], offset=0, source=web),
        record_of(failed, offset=1, source=export),
        record_of(worked, offset=2, source=export),
        record_of(forged[1], offset=3, source=export, known_at=NOON + timedelta(seconds=1)),
    ]
    for number, record in enumerate(copies):
        insert(store, [record], f"t{number}")
    found = store.query("SELECT toString(event_id), outcome FROM attempts FINAL ORDER BY version DESC")
    ids = [dict(record.headers)["ce_id"].decode() for record in copies]
    assert len(set(ids)) == 2
    assert dict(found) == {ids[0]: "failure", ids[2]: "success"}


def test_a_person_is_found_by_name_or_mail_address_in_any_case(any_store: Store) -> None:
    ines = {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.almeida", "email": "ines@Example.com"}
    insert(any_store, some_records(5, resource=ines), "t1")
    insert(any_store, some_records(5, resource=ines), "t2")
    for name in ("Ines.Almeida", "ines.almeida", "INES@example.com"):
        found = any_store.query(
            "SELECT DISTINCT subject_id FROM subjects"
            " WHERE organization = {own:String} AND name = lowerUTF8({name:String})",
            {"own": ORGANIZATION, "name": name},
        )
        assert found == [(ines["id"],)], name


def granules(store: Store, sql: str) -> tuple[int, int]:
    """Granules read, of how many there are in the table's partitions."""
    plan = "\n".join(row[0] for row in store.query(f"EXPLAIN indexes = 1 {sql}"))
    steps = re.findall(r"Granules: (\d+)/(\d+)", plan)
    return int(steps[-1][0]), max(int(total) for _, total in steps)


def test_a_persons_history_and_a_day_read_few_granules(store: Store) -> None:
    (like_these,) = some_records(1)
    insert(store, [like_these], "t1")
    store.command(
        "INSERT INTO events SELECT * EXCEPT (number) REPLACE ("
        " toUUID(concat('00000000-0000-0000-0000-', leftPad(toString(number), 12, '0'))) AS event_id,"
        " leftPad(lower(hex(toUInt16(number % 500))), 24, '0') AS subject_id,"
        " toDateTime64('2026-03-01 00:00:00', 6, 'UTC') + toIntervalDay(number % 19) + toIntervalHour(number % 24)"
        " AS occurred_at) FROM events CROSS JOIN (SELECT number FROM numbers(60000)) AS numbers"
    )
    assert counts(store)["events_by_subject"] == 60_001
    where = f"organization = '{ORGANIZATION}'"
    read, total = granules(store, f"SELECT * FROM events_by_subject WHERE {where} AND subject_id = '{7:024x}'")
    assert total >= 7
    assert read <= 2
    read, total = granules(
        store,
        f"SELECT event_id FROM events WHERE {where}"
        " AND occurred_at >= '2026-03-05 00:00:00' AND occurred_at < '2026-03-06 00:00:00'",
    )
    assert total >= 7
    assert read <= 2


def test_what_every_request_depends_on_waits_behind_no_question() -> None:
    begun, done = Semaphore(0), Event()

    class Client:
        result_rows: ClassVar = [(1,)]

        def query(self, sql: str, **_: object) -> Client:
            if sql == "slow":
                begun.release()
                assert done.wait(30)
            return self

        def close(self) -> None:
            pass

    store = Store(lambda database: Client(), "idtrail")
    with ThreadPoolExecutor(READERS + 1) as threads:
        slow = [threads.submit(store.query, "slow") for _ in range(READERS + 1)]
        try:
            assert all(begun.acquire(timeout=30) for _ in range(READERS))
            assert store.query("prompt", None, PROMPT_LIMITS) == [(1,)]
        finally:
            done.set()
        assert [each.result() for each in slow] == [[(1,)]] * (READERS + 1)
    store.close()
