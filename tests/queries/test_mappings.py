"""What a change of mappings leaves behind: values, and people; tables of made-up rows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.accounts.folding import Row
from queries.findings.finding import CERTAIN, LIKELY, Finding
from queries.findings.mappings import Remap, empties, left_behind, orphaned_values, remapped, stale_people
from schemas.events import parse
from schemas.parts import Change
from tests.queries.test_mass_changes import STATSIG, at, row
from tests.records import event

NONE = frozenset[str]()


def push(minutes: float, person: str, *changed: str, action: str = "update", **fields: Any) -> Row:
    return row(minutes, person, f"user_{action}_provision", kind="user", action=action, changed=list(changed), **fields)


def closed(minutes: float, person: str) -> Row:
    return row(minutes, person)


def gone(minutes: float, person: str) -> Row:
    return row(minutes, person, "user_delete_provision")


def remap(minutes: float, removed: str = "", altered: str = "") -> Remap:
    event_id = row(minutes, "a1", "idm_integration_update")["event_id"]
    return Remap(
        event_id, at(minutes), "idm_integration_update", "ada", frozenset(removed.split()), frozenset(altered.split())
    )


@pytest.mark.parametrize(
    ("field", "before", "after", "removed", "altered"),
    [
        pytest.param("attributes", ["userName", "title"], ["userName"], {"title"}, NONE, id="names, one less"),
        pytest.param("attributes", ["userName"], ["userName", "title"], NONE, {"title"}, id="names, one more"),
        pytest.param(
            "attributeMappings", [{"name": "title", "from": "jobTitle"}], [{"name": "title", "from": "costCenter"}],
            NONE, {"title"}, id="mapped otherwise",
        ),
        pytest.param("mappings", {"title": "jobTitle"}, {}, {"title"}, NONE, id="an object"),
        pytest.param("attributes", [{"target": "name.familyName"}], [], {"name.familyName"}, NONE, id="a part"),
        pytest.param("attributes", ["UserName"], ["userName"], NONE, {"userName"}, id="another spelling is no removal"),
        pytest.param("attributes", ..., ["userName"], NONE, NONE, id="what was before is not told"),
        pytest.param("attributes", None, ["userName"], NONE, {"userName"}, id="the first, after an exported empty one"),
        pytest.param("attributes", ["title"], None, {"title"}, NONE, id="the last removed, as an exported empty list"),
        pytest.param("attributes", ["title"], ..., {"title"}, NONE, id="the last removed, as an omitted empty list"),
        pytest.param("mappings", {"title": "x"}, None, {"title"}, NONE, id="the last removed, as an exported object"),
        pytest.param("attributes", ["title"], 3, NONE, NONE, id="what is now is no list"),
        pytest.param("attributes", None, None, NONE, NONE, id="nothing, before and after"),
        pytest.param("mappings", {"name_familyName": "x", "userName": "y"}, {"userName": "y"}, {"name.familyName"},
                     NONE, id="a sanitised part"),
        pytest.param("mappings", {"urn_ietf_params_scim_schemas_extension_enterprise_2_0_User_department": "x"}, None,
                     {"department"}, NONE, id="a sanitised extension"),
        pytest.param("mappings", {"user_name": "x"}, {"userName": "x"}, NONE, NONE, id="an underscore of its own"),
        pytest.param("attributes", 3, {"a": 1}, NONE, NONE, id="no mappings"),
        pytest.param("enableGroupManagement", ["a"], [], NONE, NONE, id="another setting"),
        pytest.param("attributes", [None, {"name": 1}, {}], [7], NONE, NONE, id="odd mappings"),
    ],
)  # fmt: skip
def test_changes_tell_which_mappings_went_away_and_which_are_new(
    field: str, before: Any, after: Any, removed: set[str], altered: set[str]
) -> None:
    told = {key: value for key, value in (("from", before), ("to", after)) if value is not ...}
    found = remapped([Change(field=field, **told)])
    assert (set(found[0]), set(found[1])) == (set(removed), set(altered))


def told(found: list[Finding]) -> list[tuple[str, ...]]:
    return [one.subjects for one in found]


CREATED = push(0, "p1", "userName", "title", action="create")


@pytest.mark.parametrize(
    ("remaps", "rows", "expected"),
    [
        pytest.param([remap(10, "title")], [CREATED], [("p1",)], id="accepted before, gone since"),
        pytest.param([remap(10, "title")], [CREATED | {"outcome": "failure"}], [], id="never accepted"),
        pytest.param([remap(10, "title")], [push(0, "p1", "userName", action="create")], [], id="never sent"),
        pytest.param([remap(10, "title")], [CREATED, push(20, "p1", "title")], [], id="sent after it all the same"),
        pytest.param(
            [remap(10, "title")], [CREATED, push(20, "p1", "emails")], [("p1",)], id="something else after it"
        ),
        pytest.param([remap(-10, "title")], [CREATED], [], id="made after it"),
        pytest.param([remap(10, "title")], [CREATED, gone(20, "p1")], [], id="the account is gone"),
        pytest.param(
            [remap(10, "title")],
            [CREATED, gone(20, "p1"), push(30, "p1")],
            [],
            id="the account is a new one",
        ),
        pytest.param(
            [remap(10, "title")],
            [CREATED, push(30, "p1", "userName", action="create")],
            [],
            id="it was made anew",
        ),
        pytest.param([remap(10, "title"), remap(20, "", "title")], [CREATED], [], id="mapped again"),
        pytest.param([remap(10, "", "title")], [CREATED], [], id="only added"),
        pytest.param([remap(10, "nickName emails")], [CREATED], [], id="others"),
    ],
)
def test_values_are_left_behind_where_they_were_accepted_before_their_mapping_went(
    remaps: list[Remap], rows: list[Row], expected: list[tuple[str, ...]]
) -> None:
    assert told(orphaned_values(STATSIG, left_behind(remaps, rows))) == expected


@pytest.mark.parametrize(
    ("attribute", "change", "expected"),
    [
        pytest.param("title", {"field": "title", "from": "x"}, True, id="nothing after"),
        pytest.param("title", {"field": "Title", "from": "x", "to": None}, True, id="null"),
        pytest.param("title", {"field": "title", "to": ""}, True, id="no letter"),
        pytest.param("emails", {"field": "emails", "to": []}, True, id="an empty list"),
        pytest.param("title", {"field": "title", "to": "y"}, False, id="another value"),
        pytest.param("active", {"field": "active", "to": False}, False, id="false is a value"),
        pytest.param("name.familyName", {"field": "name", "to": {"familyName": ""}}, True, id="an empty part"),
        pytest.param("name.familyName", {"field": "name", "to": {"givenName": "A"}}, False, id="another part"),
        pytest.param("title", {"field": "emails", "to": None}, False, id="another attribute"),
        pytest.param("title", {"field": "title"}, False, id="no value is told"),
    ],
)
def test_a_push_without_a_value_takes_it_away(attribute: str, change: dict[str, Any], expected: bool) -> None:
    changed = event("user_update_provision", changes=[change])
    assert empties(parse(orjson.dumps(changed)), attribute) is expected


@pytest.mark.parametrize(
    ("remaps", "rows", "expected"),
    [
        pytest.param([remap(10, "", "title")], [CREATED], [("p1",)], id="not pushed since"),
        pytest.param([remap(10, "", "title")], [CREATED, push(20, "p1")], [], id="pushed since"),
        pytest.param(
            [remap(10, "", "title")], [CREATED, push(20, "p1", outcome="failure")], [("p1",)], id="pushed in vain",
        ),
        pytest.param([remap(10, "", "title")], [CREATED, gone(5, "p1")], [], id="gone before"),
        pytest.param(
            [remap(10, "", "title")], [CREATED, push(5, "p1", account_state="inactive")], [], id="inactive",
        ),
        pytest.param(
            [remap(10, "", "title")], [CREATED, gone(5, "p1") | {"outcome": "reported_absent"}], [], id="not there",
        ),
        pytest.param(
            [remap(10, "", "title")], [CREATED, closed(5, "p1"), push(6, "p1")], [],
            id="deactivated, and still updated",
        ),
        pytest.param(
            [remap(10, "", "title")],
            [CREATED, closed(5, "p1"), push(6, "p1", account_state="active"), push(7, "p1")],
            [("p1",)], id="deactivated, and active again",
        ),
        pytest.param(
            [remap(10, "", "title")], [CREATED, gone(5, "p1"), push(6, "p1")], [("p1",)],
            id="deleted, and there all the same",
        ),
        pytest.param(
            [remap(10, "", "title")], [CREATED, gone(5, "p1") | {"outcome": "failure"}], [("p1",)], id="not deleted",
        ),
        pytest.param([remap(10, "title")], [CREATED], [], id="only removed: nothing new to push"),
        pytest.param(
            [remap(10, "", "a"), remap(20, "", "b")], [CREATED, push(15, "p2")], [("p1",), ("p2",)],
            id="each by the first change since the last push",
        ),
    ],
)  # fmt: skip
def test_people_are_stale_who_were_not_pushed_since_a_mapping_changed(
    remaps: list[Remap], rows: list[Row], expected: list[tuple[str, ...]]
) -> None:
    assert told(stale_people(STATSIG, remaps, rows)) == expected


def test_a_finding_names_the_attributes_the_act_and_how_sure_it_is() -> None:
    (one,) = orphaned_values(STATSIG, left_behind([remap(10, "title")], [CREATED]))
    assert (one.attributes, one.sure, one.since) == (("title",), CERTAIN, at(10))
    assert one.text == "title no longer mapped; the value stays at the provider for 1 person"
    assert one.act is not None
    assert one.act.because.text == "mappings changed by ada"
    assert one.events == (remap(10)[0], CREATED["event_id"])
    (part,) = orphaned_values(STATSIG, left_behind([remap(10, "name.familyName")], [push(0, "p1", "name")]))
    assert part.sure == LIKELY, "an accepted name may have had no family name"


ROWS = [CREATED, *(push(n, f"p{n}", "title") for n in range(2, 8)), gone(9, "p4"), push(30, "p5", "emails")]
REMAPS = [remap(5, "title"), remap(8, "", "emails")]


@given(st.permutations(ROWS), st.lists(st.sampled_from(ROWS), max_size=8))
def test_order_and_repeats_change_nothing(rows: list[Row], again: list[Row]) -> None:
    assert left_behind(REMAPS, [*rows, *again]) == left_behind(REMAPS, ROWS)
    assert stale_people(STATSIG, REMAPS, [*rows, *again]) == stale_people(STATSIG, REMAPS, ROWS)
