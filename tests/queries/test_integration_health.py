"""States, troubles and forecasts of credentials: a table of what happened and what must be said of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.integrations.expiry import Basis
from queries.integrations.health import RECENT, State, fold
from queries.integrations.token_lifetimes import CATALOGUE, lifetime_of
from queries.integrations.trouble import SILENCE, Attempts, ConfigurationChange, End, Mark, Place
from tests.records import NOON

HOUR, DAY = 60, 24 * 60
EXPIRED = "Unauthorized: the access token expired"


def place(minutes: float, number: int = 0) -> Place:
    return Place(NOON + timedelta(minutes=minutes), UUID(int=number or int(minutes * 1000) + 10**12))


def good(minutes: float) -> Attempts:
    return Attempts(place(minutes), place(minutes), accepted=True)


def bad(minutes: float, detail: str = EXPIRED) -> Attempts:
    return Attempts(place(minutes), place(minutes), accepted=False, detail=detail)


def change(
    minutes: float, action: str, outcome: str = "success", cause: str = "", *, replaced: bool = False
) -> ConfigurationChange:
    return ConfigurationChange(
        place(minutes), f"idm_integration_{action}", action, outcome, cause, "ada", EXPIRED * bool(cause), replaced
    )


def refused(minutes: float, action: str = "reauth") -> ConfigurationChange:
    return change(minutes, action, "failure", "credentials")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


STEPS = [
    pytest.param([], 0, State.SILENT, None, id="nothing ever"),
    pytest.param([change(0, "activate")], 5, State.SILENT, 0, id="activated, never used"),
    pytest.param([good(0), good(7)], 60, State.HEALTHY, 0, id="accepted"),
    pytest.param([good(0)], SILENCE // timedelta(minutes=1), State.HEALTHY, 0, id="accepted, and just not silent yet"),
    pytest.param([good(0), good(5)], 8 * DAY, State.SILENT, 5, id="nothing for over a week"),
    pytest.param([good(0), good(8 * DAY), good(9 * DAY)], 9 * DAY, State.HEALTHY, 8 * DAY, id="again after a silence"),
    pytest.param(
        [good(0), change(8 * DAY, "reauth")], 9 * DAY, State.SILENT, 8 * DAY, id="new credentials, not tried yet"
    ),
    pytest.param([good(0), bad(5)], 6, State.DEGRADING, 5, id="one refusal"),
    pytest.param([good(0), bad(5), bad(6)], 7, State.DEGRADING, 5, id="two in a row"),
    pytest.param([good(0), bad(5), bad(6), bad(7)], 8, State.FAILING, 5, id="three in a row"),
    pytest.param([bad(5), bad(6), bad(7)], 9 * DAY, State.FAILING, 5, id="failing does not turn silent"),
    pytest.param([bad(1), refused(4)], 5, State.STILL_FAILING, 4, id="new credentials were refused"),
    pytest.param(
        [bad(1), bad(2), bad(3), change(4, "reauth"), bad(5)], 6, State.STILL_FAILING, 5, id="refused after a reauth"
    ),
    pytest.param(
        [bad(1), change(4, "reauth"), bad(5), refused(6), bad(7)], 8, State.STILL_FAILING, 5, id="refused ever since"
    ),
    pytest.param(
        [bad(1), change(4, "reauth"), bad(5), change(6, "reauth"), bad(7)],
        8,
        State.STILL_FAILING,
        7,
        id="refused after the second reauth too",
    ),
    pytest.param(
        [bad(1), refused(2), good(3), bad(4)], 5, State.DEGRADING, 4, id="the new credentials of an earlier trouble"
    ),
    pytest.param(
        [bad(1), change(4, "reauth"), change(6, "reauth")], 7, State.REAUTHORISED, 4, id="twice, nothing tried since"
    ),
    pytest.param(
        [bad(1), change(4, "reauth"), bad(5), change(6, "reauth")], 7, State.REAUTHORISED, 6, id="nothing tried since"
    ),
    pytest.param([bad(1), change(4, "activate")], 7, State.REAUTHORISED, 4, id="activated anew counts as well"),
    pytest.param([bad(1), change(4, "update"), bad(5), bad(6)], 7, State.FAILING, 1, id="a mapping is no credential"),
    pytest.param(
        [bad(1), bad(2), bad(3), change(4, "reauth", "failure", "network")], 5, State.FAILING, 1, id="a reauth got lost"
    ),
    pytest.param([refused(4)], 5, State.DEGRADING, 4, id="refused credentials alone are one refusal"),
    pytest.param([refused(4), good(6)], 7, State.RECOVERED, 6, id="the old ones went on working"),
    pytest.param([bad(1), bad(2), bad(3), change(4, "reauth"), good(5)], 6, State.RECOVERED, 5, id="mended"),
    pytest.param([bad(1), good(5)], DAY, State.RECOVERED, 5, id="one trouble that ended by itself"),
    pytest.param([bad(1), good(2), bad(3), good(4)], 5, State.DEGRADING, 1, id="by turns"),
    pytest.param([bad(1), good(2), bad(3), good(4)], 26 * HOUR, State.RECOVERED, 4, id="by turns, over a day ago"),
    pytest.param(
        [bad(1), good(2), bad(3), change(4, "reauth"), good(5)],
        6,
        State.RECOVERED,
        5,
        id="by turns until re-authorised",
    ),
    pytest.param(
        [bad(1), good(5), good(4 * DAY), good(8 * DAY)], 8 * DAY, State.HEALTHY, 5, id="the trouble is over a week ago"
    ),
    pytest.param([good(0), change(5, "delete")], 6, State.DEACTIVATED, 5, id="deleted"),
    pytest.param([bad(0), bad(1), bad(2), change(5, "delete")], 6, State.DEACTIVATED, 5, id="deleted in trouble"),
    pytest.param([good(0), change(5, "delete", "failure")], 6, State.HEALTHY, 0, id="not deleted"),
    pytest.param([good(0), change(5, "delete", replaced=True)], 6, State.HEALTHY, 0, id="another one had replaced it"),
    pytest.param(
        [bad(0), bad(1), bad(2), change(5, "delete", replaced=True)], 6, State.FAILING, 0, id="replaced, and failing"
    ),
    pytest.param([good(0), change(5, "delete"), change(6, "activate")], 7, State.SILENT, 6, id="activated again"),
    pytest.param(
        [good(0), change(5, "delete"), change(6, "activate"), good(7)], 8, State.HEALTHY, 7, id="activated and used"
    ),
    pytest.param([good(0), change(5, "delete"), good(6)], 67, State.DEACTIVATED, 5, id="it was on its way"),
    pytest.param([good(0), change(5, "delete"), bad(6)], 67, State.DEACTIVATED, 5, id="refused on its way"),
    pytest.param([good(0), change(5, "delete"), good(65)], 67, State.DEACTIVATED, 5, id="at the hour"),
    pytest.param([good(0), change(5, "delete"), good(66)], 67, State.HEALTHY, 66, id="used after its deletion"),
    pytest.param([good(0), change(5, "delete"), bad(66)], 67, State.DEGRADING, 66, id="tried after its deletion"),
    pytest.param(
        [good(0), change(5, "delete"), change(66, "reauth")], 67, State.SILENT, 66, id="re-authorised after it"
    ),
    pytest.param([good(0), change(5, "delete"), refused(66)], 67, State.DEACTIVATED, 5, id="not re-authorised"),
    pytest.param(
        [good(0), change(5, "delete"), good(6), change(7, "activate")],
        8,
        State.SILENT,
        7,
        id="what was on its way shows nothing of the next one",
    ),
    pytest.param(
        [good(0), bad(1), change(5, "delete"), change(6, "activate"), good(7)],
        8,
        State.HEALTHY,
        7,
        id="set up anew after a trouble",
    ),
    pytest.param(
        [bad(1), good(2), change(5, "delete"), change(6, "activate"), good(7)],
        8,
        State.HEALTHY,
        7,
        id="set up anew after a trouble that had ended",
    ),
]


@pytest.mark.parametrize(("marks", "minutes", "state", "since"), STEPS)
def test_the_state_follows_from_what_happened(
    marks: list[Mark], minutes: float, state: State, since: float | None
) -> None:
    found = fold(marks, "miro", at(minutes))
    assert (found.state, found.since) == (state, None if since is None else at(since))


def test_every_state_is_in_the_table() -> None:
    assert {param.values[2] for param in STEPS} == set(State)


@pytest.mark.parametrize(
    ("marks", "end", "ended"),
    [
        pytest.param([bad(1), good(3)], End.BY_ITSELF, 3, id="by itself"),
        pytest.param([bad(1), change(2, "reauth"), good(3)], End.REAUTHORISED, 3, id="re-authorised"),
        pytest.param([bad(1), refused(2), good(3)], End.BY_ITSELF, 3, id="refused credentials mend nothing"),
        pytest.param([bad(1), change(2, "delete"), good(3)], End.DELETED, 2, id="deleted"),
        pytest.param([bad(1), change(2, "reauth")], None, None, id="goes on"),
    ],
)
def test_a_trouble_tells_what_ended_it(marks: list[Mark], end: End | None, ended: float | None) -> None:
    (trouble,) = fold(marks, "miro", at(5)).troubles
    assert (trouble.end, trouble.ended) == (end, None if ended is None else place(ended))
    assert trouble.start == place(1)


def test_a_trouble_counts_its_refusals_and_names_its_changes() -> None:
    marks: list[Mark] = [
        change(-5, "activate"),
        good(0),
        bad(1),
        bad(2),
        refused(3),
        change(4, "reauth"),
        bad(5),
        good(6),
    ]
    (trouble,) = fold(marks, "miro", at(9)).troubles
    assert (trouble.refusals, trouble.last, trouble.last_good) == (4, place(5), place(0))
    assert [one.place for one in trouble.changes] == [place(3), place(4)]
    assert trouble.authorised == marks[0]


LIVED: list[Mark] = [
    change(0, "activate"),
    good(1),
    good(90 * DAY - 30),
    bad(90 * DAY),
    change(90 * DAY + 60, "reauth"),
]


def test_the_next_expiry_is_told_from_the_last_one() -> None:
    found = fold([*LIVED, good(90 * DAY + 61)], "snowflake", at(91 * DAY))
    assert found.forecast is not None
    assert (found.forecast.basis, found.forecast.expiries) == (Basis.OBSERVED, 1)
    assert found.forecast.earliest == at(180 * DAY + 30)
    assert found.forecast.latest == at(180 * DAY + 60)


def test_of_several_expiries_the_last_is_believed() -> None:
    begun = 90 * DAY + 60
    again: list[Mark] = [good(begun + 1), good(begun + 30 * DAY - 5), bad(begun + 30 * DAY)]
    marks = [*LIVED, *again, change(121 * DAY, "reauth"), good(121 * DAY + 1)]
    observed = fold(marks, "", at(122 * DAY)).observed
    assert observed == (timedelta(days=30, minutes=-5), timedelta(days=30), 2)


@pytest.mark.parametrize(
    ("minutes", "basis"),
    [
        pytest.param(181 * DAY, None, id="beyond what the vendor says too"),
        pytest.param(100 * DAY, Basis.CATALOGUE, id="beyond what was observed"),
        pytest.param(90 * DAY - 15, Basis.OBSERVED, id="between the last that was accepted then and the first refused"),
        pytest.param(60 * DAY, Basis.OBSERVED, id="not yet as old"),
    ],
)
def test_credentials_that_live_longer_refute_a_lifetime(minutes: float, basis: Basis | None) -> None:
    lived = 90 * DAY + 60 + minutes
    forecast = fold([*LIVED, good(lived), good(lived + 1)], "snowflake", at(lived + 2)).forecast
    assert (forecast and forecast.basis) == basis


@pytest.mark.parametrize(
    ("marks", "basis"),
    [
        pytest.param([change(0, "activate"), good(1)], Basis.CATALOGUE, id="it never expired"),
        pytest.param([good(1)], None, id="nobody knows since when it has its credentials"),
        pytest.param([change(0, "activate"), good(1), change(5, "delete")], None, id="deactivated"),
        pytest.param([change(0, "activate"), good(1), bad(5), bad(6), bad(7)], None, id="they fail already"),
        pytest.param(
            [change(0, "activate"), good(1), bad(5, "revoked"), change(7, "reauth"), good(8)],
            Basis.CATALOGUE,
            id="refused for another reason than their age",
        ),
        pytest.param(
            [change(0, "activate"), bad(5), change(7, "reauth"), good(8)], Basis.CATALOGUE, id="they never worked"
        ),
        pytest.param(
            [good(0), change(1, "reauth"), bad(5), change(7, "reauth"), good(8)],
            Basis.CATALOGUE,
            id="those before them worked, they never did",
        ),
    ],
)
def test_without_an_expiry_the_vendor_is_believed(marks: list[Mark], basis: Basis | None) -> None:
    forecast = fold(marks, "Snowflake", at(10)).forecast
    assert (forecast and forecast.basis) == basis
    if forecast:
        assert forecast.earliest == forecast.latest == forecast.authorised.place.at + timedelta(days=181)
        assert forecast.source.startswith("https://docs.snowflake.com/")


@pytest.mark.parametrize(
    ("application", "vendor"),
    [
        ("snowflake", "Snowflake"),
        ("Snowflake 2", "Snowflake"),
        ("aws-iam-identity-center", "AWS IAM Identity Center"),
        ("AWS SSO", "AWS IAM Identity Center"),
        ("Atlassian Cloud", "Atlassian"),
        ("kong", "Kong"),
        ("slack", None),
        ("awsome", None),
        ("snowflakes-and-more", None),
        ("", None),
    ],
)
def test_vendors_are_known_by_the_application_name(application: str, vendor: str | None) -> None:
    found = lifetime_of(application)
    assert (found and found.vendor) == vendor


def test_every_vendor_is_found_by_each_of_its_names() -> None:
    for known in CATALOGUE:
        assert [lifetime_of(name) for name in known.names] == [known] * len(known.names)


_ACTIONS = ("good", "bad", "reauth", "refused", "activate", "update", "delete")


def _mark(minute: int, sort: str) -> Mark:
    if sort in ("good", "bad"):
        return good(minute) if sort == "good" else bad(minute)
    return refused(minute) if sort == "refused" else change(minute, sort)


@given(st.lists(st.sampled_from(_ACTIONS), max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_arrival_and_rows_in_a_row_change_nothing(sorts: list[str], draw: Random) -> None:
    marks = [_mark(minute, sort) for minute, sort in enumerate(sorts)]
    whole = fold(marks, "miro", at(len(sorts)))
    shuffled = [*marks]
    draw.shuffle(shuffled)
    assert fold(shuffled, "miro", at(len(sorts))) == whole
    assert fold(_runs(marks), "miro", at(len(sorts))) == whole


def _runs(marks: list[Mark]) -> list[Mark]:
    found: list[Mark] = []
    for mark in marks:
        last = found[-1] if found else None
        if isinstance(mark, Attempts) and isinstance(last, Attempts) and last.accepted == mark.accepted:
            found[-1] = last._replace(last=mark.last, tries=last.tries + mark.tries)
        else:
            found.append(mark)
    return found


@given(st.lists(st.sampled_from(_ACTIONS), max_size=30))
def test_troubles_are_apart_and_only_the_last_goes_on(sorts: list[str]) -> None:
    found = fold([_mark(minute, sort) for minute, sort in enumerate(sorts)], "miro", at(len(sorts)))
    for one, other in zip(found.troubles, found.troubles[1:], strict=False):
        assert one.ended is not None
        assert one.start <= one.last < one.ended < other.start
    goes_on = bool(found.troubles) and found.troubles[-1].ended is None
    if found.state in (State.FAILING, State.STILL_FAILING, State.REAUTHORISED):
        assert goes_on
    if found.state in (State.HEALTHY, State.RECOVERED, State.SILENT, State.DEACTIVATED):
        assert not goes_on


def test_a_recovered_integration_is_healthy_or_silent_a_week_later() -> None:
    marks: list[Mark] = [bad(1), good(2)]
    assert fold(marks, "miro", at(2) + RECENT).state is State.RECOVERED
    assert fold(marks, "miro", at(2) + RECENT + timedelta(seconds=1)).state is State.SILENT
