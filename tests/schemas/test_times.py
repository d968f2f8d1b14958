"""Timestamps of all kinds are placed in time, or kept as text and flagged; none raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadUsage
from schemas.times import (
    EARLIEST,
    FUTURE_TOLERANCE,
    LATEST,
    MAX_TEXT,
    SENTINEL,
    TimeQuality,
    believed,
    parse_past,
    parse_span,
    parse_timestamp,
    parse_when,
    require_order,
    rfc3339,
    to_microseconds,
)
from tests.schemas.strategies import JSON

Q = TimeQuality


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("2026-03-19T14:03:11Z", datetime(2026, 3, 19, 14, 3, 11), id="no fraction"),
        pytest.param("2023-06-16T14:06:45.921Z", datetime(2023, 6, 16, 14, 6, 45, 921000), id="3 digits"),
        pytest.param("2023-03-07T13:01:19.21859368Z", datetime(2023, 3, 7, 13, 1, 19, 218593), id="8 digits"),
        pytest.param("2026-02-22T01:00:52.203069748Z", datetime(2026, 2, 22, 1, 0, 52, 203069), id="9 digits"),
        pytest.param("2026-02-22T01:00:52.2030697481Z", datetime(2026, 2, 22, 1, 0, 52, 203069), id="10 digits"),
        pytest.param("2026-02-22t01:00:52,5z", datetime(2026, 2, 22, 1, 0, 52, 500000), id="lower case, comma"),
        pytest.param("2026-02-22 01:00:52", datetime(2026, 2, 22, 1, 0, 52), id="no zone is UTC"),
        pytest.param(" 2026-02-22T01:00:52Z ", datetime(2026, 2, 22, 1, 0, 52), id="white space around"),
        pytest.param("2026-02-22T01:00:52+02:00", datetime(2026, 2, 21, 23, 0, 52), id="an offset"),
        pytest.param("2026-02-22T01:00:52.123-0530", datetime(2026, 2, 22, 6, 30, 52, 123000), id="offset, no colon"),
    ],
)
def test_a_timestamp_is_placed_to_the_microsecond_and_its_text_is_kept(text: str, at: datetime) -> None:
    assert parse_timestamp(text) == (at.replace(tzinfo=UTC), text, Q.OK)


@pytest.mark.parametrize(
    ("value", "quality", "text"),
    [
        pytest.param(None, Q.MISSING, "", id="null"),
        pytest.param("", Q.MISSING, "", id="empty"),
        pytest.param("yesterday", Q.GARBAGE, "yesterday", id="words"),
        pytest.param("2026-13-41T99:00:00Z", Q.GARBAGE, "2026-13-41T99:00:00Z", id="no such day"),
        pytest.param("2026-02-22T24:00:61.000Z", Q.GARBAGE, "2026-02-22T24:00:61.000Z", id="no such second"),
        pytest.param("2026-02-22", Q.GARBAGE, "2026-02-22", id="a day alone"),
        pytest.param("٢٠٢٦-02-22T01:00:52Z", Q.GARBAGE, "٢٠٢٦-02-22T01:00:52Z", id="digits of another script"),
        pytest.param(1773928991, Q.GARBAGE, "1773928991", id="a number"),
        pytest.param({"a": 1}, Q.GARBAGE, "{'a': 1}", id="an object"),
        pytest.param("1969-12-31T23:59:59.000Z", Q.OUT_OF_RANGE, "1969-12-31T23:59:59.000Z", id="before 1970"),
        pytest.param("1999-12-31T23:59:59Z", Q.OUT_OF_RANGE, "1999-12-31T23:59:59Z", id="before the vendor"),
        pytest.param("2100-01-01T00:00:00.000Z", Q.OUT_OF_RANGE, "2100-01-01T00:00:00.000Z", id="after the range"),
        pytest.param("0001-01-01T00:00:00Z", Q.OUT_OF_RANGE, "0001-01-01T00:00:00Z", id="year one"),
        pytest.param("0001-01-01T00:00:00+05:00", Q.OUT_OF_RANGE, "0001-01-01T00:00:00+05:00", id="before year one"),
        pytest.param("9999-12-31T23:59:59-05:00", Q.OUT_OF_RANGE, "9999-12-31T23:59:59-05:00", id="past the last year"),
        pytest.param("2026-W12-4T14:03:11.48Z", Q.GARBAGE, "2026-W12-4T14:03:11.48Z", id="a week"),
        pytest.param("2026-W12-4T14:03:11.482Z", Q.GARBAGE, "2026-W12-4T14:03:11.482Z", id="a week, as long as most"),
        pytest.param("20260319T140311.4820000Z", Q.GARBAGE, "20260319T140311.4820000Z", id="without marks"),
        pytest.param("2026-03-19X14:03:11.482Z", Q.GARBAGE, "2026-03-19X14:03:11.482Z", id="another separator"),
        pytest.param(
            "2026-03-19T14:03:11." + "1" * 99 + "Z", Q.GARBAGE, "2026-03-19T14:03:11." + "1" * 44, id="endless"
        ),
        pytest.param("x" * 500, Q.GARBAGE, "x" * 64, id="long garbage is cut"),
    ],
)
def test_what_cannot_be_placed_is_kept_and_sorts_first(value: Any, quality: TimeQuality, text: str) -> None:
    assert parse_timestamp(value) == (SENTINEL, text, quality)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-02-22T01:00:52.203069748Z", "2026-02-22T01:00:52.203069748Z"),
        ("2026-02-22T01:00:52+02:00", "2026-02-22T01:00:52+02:00"),
        (" 2026-02-22 01:00:52,5z", "2026-02-22T01:00:52.500000Z"),
        ("2026-02-22T01:00:52.123-0530", "2026-02-22T06:30:52.123000Z"),
    ],
)
def test_others_are_told_a_time_as_the_standard_spells_it(text: str, shown: str) -> None:
    assert rfc3339(parse_timestamp(text)) == shown


@given(JSON | st.text() | st.text("0123456789-:TZ.+", max_size=40))
def test_no_value_raises(value: Any) -> None:
    moment = parse_timestamp(value)

    assert moment.at.utcoffset() == timedelta(0)
    assert (moment.at == SENTINEL) is (moment.quality is not Q.OK)
    assert len(moment.text) <= MAX_TEXT


@given(st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None) - timedelta(seconds=1)))
def test_every_moment_in_range_comes_back(at: datetime) -> None:
    at = at.replace(tzinfo=UTC)

    assert parse_timestamp(at.isoformat()).at == at
    assert SENTINEL + timedelta(microseconds=to_microseconds(at)) == at


def test_a_stamp_far_ahead_of_the_broker_is_in_the_future() -> None:
    known_at = datetime(2026, 3, 19, 14, tzinfo=UTC)
    limit = parse_timestamp((known_at + FUTURE_TOLERANCE).isoformat())
    beyond = parse_timestamp((known_at + FUTURE_TOLERANCE + timedelta(microseconds=1)).isoformat())
    missing = parse_timestamp(None)

    assert believed(limit, known_at) == limit
    assert believed(beyond, known_at) == (SENTINEL, beyond.text, Q.FUTURE)
    assert believed(missing, known_at) == missing


NOW = datetime(2026, 3, 19, 12, tzinfo=UTC)


def test_a_time_that_has_not_come_is_refused_with_the_time_that_it_is() -> None:
    assert parse_past("2026-03-19T12:00:00Z", NOW, "at") == parse_past("0s", NOW, "at") == NOW
    with pytest.raises(BadUsage) as caught:
        parse_past("2026-03-19T12:00:01Z", NOW, "at")
    assert str(caught.value) == (
        "at: 2026-03-19T12:00:01Z is in the future, it is 2026-03-19T12:00:00Z: ask for a time at or before that"
    )


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("2026-03-19", (0, 0), id="a date"),
        pytest.param("2026-03-19 14:05", (14, 5), id="as screens show it"),
        pytest.param(" 2026-03-19T14:05 ", (14, 5), id="T"),
        pytest.param("2026-03-19T14:05Z", (14, 5), id="Z"),
        pytest.param("2026-03-19 14:05+02:00", (12, 5), id="a zone"),
        pytest.param("2026-03-19 14:05:00", (14, 5), id="seconds"),
        pytest.param("2026-03-19T14:05:00 02:00", (12, 5), id="a plus that a URL made a space"),
        pytest.param("2026-03-19 14:05 0200", (12, 5), id="the same of minutes"),
        pytest.param("36h", (0, 0), id="an age"),
    ],
)
def test_a_time_is_read_back_as_it_is_shown(text: str, at: tuple[int, int]) -> None:
    assert parse_when(text, NOW + timedelta(hours=24), "at") == datetime(2026, 3, 19, tzinfo=UTC) + timedelta(
        hours=at[0], minutes=at[1]
    )


@pytest.mark.parametrize("text", ["14:05", "03-19 14:05", "2026-03-19 14", "2026-03-19 25:00", "2026-03-19 14:05 Z 1"])
def test_what_is_no_time_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(BadUsage) as caught:
        parse_when(text, NOW, "at")
    assert str(caught.value) == (
        f"at: {text!r} is neither a time (2026-03-19 14:00, in UTC) or date, nor an age (24h, 7d)"
    )


@pytest.mark.parametrize("text", ["1900-01-01", "1999-12-31T23:59:59Z", "2100-01-01", "0001-01-01T00:00:00+01:00"])
def test_a_time_outside_the_range_is_called_so(text: str) -> None:
    with pytest.raises(BadUsage) as caught:
        parse_when(text, NOW, "at")
    assert str(caught.value) == f"at: {text!r} is out of range: times are from 2000 to 2099"


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        pytest.param(
            -1, "since (2026-03-19T12:00:00Z) must be before until (2026-03-19T11:00:00Z): swap them", id="no"
        ),
        pytest.param(
            0, "since (2026-03-19T12:00:00Z) must be before until (2026-03-19T12:00:00Z): they are the same", id="empty"
        ),
    ],
)
def test_a_range_that_is_none_is_refused_with_both_times(hours: int, sentence: str) -> None:
    require_order(NOW, NOW + timedelta(hours=1))
    with pytest.raises(BadUsage) as caught:
        require_order(NOW, NOW + timedelta(hours=hours))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30m", timedelta(minutes=30)),
        (" 4 h ", timedelta(hours=4)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_a_length_of_time_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert parse_span(text, "--for") == span


@pytest.mark.parametrize("text", ["", "4", "h", "0h", "-4h", "4.5h", "4y", "2026-03-19", "9999999d"])
def test_what_is_no_length_of_time_is_told(text: str) -> None:
    with pytest.raises(BadUsage, match=r"--for: .* is not a length of time such as 30m, 4h or 2d"):
        parse_span(text, "--for")
