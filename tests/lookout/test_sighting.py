"""Alerts of what stands: opened once, left alone while it lasts, ended with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.alerts import Detected, Detection, Severity, State, standing
from schemas.kafka import KafkaConnection
from streams.alerts.lookout.memory import Memory
from streams.alerts.lookout.sighting import Concern, Sighting, changes, key_of, still
from tests.alerts.records import acted, detected, logged, minute
from tests.records import NOON

CONCERN = Concern("pipeline-quiet", Severity.HIGH, "", "", "Nothing comes.", "See why.")


def sighting(source: str = "jumpcloud", **fields: Any) -> Sighting:
    return Sighting("acme", {"source": source}, f"{source} is quiet", NOON - timedelta(hours=2), **fields)


class Log:
    """What was told, as the next look finds it on the log."""

    def __init__(self) -> None:
        self.records: list[Detected] = []

    def look(self, at: datetime, *seen: Sighting) -> list[Detected]:
        memory = Memory(KafkaConnection("nowhere"), "alerts", [CONCERN.rule_id])
        memory.take(logged(record) for record in self.records)
        made = changes(CONCERN, memory.last[CONCERN.rule_id], seen, at)
        self.records += made
        return made


def briefly(records: Iterable[Detected]) -> list[tuple[str, Detection, int]]:
    return [(record.group["source"], record.detection, record.episodes) for record in records]


def test_what_stands_is_told_once_and_ends_once() -> None:
    log = Log()
    (opened,) = log.look(NOON, sighting(found="Since ten."))
    assert (opened.opened_at, opened.first_at, opened.description) == (
        NOON, NOON - timedelta(hours=2), "Nothing comes. Since ten.",
    )  # fmt: skip
    assert log.look(minute(1), sighting(found="Since ten, and longer now.")) == []
    assert briefly(log.look(minute(2))) == [("jumpcloud", Detection.ENDED, 1)]
    assert log.records[-1].ended_at == minute(2)
    assert log.look(minute(3)) == []


def test_each_group_has_an_alert_of_its_own() -> None:
    log = Log()
    assert briefly(log.look(NOON, sighting("a"), sighting("b"))) == [
        ("a", Detection.OPEN, 1),
        ("b", Detection.OPEN, 1),
    ]
    assert briefly(log.look(minute(1), sighting("b"))) == [("a", Detection.ENDED, 1)]
    assert len({record.alert_id for record in log.records}) == 2


def test_the_same_day_is_the_same_alert_again_and_another_day_another() -> None:
    log = Log()
    (first,) = log.look(NOON, sighting())
    log.look(minute(1))
    (again,) = log.look(minute(60), sighting())
    assert (again.alert_id, again.episodes, again.opened_at, again.since) == (first.alert_id, 2, NOON, minute(60))
    log.look(minute(61))
    (later,) = log.look(NOON + timedelta(days=1), sighting())
    assert later.alert_id != first.alert_id
    assert (later.episodes, later.opened_at) == (1, NOON + timedelta(days=1))


def test_two_that_look_at_once_tell_the_same_alert() -> None:
    one, other = Log().look(NOON, sighting()), Log().look(minute(0.5), sighting())
    assert [each.alert_id for each in one] == [each.alert_id for each in other]
    assert briefly(one) == briefly(other)


def test_more_people_are_told_without_opening_anew() -> None:
    log = Log()
    log.look(NOON, sighting(people=("p1",)))
    (grown,) = log.look(minute(5), sighting(people=tuple(f"p{number}" for number in range(30))))
    assert (grown.people, len(grown.people_named), grown.episodes, grown.since) == (30, 20, 1, NOON)
    assert grown.last_at == minute(5)


def test_what_stands_without_news_tells_nothing() -> None:
    log = Log()
    (opened,) = log.look(NOON, sighting(people=tuple(f"p{number}" for number in range(30)), events=30))
    assert log.look(minute(5), still(opened)) == []
    assert briefly(log.look(minute(6))) == [("jumpcloud", Detection.ENDED, 1)]


@pytest.mark.parametrize(
    ("looks", "state"),
    [
        pytest.param([True, True], State.RESOLVED, id="by hand, and it goes on"),
        pytest.param([True, False, True], State.OPEN, id="by hand, then it ended and came again"),
        pytest.param([True, False], State.RESOLVED, id="by hand, and it ended"),
    ],
)
def test_what_somebody_resolved_opens_again_only_when_it_comes_again(looks: Sequence[bool], state: State) -> None:
    log = Log()
    for number, stands in enumerate(looks):
        log.look(minute(10 * number), *([sighting()] if stands else []))
    assert standing(log.records[-1], [acted("resolve", 5)], minute(60)).state is state


def test_what_others_write_on_the_topic_is_passed_over() -> None:
    memory = Memory(KafkaConnection("nowhere"), "alerts", [CONCERN.rule_id])
    mine = detected(rule_id=CONCERN.rule_id, group={"source": "a"})
    records = [logged(detected()), logged(mine), logged(acted("note", 1, rule_id=CONCERN.rule_id))]
    broken = logged(mine)
    memory.take([*records, type(broken)(b'{"rule_id":"pipeline-quiet"', broken.headers, 3)])
    assert memory.last == {CONCERN.rule_id: {key_of(mine): mine}}
