"""What the trail does not see: judged from habits, read from the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from queries.arrow import DEAD_LETTERS_ARROW_SCHEMA, batch
from queries.checks.blindness import Habit, LetterRate, rising_letters, silent_sources, sink_behind
from queries.checks.habits import read_habits, read_letter_rates, read_newest
from queries.checks.lag_watch import LagWatch
from schemas.envelope import Source, Trust
from tests.queries.support import Trail
from tests.records import NOON, event

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def _habit(silent: timedelta, **known: Any) -> Habit:
    """Of a source that sent something every five minutes for days, and then nothing for so long."""
    usual = {"talks": 500, "days": 5, "usual_gap": 5 * MINUTE, "repeated_gap": 6 * MINUTE}
    return Habit("acme", "jumpcloud", last=NOON - silent, **{**usual, **known})


@pytest.mark.parametrize(
    ("habit", "blind"),
    [
        pytest.param(_habit(19 * MINUTE), False, id="four times its usual gap is allowed"),
        pytest.param(_habit(21 * MINUTE), True, id="more is not"),
        pytest.param(_habit(14 * MINUTE, usual_gap=MINUTE, repeated_gap=MINUTE), False, id="a floor for the busy"),
        pytest.param(_habit(16 * MINUTE, usual_gap=MINUTE, repeated_gap=MINUTE), True, id="above the floor"),
        pytest.param(_habit(16 * HOUR, repeated_gap=14 * HOUR), False, id="every night is silent"),
        pytest.param(_habit(18 * HOUR, repeated_gap=14 * HOUR), True, id="longer than any night"),
        pytest.param(_habit(3 * DAY, days=1), False, id="a single import is no habit"),
        pytest.param(_habit(3 * DAY, talks=5), False, id="nor are five"),
    ],
)
def test_a_source_is_silent_when_it_usually_is_not(habit: Habit, blind: bool) -> None:
    found = silent_sources([habit], NOON)
    assert bool(found) is blind
    if blind:
        assert (found[0].what, found[0].name, found[0].since) == ("source", "jumpcloud", habit.last)
        assert "no event from jumpcloud of organization acme for " in found[0].text


@pytest.mark.parametrize(
    ("lately", "usual", "rising"),
    [
        pytest.param(9, 0.0, False, id="few"),
        pytest.param(10, 0.0, True, id="many, and usually none"),
        pytest.param(100, 40.0, False, id="many, as usual"),
        pytest.param(130, 40.0, True, id="three times as many"),
    ],
)
def test_dead_letters_rise_when_there_are_far_more_than_usual(lately: int, usual: float, rising: bool) -> None:
    found = rising_letters([LetterRate("acme", lately, NOON, usual)])
    assert [blind.what for blind in found] == (["dead_letters"] if rising else [])


def test_a_sink_that_was_never_looked_at_is_not_blamed() -> None:
    assert sink_behind(LagWatch(), NOON) == []


def _talk(trail: Trail, source: str, times: Sequence[datetime]) -> None:
    trail.insert(
        *(
            trail.log(
                event(id=f"{source}-{number}", timestamp=f"{at:%Y-%m-%dT%H:%M:%S}Z"), Source(source, Trust.EXPORT), at
            )
            for number, at in enumerate(times)
        )
    )


@pytest.mark.store
def test_habits_are_read_by_source_and_files_are_one(any_trail: Trail) -> None:
    steady = [NOON - DAY * 4 + 30 * MINUTE * step for step in range(150)]
    _talk(any_trail, "jumpcloud", steady)
    for number in range(3):
        _talk(any_trail, f"file:{number}.json", [NOON - DAY * number])
    found = {habit.source: habit for habit in read_habits(any_trail.store, any_trail.organization, NOON)}
    assert set(found) == {"jumpcloud", "file"}
    poller = found["jumpcloud"]
    assert (poller.talks, poller.last) == (150, steady[-1])
    assert (poller.usual_gap, poller.repeated_gap) == (30 * MINUTE, 30 * MINUTE)
    assert (found["file"].talks, found["file"].days, found["file"].repeated_gap) == (3, 3, DAY)
    (blind,) = silent_sources(found.values(), steady[-1] + 3 * HOUR)
    assert blind.name == "jumpcloud"
    assert read_newest(any_trail.store, any_trail.organization, NOON) == NOON


@pytest.mark.store
def test_the_letters_of_the_last_hour_are_told_from_those_of_the_week_before(any_trail: Trail) -> None:
    ages = [DAY * 8, *[HOUR + MINUTE + DAY * (number % 6) for number in range(167)], 30 * MINUTE, 20 * MINUTE]
    rows = [
        (
            uuid4().bytes, any_trail.organization, "api:x", f"element {number}", "not_json", "not JSON",
            int((NOON - age).timestamp() * 1000), 10, "idtrail.dead-letters", 1, number, 0,
        )
        for number, age in enumerate(ages)
    ]  # fmt: skip
    any_trail.store.insert_arrow("dead_letters", batch(rows, DEAD_LETTERS_ARROW_SCHEMA), any_trail.organization)
    (rate,) = read_letter_rates(any_trail.store, any_trail.organization, NOON)
    assert rate == LetterRate(any_trail.organization, 2, NOON - 30 * MINUTE, 1.0)


@pytest.mark.store
def test_an_organization_without_events_has_no_habits(any_trail: Trail) -> None:
    assert read_habits(any_trail.store, any_trail.organization, NOON) == []
    assert read_letter_rates(any_trail.store, any_trail.organization, NOON) == []
    assert read_newest(any_trail.store, any_trail.organization, NOON) is None
