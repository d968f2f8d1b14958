"""Lanes from a table of steps: what the account was meant and confirmed to be, and what happened."""

from __future__ import annotations

from datetime import timedelta

import pytest

from idtrail.lifecycle_lanes import Mark, Stretch, heaped, lanes, stretches
from queries.accounts.folding import Row
from tests.lifecycle.sample import DAY, NOW, after, answer_of, leaver, suspended
from tests.queries.test_lifecycle import row

END = 100


def states(rows: list[Row], since: float = 0) -> list[tuple[float, str, str, bool]]:
    """From which minute on: meant, confirmed, and whether these differ."""
    (account,) = answer_of(rows)["accounts"]
    found = stretches(account, after(since), after(END))
    assert [stretch.until for stretch in found] == [*(stretch.since for stretch in found[1:]), after(END)]
    return [
        ((stretch.since - after(0)) / timedelta(minutes=1), stretch.intended, stretch.confirmed, stretch.differs)
        for stretch in found
    ]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        pytest.param(
            [row(1, 10, "active", "success")],
            [(0, "absent", "absent", False), (10, "active", "active", False)],
            id="made",
        ),
        pytest.param(
            [row(1, 0, "active", "failure"), row(2, 10, "active", "success")],
            [(0, "active", "absent", True), (10, "active", "active", False)],
            id="made at the second try",
        ),
        pytest.param(
            [row(1, 0, "active", "success"), row(2, 10, "inactive", "failure"), row(3, 30, "inactive", "success")],
            [(0, "active", "active", False), (10, "inactive", "active", True), (30, "inactive", "inactive", False)],
            id="closed at the second try",
        ),
        pytest.param(
            [row(1, 0, "active", "success"), suspended(2, 5), row(3, 10, "inactive", "reported_absent")],
            [
                (0, "active", "active", False),
                (5, "inactive", "active", True),
                (10, "inactive", "reported_absent", False),
            ],
            id="not there when it was to be closed",
        ),
        pytest.param(
            [row(1, 0, "active", "success"), row(2, 5, "inactive", "success"), row(3, 50, "deleted", "failure")],
            [(0, "active", "active", False), (5, "inactive", "inactive", False), (50, "deleted", "inactive", False)],
            id="closed, though not deleted",
        ),
        pytest.param([row(1, 200, "active", "success")], [(0, "absent", "absent", False)], id="after the end"),
    ],
)  # fmt: skip
def test_stretches_are_what_was_meant_and_confirmed_without_gaps(
    rows: list[Row], told: list[tuple[float, str, str, bool]]
) -> None:
    assert states(rows) == told


def test_a_range_that_begins_later_begins_with_the_state_of_then() -> None:
    rows = [row(1, 0, "active", "success"), row(2, 10, "inactive", "failure")]
    assert states(rows, since=5) == [(5, "active", "active", False), (10, "inactive", "active", True)]
    assert states(rows, since=50) == [(50, "inactive", "active", True)]


def test_the_lanes_of_a_leaver() -> None:
    drawn = lanes(answer_of(leaver()), NOW)
    assert drawn is not None
    assert (drawn.since, drawn.until) == (after(0), NOW)
    assert [(mark.what, mark.act) for mark in drawn.directory] == [("changed jobTitle", ""), ("suspended", "suspended")]
    statsig, slack = drawn.lanes
    assert (statsig.application, statsig.standing, slack.application, slack.standing) == (
        "statsig",
        "OPEN",
        "slack",
        "closed",
    )
    assert statsig.stretches[-1] == Stretch(after(DAY), NOW, "inactive", "active")
    assert [mark.outcome for mark in statsig.marks] == ["success", "success", "sign_in", *["failure"] * 6]


def test_nothing_with_a_believable_time_has_no_lanes() -> None:
    assert lanes(answer_of([row(1, 0, "active", "success", time_quality="future")]), NOW) is None
    assert lanes(answer_of([]), NOW) is None


def test_marks_that_would_lie_on_one_another_are_heaps_of_one_kind() -> None:
    marks = [Mark(after(minute), outcome, "") for minute in (0, 3, 11) for outcome in ("failure", "success")]
    heaps = heaped(marks, timedelta(minutes=10))
    assert [(heap[0].outcome, len(heap)) for heap in heaps] == [
        ("failure", 2),
        ("success", 2),
        ("failure", 1),
        ("success", 1),
    ]
