"""Quiet hours by the clock of a place, over its changes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.delivery.quiet import QuietHours

VIENNA = "Europe/Vienna"


def at(text: str) -> datetime:
    """In 2026."""
    return datetime.fromisoformat(f"2026-{text}+00:00")


@pytest.mark.parametrize(
    ("begin", "end", "zone", "due", "told"),
    [
        pytest.param("22:00", "07:00", "UTC", "01-05 21:59", "01-05 21:59", id="before"),
        pytest.param("22:00", "07:00", "UTC", "01-05 22:00", "01-06 07:00", id="at the begin"),
        pytest.param("22:00", "07:00", "UTC", "01-06 03:00", "01-06 07:00", id="after midnight"),
        pytest.param("22:00", "07:00", "UTC", "01-06 07:00", "01-06 07:00", id="at the end"),
        pytest.param("12:00", "13:00", "UTC", "01-05 12:30", "01-05 13:00", id="within a day"),
        pytest.param("22:00", "07:00", "Asia/Kolkata", "01-05 17:00", "01-06 01:30", id="half an hour's zone"),
        # Vienna's clocks go from 02:00 to 03:00 on March 29 and from 03:00 back to 02:00 on October 25.
        pytest.param("22:00", "07:00", VIENNA, "03-28 22:00", "03-29 05:00", id="a shorter night"),
        pytest.param("22:00", "07:00", VIENNA, "10-24 21:00", "10-25 06:00", id="a longer night"),
        pytest.param("22:00", "02:30", VIENNA, "03-28 22:00", "03-29 01:30", id="an end never shown"),
        pytest.param("22:00", "02:30", VIENNA, "10-25 00:45", "10-25 01:30", id="an end shown twice"),
        pytest.param("02:30", "05:00", VIENNA, "03-29 01:30", "03-29 03:00", id="a begin never shown"),
        pytest.param("02:30", "05:00", VIENNA, "10-25 00:30", "10-25 04:00", id="a begin shown twice"),
    ],
)  # fmt: skip
def test_over_at(begin: str, end: str, zone: str, due: str, told: str) -> None:
    assert QuietHours.model_validate({"begin": begin, "end": end, "zone": zone}).over_at(at(due)) == at(told)


@given(
    st.times(),
    st.times(),
    st.sampled_from([VIENNA, "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),
)
def test_what_is_over_is_not_quiet_and_never_longer_than_a_day_and_a_change(
    begin: time, end: time, zone: str, due: datetime
) -> None:
    if begin == end:
        return
    quiet = QuietHours.model_validate({"begin": begin, "end": end, "zone": zone})
    due = due.replace(tzinfo=UTC)
    over = quiet.over_at(due)
    assert due <= over <= due + timedelta(hours=25)
    assert quiet.over_at(over) == over or over.astimezone(quiet.zone).date() != due.astimezone(quiet.zone).date()
