"""The page on integrations says what the code does: its table of transitions is played."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pages.integration_page import ORDER, STEPS, integration_page
from queries.integrations.health import MEANINGS, State, fold
from queries.integrations.token_lifetimes import CATALOGUE
from queries.integrations.trouble import Mark
from tests.queries.test_integration_health import DAY, at, bad, change, good, refused

_FAILING: list[Mark] = [bad(1), bad(2), bad(3)]
_VAIN: list[Mark] = [*_FAILING, refused(4)]
_MENDED: list[Mark] = [*_FAILING, change(4, "reauth")]
_RECOVERED: list[Mark] = [*_MENDED, good(5)]

PLAYED: dict[tuple[str, str], tuple[list[Mark], list[Mark], float]] = {
    ("silent", "an attempt is accepted"): ([], [good(9)], 9),
    ("healthy", "an attempt is refused"): ([good(1)], [bad(9)], 9),
    ("degrading", "refused 3 times in a row"): ([bad(1)], [bad(2), bad(3)], 9),
    ("degrading", "accepted after the first trouble of a day"): ([bad(1)], [good(9)], 9),
    ("degrading", "successfully re-authorised"): ([bad(1)], [change(9, "reauth")], 9),
    ("failing", "re-authorised, and the new credentials themselves are refused"): (_FAILING, [refused(9)], 9),
    ("failing", "successfully re-authorised"): (_FAILING, [change(9, "reauth")], 9),
    ("reauthorised", "an attempt is refused"): (_MENDED, [bad(9)], 9),
    ("reauthorised", "an attempt is accepted"): (_MENDED, [good(9)], 9),
    ("still_failing", "successfully re-authorised"): (_VAIN, [change(9, "reauth")], 9),
    ("still_failing", "an attempt is accepted"): (_VAIN, [good(9)], 9),
    ("failing", "an attempt is accepted"): (_FAILING, [good(9)], 9),
    ("recovered", "an attempt is refused"): (_RECOVERED, [bad(9)], 9),
    ("recovered", "accepted 7 days or more after the trouble"): (_RECOVERED, [good(7 * DAY + 6)], 7 * DAY + 6),
    ("healthy", "nothing is accepted or refused for 7 days"): ([good(1)], [], 7 * DAY + 2),
    ("failing", "the integration is deleted"): (_FAILING, [change(9, "delete")], 9),
    ("healthy", "the integration is deleted"): ([good(1)], [change(9, "delete")], 9),
    ("deactivated", "an attempt is accepted more than an hour later"): (
        [good(1), change(4, "delete")],
        [good(65)],
        65,
    ),
}


@pytest.mark.parametrize(("before", "event", "after"), STEPS, ids=[f"{step[0]}, {step[1]}" for step in STEPS])
def test_each_transition_of_the_page_happens(before: str, event: str, after: str) -> None:
    marks, more, minutes = PLAYED[before, event]
    assert fold(marks, "", at(8)).state == before
    assert fold([*marks, *more], "", at(minutes)).state == after


def test_every_transition_that_is_played_is_on_the_page() -> None:
    assert set(PLAYED) == {(before, event) for before, event, _ in STEPS}


def test_every_state_and_every_vendor_is_on_the_page() -> None:
    page = integration_page()
    assert set(ORDER) == set(State)
    for state in State:
        assert f"| `{state}` | {MEANINGS[state]} |" in page
    for known in CATALOGUE:
        assert f"| {known.vendor} | {known.lasts // timedelta(days=1)} days |" in page
        assert not known.source or known.source.startswith("https://")
