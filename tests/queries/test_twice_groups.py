"""Groups that a provider has twice, and those that only look so; tables of made-up rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.accounts.folding import Row
from queries.findings.finding import CERTAIN, LIKELY
from queries.findings.twice_groups import twice_groups
from tests.queries.test_mass_changes import STATSIG, at, row


def group(minutes: float, own: str, name: str = "data", action: str = "create", status: int = 201, **more: Any) -> Row:
    fields = {"kind": "group", "action": action, "subject_name": name, "http_status": status, **more}
    return row(minutes, own, f"group_{action}_provision", **fields)


def renewed(minutes: float) -> list[Row]:
    return [row(minutes, "a1", "idm_integration_delete"), row(minutes + 1, "a1", "idm_integration_activate")]


FIRST = group(0, "g1")
REFUSED: dict[str, Any] = {"action": "delete", "outcome": "failure", "status": 403}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([FIRST], [], id="once"),
        pytest.param([FIRST, group(9, "g2")], [("g1", "g2")], id="of one name under two ids"),
        pytest.param([FIRST, group(9, "g2", "Data")], [("g1", "g2")], id="names in any case"),
        pytest.param([FIRST, group(9, "g2", "sales")], [], id="of two names"),
        pytest.param([FIRST, group(9, "g2", outcome="failure", status=409)], [], id="refused as a duplicate"),
        pytest.param([FIRST, group(9, "g2", status=200)], [], id="answered with the one that was there"),
        pytest.param([FIRST, group(5, "g1", action="delete"), group(9, "g2")], [], id="the first was deleted"),
        pytest.param(
            [FIRST, group(5, "g1", action="delete", outcome="failure", status=403), group(9, "g2")], [("g1", "g2")],
            id="the provider deletes no groups",
        ),
        pytest.param([FIRST, group(9, "g2"), group(12, "g2", action="delete")], [], id="the second was deleted again"),
        pytest.param([FIRST, group(5, "g1", "old data", "update"), group(9, "g2")], [], id="the first was renamed"),
        pytest.param(
            [FIRST, group(5, "g1", "old", "update", outcome="failure"), group(9, "g2")], [("g1", "g2")],
            id="the first was not renamed at the provider",
        ),
        pytest.param(
            [group(0, "g1", "x"), group(5, "g1", action="update"), group(9, "g2")], [("g1", "g2")],
            id="the first was renamed to it",
        ),
        pytest.param([FIRST, group(9, "g1")], [], id="told twice"),
        pytest.param([FIRST, *renewed(3), group(9, "g1")], [("g1",)], id="made again by a new integration"),
        pytest.param(
            [FIRST, *renewed(3), group(9, "g1"), group(12, "g1", action="delete")], [], id="and one deleted again",
        ),
        pytest.param(
            [FIRST, *renewed(3), group(9, "g1", status=200)], [], id="found again by a new integration",
        ),
        pytest.param(
            [
                row(0, "a1", "idm_integration_activate"), group(0.1, "t"), group(0.2, "t", **REFUSED),
                *renewed(60), group(61.1, "t2"), group(61.2, "t2", **REFUSED),
            ],
            [], id="the test group of an activation, which the provider does not delete",
        ),
        pytest.param(
            [FIRST, *renewed(3), group(4.1, "g1")], [("g1",)], id="made again just after the new integration is there",
        ),
        pytest.param(
            [row(0, "a1", "idm_integration_activate"), group(0.1, "g1"), *renewed(60), group(61.1, "g2")],
            [("g1", "g2")], id="made just after activations, and kept",
        ),
        pytest.param([FIRST, group(9, "g2", time_quality="unknown")], [], id="times that cannot be believed"),
    ],
)  # fmt: skip
def test_a_group_is_there_twice_when_both_were_created_and_none_deleted(
    rows: list[Row], expected: list[tuple[str, ...]]
) -> None:
    assert [one.subjects for one in twice_groups(STATSIG, rows)] == expected


def test_a_finding_says_which_and_how_sure_it_is() -> None:
    second = group(9, "g2")
    (one,) = twice_groups(STATSIG, [FIRST, second])
    assert (one.since, one.sure, one.events) == (at(9), CERTAIN, (second["event_id"], FIRST["event_id"]))
    assert one.text == "group 'data' was created under another id: the provider has two"
    (unsure,) = twice_groups(STATSIG, [FIRST, group(9, "g2", status=0)])
    assert unsure.sure == LIKELY, "without a status it may have been linked"


@pytest.mark.parametrize(
    ("before", "since", "text", "subjects"),
    [
        pytest.param(
            [group(-9, "g2", "x"), FIRST], [group(5, "g2", action="update"), group(9, "g2", action="update")],
            "a group was renamed to 'data', the name of another: the provider has two", ("g1", "g2"), id="the earlier",
        ),
        pytest.param(
            [FIRST, group(2, "g2", "x")], [group(5, "g2", "DATA", "update"), group(9, "g2", action="update")],
            "a group was renamed to 'data', the name of another: the provider has two", ("g1", "g2"), id="the later",
        ),
        pytest.param(
            [group(-9, "g1", "x"), group(0, "g1", action="update")], [group(5, "g2")],
            "group 'data' was created under another id: the provider has two", ("g1", "g2"),
            id="the one that there is was renamed before",
        ),
    ],
)  # fmt: skip
def test_a_collision_is_dated_and_proven_by_what_made_the_names_equal(
    before: list[Row], since: list[Row], text: str, subjects: tuple[str, ...]
) -> None:
    (one,) = twice_groups(STATSIG, [*before, *since])
    assert (one.since, one.text, one.subjects) == (at(5), text, subjects)
    assert one.events == (since[0]["event_id"], next(row for row in before if row["occurred_at"] == at(0))["event_id"])


ROWS = [FIRST, *renewed(3), group(9, "g1"), group(10, "g2", "sales"), group(11, "g3", "sales"), group(12, "g4")]


@given(st.permutations(ROWS), st.lists(st.sampled_from(ROWS), max_size=8))
def test_order_and_repeats_change_nothing(rows: list[Row], again: list[Row]) -> None:
    assert twice_groups(STATSIG, [*rows, *again]) == twice_groups(STATSIG, ROWS)
