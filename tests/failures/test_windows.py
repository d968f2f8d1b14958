"""The fold is a function of the set of copies; the windows kept as events come are the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import TRUST_STEP
from streams.minute import Minute
from streams.windows import Copy, Unit, Window, fold, in_inserts, unit_of

UNIT = Unit("acme", 1_773_921_600)


def copy(
    event: int = 1,
    fingerprint: int = 0,
    *,
    trust: int = 3,
    known: int = 1,
    occurred: int = 0,
    application: str = "statsig",
    name: str = "Statsig",
    cause: str = "",
    subject: str = "ines",
) -> Copy:
    return Copy(
        event.to_bytes(16, "big"),
        fingerprint.to_bytes(16, "big"),
        trust * TRUST_STEP - known,
        UNIT.minute * 1_000_000 + occurred,
        "user_update_provision",
        application,
        name,
        cause,
        bool(cause),
        subject,
    )


facts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "occurred": st.integers(0, 3),
        "application": st.sampled_from(["statsig", "github"]),
        "name": st.sampled_from(["Statsig", "Statsig 2"]),
        "cause": st.sampled_from(["", "conflict", "credentials"]),
        "subject": st.sampled_from(["", "ines", "tom"]),
    }
)


@st.composite
def arrivals(draw: st.DrawFn, most: int = 25) -> list[Copy]:
    """Copies in the order of their arrival. Those of one fingerprint have the same facts."""
    told = draw(st.lists(facts, min_size=18, max_size=18))
    return [
        copy(event, fingerprint, trust=trust, known=known, **told[event * 3 + fingerprint])
        for event, fingerprint, trust, known in draw(
            st.lists(
                st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(1, 5), st.integers(1, 3)), max_size=most
            )
        )
    ]


@given(arrivals(), st.data())
def test_neither_order_nor_repeats_nor_the_way_a_set_was_put_together_change_the_windows(
    some: list[Copy], data: st.DataObject
) -> None:
    expected = fold(UNIT, some)
    assert fold(UNIT, data.draw(st.permutations(some))) == expected
    assert fold(UNIT, some + some[: data.draw(st.integers(0, len(some)))]) == expected


@given(arrivals(), st.data())
def test_windows_kept_as_events_come_are_those_of_the_fold(some: list[Copy], data: st.DataObject) -> None:
    minute = Minute(UNIT)
    kept: dict[tuple[str, str, str], Window] = {}
    for number, each in enumerate(some):
        minute.add(each)
        if data.draw(st.booleans()):
            kept.update({place_of(window): window for window in minute.changed()})
            assert [kept[place] for place in sorted(kept)] == fold(UNIT, some[: number + 1])


@given(arrivals())
def test_a_repeat_has_its_windows_written_again(some: list[Copy]) -> None:
    minute = Minute(UNIT)
    for each in some:
        minute.add(each)
    minute.changed()
    for each in some:
        minute.add(each)
    assert minute.changed() == fold(UNIT, some)


@given(arrivals(most=15))
def test_whoever_knows_more_wins_wherever_the_windows_differ(some: list[Copy]) -> None:
    *fewer, one_more = some or [copy()]
    trust = one_more.version // TRUST_STEP
    if any(known[:2] == one_more[:2] and known.version // TRUST_STEP == trust for known in fewer):
        return  # the append time of a copy is that of its first delivery: no second one is earlier
    before = {place_of(window): window for window in fold(UNIT, fewer)}
    after = {place_of(window): window for window in fold(UNIT, some or [copy()])}
    assert before.keys() <= after.keys()
    for place, window in before.items():
        assert after[place] == window or after[place].seen > window.seen


def place_of(window: Window) -> tuple[str, str, str]:
    return window.application_id, window.event_type, window.cause


@pytest.mark.parametrize(
    ("some", "expected"),
    [
        pytest.param([copy(1), copy(2)], {"": (2, 0, 0)}, id="what did not fail has a window without a cause"),
        pytest.param(
            [copy(1, cause="conflict"), copy(2, cause="conflict")], {"conflict": (2, 2, 1)}, id="one subject twice"
        ),
        pytest.param(
            [copy(1, cause="conflict"), copy(2, cause="conflict", subject="")],
            {"conflict": (2, 2, 1)},
            id="a failure of nobody known is no subject",
        ),
        pytest.param(
            [copy(1, cause="conflict"), copy(1, cause="conflict")], {"conflict": (1, 1, 1)}, id="a repeat counts once"
        ),
        pytest.param(
            [copy(1, 0, trust=2, cause="conflict"), copy(1, 1, trust=3)],
            {"conflict": (0, 0, 0), "": (1, 0, 0)},
            id="a better copy empties the window of the worse, which keeps a row",
        ),
        pytest.param(
            [copy(1, 0, known=1, cause="conflict"), copy(1, 1, known=2)],
            {"conflict": (1, 1, 1), "": (0, 0, 0)},
            id="of equal trust the first known is in force",
        ),
        pytest.param(
            [copy(1, 0, trust=2), copy(1, 1, trust=3, cause="conflict"), copy(1, 0, trust=5)],
            {"conflict": (0, 0, 0), "": (1, 0, 0)},
            id="a worse copy that comes again by a better route is in force",
        ),
    ],
)
def test_windows_count_each_event_where_its_copy_in_force_falls(
    some: Sequence[Copy], expected: dict[str, tuple[int, int, int]]
) -> None:
    found = {window.cause: (window.attempts, window.failures, window.subjects) for window in fold(UNIT, some)}
    assert found == expected


def test_first_and_last_are_by_time_and_then_by_id() -> None:
    (window,) = fold(UNIT, [copy(3, occurred=5), copy(2, occurred=9), copy(1, occurred=5), copy(7, occurred=9)])
    assert (window.first_event[-1], window.last_event[-1]) == (1, 7)
    assert (window.first_at, window.last_at) == (UNIT.minute * 1_000_000 + 5, UNIT.minute * 1_000_000 + 9)


def test_a_unit_is_the_minute_that_holds_the_time() -> None:
    assert unit_of("acme", (UNIT.minute + 59) * 1_000_000 + 999_999) == UNIT
    assert unit_of("acme", (UNIT.minute + 60) * 1_000_000) == Unit("acme", UNIT.minute + 60)


def test_windows_of_many_years_go_in_more_inserts_than_one() -> None:
    month = 31 * 86_400
    windows = [window for number in range(120) for window in fold(Unit("acme", number * month), [copy()])]
    pieces = list(in_inserts(windows[::-1]))
    assert [len(piece) for piece in pieces] == [50, 50, 20]
    assert [window.window_start for piece in pieces for window in piece] == sorted(w.window_start for w in windows)
