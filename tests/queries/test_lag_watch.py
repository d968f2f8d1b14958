"""Whether the sink gets on, from several looks at its lag."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import pytest

from queries.checks.lag_watch import LagWatch, Stall
from tests.records import NOON


class Place(NamedTuple):
    topic: str
    partition: int
    end: int
    stored: int


def _watched(*looks: tuple[int, int, int]) -> LagWatch:
    """Looks at one partition: at which second, its end, what is stored."""
    watch = LagWatch(stuck_after=timedelta(seconds=60), behind_after=timedelta(seconds=600))
    for second, end, stored in looks:
        watch.look(NOON + timedelta(seconds=second), [Place("events", 0, end, stored)])
    return watch


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([(0, 10, 10), (90, 10, 10)], id="nothing to store"),
        pytest.param([(0, 10, 5), (30, 20, 5)], id="not for long enough"),
        pytest.param([(0, 10, 5), (90, 20, 6)], id="slow, but it gets on"),
        pytest.param([(0, 10, 10), (90, 500, 10)], id="idle until just now"),
        pytest.param([(0, 10, 5), (50, 10, 10), (90, 20, 10)], id="caught up in between"),
        pytest.param([(90, 10, 5)], id="a single look"),
    ],
)
def test_a_sink_that_gets_on_is_not_stuck(looks: list[tuple[int, int, int]]) -> None:
    assert _watched(*looks).stalls() == []


def test_lag_that_grows_while_nothing_is_stored_is_a_stall_from_its_first_look() -> None:
    (stall,) = _watched((0, 10, 5), (30, 20, 5), (60, 40, 5)).stalls()
    assert (stall.since, stall.waiting, stall.growing) == (NOON, 35, True)
    assert "events[0] was stored since 2026-" in str(stall)
    assert "more come in" in str(stall)


def test_records_that_wait_without_more_coming_are_a_stall_too() -> None:
    (stall,) = _watched((0, 10, 5), (60, 10, 5)).stalls()
    assert not stall.growing
    assert "more come in" not in str(stall)


def test_a_stall_ends_with_the_first_commit() -> None:
    watch = _watched((0, 10, 5), (60, 20, 5), (61, 20, 6))
    assert watch.stalls() == []


def test_a_dead_sink_is_noticed_although_the_clock_was_set_back_by_an_hour() -> None:
    assert _watched((3600, 10, 5), (0, 20, 5), (30, 30, 5)).stalls() == []
    (stall,) = _watched((3600, 10, 5), (0, 20, 5), (30, 30, 5), (60, 40, 5)).stalls()
    assert (stall.since, stall.waiting) == (NOON, 35)


def test_a_clock_that_was_set_an_hour_forward_makes_no_stall() -> None:
    watch = _watched((0, 10, 5), (3600, 20, 5), (3630, 30, 5))
    assert watch.stalls() == []
    assert watch.late() is None


def test_one_partition_that_is_stuck_is_not_hidden_by_another_that_gets_on() -> None:
    watch = LagWatch()
    for second in (0, 70):
        watch.look(NOON + timedelta(seconds=second), [Place("e", 0, 100 + second, 90 + second), Place("e", 1, 9, 3)])
    (stall,) = watch.stalls()
    assert (stall.partitions, stall.waiting) == ((1,), 6)


def test_the_partitions_of_a_topic_are_told_together() -> None:
    watch = LagWatch()
    for second in (0, 30, 70, 100):
        looked = [Place("a", 0, 9, 0 if second else 1), Place("b", 3, 7, 1), Place("b", 0, 5 + second, 2)]
        watch.look(NOON + timedelta(seconds=second), looked)

    assert watch.stalls() == [
        Stall("b", (0, 3), NOON, 109, True),
        Stall("a", (0,), NOON + timedelta(seconds=30), 9, False),
    ]
    assert str(watch.stalls()[0]).startswith("nothing of b[0, 3] was stored since 2026-03-19 12:00:00 UTC, while 109 ")


def test_a_sink_that_never_catches_up_is_behind_from_when_it_last_had() -> None:
    looks = [(second, 1000 + second, 900 + second) for second in range(0, 660, 60)]
    assert _watched((-60, 5, 5), *looks[:-1]).behind() is None
    watch = _watched((-60, 5, 5), *looks)
    assert watch.behind() == (NOON, 100)
    watch.look(NOON + timedelta(seconds=601), [Place("events", 0, 9, 9)])
    assert watch.behind() is None


def test_a_busy_sink_that_stores_within_the_minute_is_never_behind() -> None:
    looks = [(second, 1000 + 50 * second, 990 + 50 * second) for second in range(0, 1200, 30)]
    watch = _watched(*looks)
    assert watch.late() is False
    assert watch.behind() is None


@pytest.mark.parametrize(
    ("looks", "late"),
    [
        pytest.param([], None, id="never looked at"),
        pytest.param([(0, 10, 10)], False, id="nothing waits"),
        pytest.param([(0, 10, 5)], None, id="a first look at what waits"),
        pytest.param([(0, 10, 5), (30, 10, 5)], None, id="half a minute"),
        pytest.param([(0, 10, 5), (30, 90, 8), (60, 99, 9)], True, id="of a minute ago some waits"),
        pytest.param([(0, 10, 5), (30, 90, 8), (60, 99, 10)], False, id="of a minute ago none waits"),
        pytest.param([(0, 10, 5), (60, 99, 9), (90, 99, 99)], False, id="caught up"),
    ],
)
def test_late_is_what_has_waited_for_a_minute(looks: list[tuple[int, int, int]], late: bool | None) -> None:
    assert _watched(*looks).late() is late
