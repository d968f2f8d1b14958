"""When the trail itself is blind, and when that is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from queries.checks.blindness import Habit, LetterRate
from queries.checks.lag_watch import EXAMINED, STORED, LagWatch
from schemas.alerts import Detected
from streams.alerts.delivery.destinations import DELIVERY_FAILING
from streams.alerts.lookout.lookout import CONCERNS
from streams.alerts.lookout.pipeline import BEHIND, LETTERS, SILENT, UNEXAMINED, late, rises, silences, unexamined
from streams.alerts.lookout.sighting import changes
from streams.alerts.rule import TOLD_WITHOUT
from streams.lag import Lag
from tests.alerts.records import minute
from tests.records import NOON

DAY = timedelta(days=1)
LONG_AGO = NOON - DAY


def watched(*looks: tuple[float, int, int], done: str = STORED) -> LagWatch:
    """Looks at one partition: at which minute, its end, what is stored."""
    watch = LagWatch(done=done)
    for at, end, stored in looks:
        watch.look(minute(at), [Lag("events", 0, end, stored)])
    return watch


CRAWLING = [(number, 1000 + 10 * number, 500 + 10 * number) for number in range(12)]


@pytest.mark.parametrize(
    ("looks", "live", "seen"),
    [
        pytest.param([(0, 9, 9)], True, [], id="nothing waits"),
        pytest.param([(0, 9, 5)], True, None, id="a first look, after a restart, does not know"),
        pytest.param([(0, 9, 5), (1, 9, 5)], True, ["Nothing is stored"], id="nothing is stored for a minute"),
        pytest.param([(0, 9, 5), (1, 9, 5)], False, ["Nothing is stored"], id="nor of a backfill"),
        pytest.param(CRAWLING[:5], True, None, id="it gets on, five minutes late"),
        pytest.param(CRAWLING, True, ["The sink does not catch up with the log"], id="for ten minutes"),
        pytest.param(CRAWLING, False, None, id="for ten minutes, with a backfill"),
        pytest.param([*CRAWLING, (12, 1200, 1150)], True, [], id="it has caught up with what waited"),
    ],
)
def test_a_sink_is_behind(looks: list[tuple[float, int, int]], live: bool, seen: list[str] | None) -> None:
    found = late(watched(*looks), minute(20), live=live)
    assert (None if found is None else [sighting.title for sighting in found]) == seen


@pytest.mark.parametrize(
    ("looks", "seen"),
    [
        pytest.param([(0, 9, 9)], [], id="nothing waits"),
        pytest.param([(0, 9, 5)], None, id="a first look does not know"),
        pytest.param(
            [(0, 9, 5), (1, 9, 5)], ["Nothing of events[0] was examined by the rules since "], id="for a minute"
        ),
        pytest.param(CRAWLING, ["The rules have not caught up with what is stored for "], id="for ten minutes"),
    ],
)
def test_rules_are_behind(looks: list[tuple[float, int, int]], seen: list[str] | None) -> None:
    found = unexamined(watched(*looks, done=EXAMINED), minute(20))
    assert (found is None) == (seen is None)
    for sighting, begins in zip(found or [], seen or [], strict=True):
        assert sighting.found.startswith(begins)


def test_all_partitions_that_stand_still_are_one_alert_since_the_first_did() -> None:
    watch = LagWatch()
    watch.look(NOON, [Lag("events", 0, 9, 5), Lag("events", 1, 3, 3)])
    for at in (1, 2, 3):
        watch.look(minute(at), [Lag("events", 0, 9, 5), Lag("events", 1, 7, 3)])
    (sighting,) = late(watch, minute(3), live=True) or []
    assert (sighting.began, sighting.group, sighting.organization) == (NOON, {}, "")
    assert sighting.found.startswith(
        "Nothing of events[0, 1] was stored since 2026-03-19 12:00:00 UTC, while 8 records wait"
    )


def habit(silent: timedelta, **known: Any) -> Habit:
    usual = {"talks": 500, "days": 5, "usual_gap": timedelta(minutes=5), "repeated_gap": timedelta(minutes=6)}
    return Habit("acme", "jumpcloud", last=NOON - silent, **{**usual, **known})


def told(last: timedelta) -> list[Detected]:
    return changes(SILENT, {}, silences([habit(last)], [], NOON, LONG_AGO), NOON)


@pytest.mark.parametrize("since", [pytest.param(LONG_AGO, id="as ever"), pytest.param(NOON, id="after a restart")])
@pytest.mark.parametrize(
    ("now", "seen"),
    [
        pytest.param([habit(timedelta(hours=1))], ["jumpcloud"], id="still silent"),
        pytest.param([habit(timedelta(hours=1), days=2)], ["jumpcloud"], id="its habit is too weak by now"),
        pytest.param([], ["jumpcloud"], id="its habit is forgotten"),
        pytest.param([habit(timedelta(minutes=2))], [], id="it talks again"),
        pytest.param([habit(timedelta(minutes=2), days=2)], [], id="it talks again, without a habit"),
    ],
)
def test_a_silence_that_was_told_ends_with_the_next_event_alone(
    now: list[Habit], seen: list[str], since: datetime
) -> None:
    before = told(timedelta(hours=1))
    found = silences(now, before, NOON, since)
    assert [sighting.group["source"] for sighting in found] == seen
    known = {(alert.organization, tuple(alert.group.values())): alert for alert in before}
    assert len(changes(SILENT, known, found, NOON)) == (0 if seen else 1)


@pytest.mark.parametrize(
    "habits",
    [
        pytest.param([], id="a fresh install without a source"),
        pytest.param([habit(3 * DAY, days=1)], id="one import"),
        pytest.param([habit(timedelta(minutes=10))], id="as usual"),
    ],
)
def test_nobody_is_told_of_a_silence_without_a_habit(habits: list[Habit]) -> None:
    assert silences(habits, [], NOON, LONG_AGO) == []


@pytest.mark.parametrize(("minutes", "told"), [(14, False), (15, True)])
def test_a_trail_that_was_away_itself_gives_its_sources_a_quarter_of_an_hour(minutes: float, told: bool) -> None:
    assert bool(silences([habit(timedelta(hours=9))], [], NOON, minute(-minutes))) is told


def test_a_silence_says_since_when_and_how_that_differs() -> None:
    (alert,) = told(timedelta(hours=1))
    assert (alert.title, alert.first_at) == ("No event comes from jumpcloud any more", NOON - timedelta(hours=1))
    assert "No event from jumpcloud of organization acme for 60 min; its silences are usually" in alert.description
    assert (alert.events, alert.first_event, alert.last_event) == (0, None, None)


def test_dead_letters_that_rise_are_an_alert_an_organization() -> None:
    rates = [LetterRate("acme", 12, minute(-5), 0.0), LetterRate("", 90, minute(-9), 20.0), LetterRate("b", 3, NOON, 0)]
    found = rises(rates)
    assert [(one.organization, one.began, one.found) for one in found] == [
        ("acme", minute(-5), "12 in the last hour, usually 0.0."),
        ("", minute(-9), "90 in the last hour, usually 20.0."),
    ]
    assert len({alert.alert_id for alert in changes(LETTERS, {}, found, NOON)}) == 2


def test_the_names_of_the_concerns_stay() -> None:
    names = [concern.rule_id for concern in (BEHIND, UNEXAMINED, SILENT, LETTERS)]
    assert names == ["pipeline-behind", "pipeline-detection-behind", "pipeline-source-silent", "pipeline-dead-letters"]


def test_no_rule_can_have_the_id_of_an_alert_that_needs_none() -> None:
    assert {concern.rule_id for concern in CONCERNS} | {DELIVERY_FAILING} == TOLD_WITHOUT
