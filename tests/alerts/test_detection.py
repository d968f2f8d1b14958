"""Detection in order: what is over is forgotten and changes nothing, and what has no end is left out and told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.alert import Alert
from streams.alerts.detection import Detector, LeftOut
from streams.alerts.index import Rules
from streams.alerts.seen import Seen
from tests.alerts.test_live import MINUTE, START, WORKED, rule, seen

BY_PERSON: dict[str, Any] = {"group_by": ["subject_id"], "dedup": "1h"}
EVERY_KIND = Rules(
    [
        rule("each", kind="match", quiet="10m", **BY_PERSON),
        rule("until", kind="match", until=WORKED, **BY_PERSON),
        rule("many", kind="threshold", threshold=2, window="10m", **BY_PERSON),
        rule("different", kind="distinct", threshold=2, of="event_type", window="10m", **BY_PERSON),
        rule("part", kind="ratio", match={"kind": ["user"]}, ratio=0.5, minimum=2, window="10m", **BY_PERSON),
        rule("then", kind="sequence", window="10m", then=WORKED, **BY_PERSON),
        rule("unanswered", kind="absence", window="20m", then=WORKED, **BY_PERSON),
        rule("first", kind="new", of="event_type", learn="10m", **BY_PERSON),
        rule("silent", kind="silence", window="20m", **BY_PERSON),
        rule("mass", kind="mass", threshold=1, **BY_PERSON),
    ]
)
MINUTES = 600
LATER = START + 2 * MINUTES * MINUTE


def found(events: list[Seen]) -> tuple[list[Alert], dict[str, LeftOut]]:
    detector = Detector(EVERY_KIND)
    for one in sorted(events, key=lambda one: (one.at, one.event_id)):
        detector.feed(one)
    return detector.alerts(LATER), detector.left_out()


def outcomes(minutes: list[int], outcomes: list[str], people: list[str]) -> list[Seen]:
    return [
        seen(minute, number, outcome, person)
        for number, (minute, outcome, person) in enumerate(zip(minutes, outcomes, people, strict=True))
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[Seen]:
    count = draw(st.integers(0, 60))
    minutes = draw(st.lists(st.integers(0, MINUTES), min_size=count, max_size=count))
    came = draw(st.lists(st.sampled_from(["failure", "failure", "success"]), min_size=count, max_size=count))
    people = draw(st.lists(st.sampled_from(["ann", "bob", "cy"]), min_size=count, max_size=count))
    return outcomes(minutes, came, people)


@given(histories())
@settings(max_examples=200, deadline=None)
def test_forgetting_what_is_over_changes_no_alert(events: list[Seen]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kept = found(events)
        patch.setattr("streams.alerts.detection.LOOK_AT", 0)
        patch.setattr("streams.alerts.detection.HELD", 1)
        assert found(events) == kept


def test_groups_that_are_over_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.alerts.detection.LOOK_AT", 10)
    detector = Detector(Rules([rule("each", kind="match", quiet="10m", **BY_PERSON)]))
    held = []
    for number in range(500):
        detector.feed(seen(30 * number, number, "failure", f"p{number}"))
        ((_, followed),) = detector._followed.items()
        held.append(len(followed._folds))
    assert max(held) <= 2 * 10 + 2
    assert len(detector.alerts(START + 500 * 30 * MINUTE)) == 500
    assert detector.left_out() == {}


@pytest.mark.parametrize(
    ("people", "alerts", "left_out"),
    [
        pytest.param(6, 6, {}, id="as many as are held"),
        pytest.param(8, 6, {"each": LeftOut(4, 0)}, id="two groups too many"),
    ],
)
def test_too_many_groups_at_a_time_are_left_out_and_told(
    people: int, alerts: int, left_out: dict[str, LeftOut], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.alerts.detection.MOST_GROUPS", 3)
    detector = Detector(Rules([rule("each", kind="match", **BY_PERSON)]))
    for number in range(2 * people):
        detector.feed(seen(number, number, "failure", f"p{number % people}"))
    assert len(detector.alerts(LATER)) == alerts
    assert detector.left_out() == left_out


def test_however_many_come_in_all_none_is_left_out_that_has_room_at_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.alerts.detection.MOST_GROUPS", 5)
    monkeypatch.setattr("streams.alerts.detection.LOOK_AT", 3)
    detector = Detector(Rules([rule("each", kind="match", **BY_PERSON)]))
    for day in range(20):
        for number in range(5):
            detector.feed(seen(day * 24 * 60 + number, 10 * day + number, "failure", f"p{day}-{number}"))
    assert len(detector.alerts(START + 21 * 24 * 60 * MINUTE)) == 100
    assert detector.left_out() == {}


def test_too_many_alerts_are_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.alerts.detection.MOST_ALERTS", 20)
    detector = Detector(Rules([rule("each", kind="match", quiet="10m", **BY_PERSON)]))
    for number in range(30):
        detector.feed(seen(120 * number, number, "failure"))
    assert [alert.opened_at for alert in detector.alerts(LATER * 2)] == [START + 120 * n * MINUTE for n in range(20)]
    assert detector.left_out() == {"each": LeftOut(0, 10)}
