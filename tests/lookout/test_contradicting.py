"""Copies that contradict: found whatever their order, and told from copies that only say less."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from queries.contradictions import Several
from queries.store import Store
from schemas.alerts import Detected, Detection
from streams.alerts.lookout import contradicting
from streams.alerts.lookout.contradicting import CONFLICTING, Contradicting, conflicts
from streams.alerts.lookout.sighting import Sighting, changes, key_of
from tests.alerts.records import minute
from tests.queries.support import EXPORT, INGEST, TENANT, Trail, attempt, when
from tests.records import NOON, Record

DAY = timedelta(hours=24)


def copies(trail: Trail, *changed: dict[str, Any], minutes: float = 0, event_id: str = "e1") -> list[Record]:
    """Of one event, as a poller, an export and anybody bring it."""
    sources = (TENANT, EXPORT, INGEST)
    raw = attempt(minutes, id=event_id)
    return [trail.log({**raw, **more}, sources[number % 3]) for number, more in enumerate(changed)]


def seen(trail: Trail, now: datetime, told: Sequence[Detected] = ()) -> list[Sighting]:
    found = Contradicting(trail.store, DAY).look(told, now)
    return [sighting for sighting in found if sighting.organization == trail.organization]


@pytest.mark.store
@pytest.mark.parametrize(
    ("changed", "events"),
    [
        pytest.param([{}, {"success": False}], 1, id="another outcome"),
        pytest.param([{}, {"success": False}, {"error_message": "no"}], 1, id="three copies are one event"),
        pytest.param([{}, {"error_message": "no"}], 0, id="one says more"),
        pytest.param([{}, {}, {}], 0, id="repeats"),
        pytest.param([{}], 0, id="one copy"),
    ],
)
def test_events_are_counted_of_which_copies_contradict(
    any_trail: Trail, changed: list[dict[str, Any]], events: int
) -> None:
    any_trail.insert(*copies(any_trail, *changed))
    assert [sighting.events for sighting in seen(any_trail, when(60))] == [events] * bool(events)


@pytest.mark.store
def test_the_order_of_arrival_and_redelivery_change_nothing(shared_store: Store) -> None:
    """Every order in an organization of its own, and in it the other way round afterwards."""
    trails = [Trail(shared_store, uuid4().hex[:24]) for _ in permutations(range(3))]
    orders = [
        [copies(trail, {}, {"error_message": "no"}, {"success": False})[place] for place in order]
        for trail, order in zip(trails, permutations(range(3)), strict=True)
    ]

    def told() -> list[list[tuple[int, Sequence[str]]]]:
        return [[(one.events, one.people) for one in seen(trail, when(60))] for trail in trails]

    for block in zip(*orders, strict=True):
        trails[0].insert(*block)
    assert told() == [[(1, ("63ec9bba89a64e507ce0a4c2",))]] * len(trails)
    for block in zip(*(order[::-1] for order in orders), strict=True):
        trails[0].insert(*block)
    assert told() == [[(1, ("63ec9bba89a64e507ce0a4c2",))]] * len(trails)


@pytest.mark.store
def test_one_alert_an_organization_as_long_as_any_of_the_last_day_contradict(any_trail: Trail) -> None:
    asker = Contradicting(any_trail.store, DAY)

    def look(told: Sequence[Detected], now: datetime) -> list[Detected]:
        mine = [one for one in asker.look(told, now) if one.organization == any_trail.organization]
        return changes(CONFLICTING, {key_of(alert): alert for alert in told}, mine, now)

    assert look([], when(1)) == []
    any_trail.insert(*copies(any_trail, {}, {"success": False}))
    (opened,) = look([], when(5))
    assert (opened.events, opened.detection, opened.first_at) == (1, Detection.OPEN, NOON)
    assert look([opened], when(6)) == []
    any_trail.insert(*copies(any_trail, {}, {"success": False}, minutes=60, event_id="e2"))
    (grown,) = look([opened], when(65))
    assert (grown.alert_id, grown.events) == (opened.alert_id, 2)
    assert look([grown], when(30) + DAY) == [], "one of two is older than a day"
    (ended,) = look([grown], when(61) + DAY)
    assert (ended.alert_id, ended.detection) == (opened.alert_id, Detection.ENDED)


@pytest.mark.store
def test_a_better_route_of_a_known_copy_is_judged_anew(any_trail: Trail) -> None:
    raw = attempt(0, id="e1")
    less = {name: value for name, value in raw.items() if name != "success"}
    asker = Contradicting(any_trail.store, DAY)

    def look() -> int:
        mine = [one for one in asker.look([], when(60)) if one.organization == any_trail.organization]
        return sum(one.events for one in mine)

    any_trail.insert(
        any_trail.log(less, EXPORT), any_trail.log(raw, INGEST), any_trail.log({**raw, "success": False}, INGEST)
    )
    assert look() == 0, "neither contradicts the one in force, which says nothing of it"
    any_trail.insert(any_trail.log(raw, TENANT))
    assert look() == 1


@pytest.mark.store
def test_what_is_too_much_for_one_look_is_judged_at_the_next(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contradicting, "JUDGED_AT_ONCE", 1)
    trail.insert(*(one for n in range(3) for one in copies(trail, {}, {"success": False}, event_id=f"e{n}")))
    asker = Contradicting(trail.store, timedelta(minutes=90))
    asked: list[int] = []
    while not asked or asked[-1] < 3:
        mine = [one for one in asker.look([], when(60)) if one.organization == trail.organization]
        asked.append(sum(one.events for one in mine))
        assert len(asked) < 500
    assert asked == sorted(asked)


def several(number: int) -> Several:
    return Several("acme", f"{number:032x}", (2, 1), minute(-number), f"p{number}", "app")


@pytest.mark.parametrize(
    ("count", "whole", "stands"),
    [
        pytest.param(3, True, True, id="as many"),
        pytest.param(1, True, True, id="fewer"),
        pytest.param(0, False, True, id="none yet, and not all was looked at"),
        pytest.param(0, True, False, id="none"),
    ],
)
def test_what_was_told_ends_only_when_all_was_looked_at(count: int, whole: bool, stands: bool) -> None:
    (opened,) = changes(CONFLICTING, {}, conflicts([several(n) for n in range(3)], [], whole=True), NOON)
    found = conflicts([several(n) for n in range(count)], [opened], whole=whole)
    made = changes(CONFLICTING, {key_of(opened): opened}, found, minute(5))
    assert [record.detection for record in made] == ([] if stands else [Detection.ENDED])
