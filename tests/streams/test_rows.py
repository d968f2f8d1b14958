"""From records to rows: what is stored, what is dead-lettered, what goes on to detection."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from queries.arrow import (
    ALERT_RECORDS_ARROW_SCHEMA,
    DEAD_LETTERS_ARROW_SCHEMA,
    EVENTS_ARROW_SCHEMA,
    LETTER_DECISIONS_ARROW_SCHEMA,
)
from schemas.envelope import Source, Trust
from streams.alert_records import ALERT_RECORD_COLUMNS
from streams.letters import DEAD_LETTER_COLUMNS, LETTER_DECISION_COLUMNS, decode_dead_letters
from streams.rows import EVENT_COLUMNS, Decoded, Row, decode_events
from tests.records import NOON, ORGANIZATION, Record, event, record_of

DAY = timedelta(hours=24)


def named(row: Row) -> dict[str, Any]:
    return dict(zip(EVENT_COLUMNS, row, strict=True))


def decode(*records: Record) -> Decoded:
    return decode_events(records, DAY)


def test_a_row_carries_the_facts_the_bytes_and_the_place_in_the_log() -> None:
    record = record_of(event("user_create_provision"), offset=41, partition=3)
    (row,) = decode(record).rows
    found = named(row)
    assert found["raw"] == record.value
    assert (found["log_topic"], found["log_partition"], found["log_offset"]) == ("idtrail.events", 3, 41)
    assert (found["organization"], found["event_type"]) == (ORGANIZATION, "user_create_provision")
    assert found["occurred_at"] == 1_773_921_570_250_000
    assert found["known_at"] == record.timestamp


@pytest.mark.parametrize(
    ("timestamp", "quality"),
    [
        pytest.param("2026-03-21T12:00:00Z", "future", id="two days ahead of the broker"),
        pytest.param("9999-12-31T23:59:59Z", "out_of_range", id="year 9999"),
        pytest.param("1800-01-01T00:00:00Z", "out_of_range", id="year 1800"),
        pytest.param("yesterday", "garbage", id="not a time"),
        pytest.param(17, "garbage", id="a number"),
        pytest.param("", "missing", id="empty"),
    ],
)
def test_a_time_that_cannot_be_believed_is_kept_flagged_and_sorted_at_the_sentinel(
    timestamp: object, quality: str
) -> None:
    (row,) = decode(record_of(event(timestamp=timestamp))).rows
    found = named(row)
    assert (found["time_quality"], found["occurred_at"]) == (quality, 0)
    assert found["occurred_text"] == str(timestamp)


def test_a_null_timestamp_is_missing_and_not_refused() -> None:
    raw = {**event(), "timestamp": None}
    (row,) = decode(record_of(raw)).rows
    assert named(row)["time_quality"] == "missing"


@pytest.mark.parametrize(
    ("age", "forwarded"),
    [
        pytest.param(timedelta(minutes=1), True, id="a minute old"),
        pytest.param(DAY, True, id="as old as the horizon"),
        pytest.param(DAY + timedelta(seconds=1), False, id="older than the horizon"),
    ],
)
def test_only_fresh_provisioning_events_go_on_to_detection(age: timedelta, forwarded: bool) -> None:
    at = (NOON - age).isoformat()
    decoded = decode(record_of(event(timestamp=at), offset=5), record_of(event("sso_auth", timestamp=at)))
    assert [named(row)["fresh"] for row in decoded.rows] == [forwarded, forwarded]
    assert len(decoded.forward) == int(forwarded)
    if forwarded:
        (forward,) = decoded.forward
        assert forward.key == ORGANIZATION.encode()
        headers = dict(forward.headers)
        assert headers["idtrail_offset"] == b"5"
        assert headers["idtrail_known_at"] == str(int(NOON.timestamp() * 1000)).encode()


def test_freshness_is_the_brokers_clock_against_the_events_and_not_ours() -> None:
    late = NOON - timedelta(days=400)
    record = record_of(event(timestamp=late.isoformat()), known_at=late + timedelta(minutes=5))
    assert named(decode(record).rows[0])["fresh"] is True


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, "no_value", id="a tombstone"),
        pytest.param(b"\xff\xfe", "invalid_utf8", id="not UTF-8"),
        pytest.param(b"[1]", "not_an_object", id="a list"),
        pytest.param(b'{"id":"1"}', "no_timestamp", id="no timestamp"),
        pytest.param(b'{"timestamp":"2026-03-19T11:59:30Z"}', "no_organization", id="nobody's"),
    ],
)
def test_an_unreadable_record_is_dead_lettered_byte_for_byte_and_the_rest_goes_on(
    value: bytes | None, reason: str
) -> None:
    decoded = decode(
        record_of(event(), offset=1),
        Record(value, [("x", b"y")], offset=2, key=b"k"),
        record_of(event(), offset=3),
    )
    assert [named(row)["log_offset"] for row in decoded.rows] == [1, 3]
    (dead,) = decoded.dead
    assert (dead.value, dead.key) == (value or b"", b"k")
    headers = dict(dead.headers)
    assert headers["idtrail_reason"] == reason.encode()
    assert headers["idtrail_position"] == b"idtrail.events[0]@2"
    assert headers["x"] == b"y"


def test_a_record_without_our_headers_is_typed_at_the_lowest_trust() -> None:
    raw = record_of(event()).value
    (row,) = decode(Record(raw)).rows
    assert named(row)["trust"] == Trust.OPEN_INGEST
    assert named(row)["event_id"] == named(decode(record_of(raw or b"")).rows[0])["event_id"]


def test_the_copy_in_force_is_of_the_highest_trust_then_the_first_known() -> None:
    raw = event()
    early, late = NOON, NOON + timedelta(hours=1)

    def version(trust: Trust, known_at: datetime) -> int:
        record = record_of(raw, source=Source("test", trust), known_at=known_at)
        found = named(decode(record).rows[0])["version"]
        assert isinstance(found, int)
        return found

    assert version(Trust.EXPORT, early) > version(Trust.EXPORT, late)
    assert version(Trust.TENANT_API, late) > version(Trust.EXPORT, early)
    assert version(Trust.CONNECTOR, late) < 2**63


def test_the_same_records_give_the_same_rows() -> None:
    records = [record_of(event(), offset=offset) for offset in range(20)]
    assert decode(*records) == decode(*records)


def test_dead_letters_keep_their_place_and_reason_and_one_identity() -> None:
    decoded = decode(Record(b"?", offset=9))
    (dead,) = decoded.dead
    letter = Record(dead.value, dead.headers, offset=3, topic="idtrail.dead-letters")
    again = Record(dead.value, dead.headers, offset=4, topic="idtrail.dead-letters")
    first, second = decode_dead_letters([letter, again]).rows
    assert first[0] == second[0]
    assert first[3:5] == ("idtrail.events[0]@9", "not_json")
    other = Record(b"!", dead.headers, offset=5, topic="idtrail.dead-letters")
    assert decode_dead_letters([other]).rows[0][0] != first[0]


def test_rows_have_the_columns_of_the_arrow_batch_in_its_order() -> None:
    assert tuple(EVENTS_ARROW_SCHEMA.names) == EVENT_COLUMNS
    assert tuple(DEAD_LETTERS_ARROW_SCHEMA.names) == DEAD_LETTER_COLUMNS
    assert tuple(LETTER_DECISIONS_ARROW_SCHEMA.names) == LETTER_DECISION_COLUMNS
    assert tuple(ALERT_RECORDS_ARROW_SCHEMA.names) == ALERT_RECORD_COLUMNS


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "idtrail_organization", "idtrail_received_at", "x"])
def test_a_null_header_stops_nobody(name: str) -> None:
    """Kafka allows them, and aiokafka hands them on as None."""
    whole = record_of(event(), offset=1)
    headers: list[Any] = [(header, None if header == name else value) for header, value in whole.headers]
    odd = Record(whole.value, [*headers, ("x", None)], offset=2)  # type: ignore[list-item]  # because that is the case
    decoded = decode(odd, record_of(event(), offset=3))
    assert len(decoded.rows) + len(decoded.dead) == 2
    letters = [Record(dead.value, dead.headers, offset=4, topic="idtrail.dead-letters") for dead in decoded.dead]
    for letter in letters:
        assert len(decode_dead_letters([letter]).rows) == 1


def test_an_append_time_that_no_clock_shows_is_dead_lettered() -> None:
    whole = record_of(event())
    decoded = decode(Record(whole.value, whole.headers, timestamp=2**62))
    assert [dict(dead.headers)["idtrail_reason"] for dead in decoded.dead] == [b"bad_append_time"]


def test_another_producers_record_is_unwrapped_and_loses_its_secrets() -> None:
    inner = event("user_deprovision", error_message="Authorization: Bearer abcDEF1234567890", success=False)
    decoded = decode(Record(orjson.dumps({"jumpcloud": inner, "shipper": "x"})))
    (found,) = map(named, decoded.rows)
    assert (found["event_type"], found["redacted"]) == ("user_deprovision", True)
    assert orjson.loads(found["raw"])["id"] == inner["id"]
    for stored in (found["raw"], *(record.value for record in decoded.forward)):
        assert b"abcDEF1234567890" not in stored


def test_a_dead_letter_of_another_producer_loses_its_secrets_and_says_so() -> None:
    (dead,) = decode(Record(b'{"Authorization": "Bearer abcDEF1234567890", broken')).dead
    assert b"abcDEF1234567890" not in dead.value
    assert dict(dead.headers)["idtrail_redacted"] == b"1"
