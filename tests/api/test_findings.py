"""Findings over the API: read from the store, with names, the act and the way back; nothing of other organizations."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from queries.api.findings import told_all
from queries.findings.listing import Asked, list_findings
from tests.api.conftest import As
from tests.api.support import assert_problem
from tests.api.test_answers import get
from tests.queries.support import INGEST, SLACK, TENANT, Trail, at, attempt, failed
from tests.records import NOON

pytestmark = pytest.mark.store

ADA = {"id": "a1", "type": "admin", "email": "ada@corp.example"}
STATSIG_ID = "5fad07f2b9f5414721b3d797"
PATH = "/api/v1/findings"
Raw = dict[str, Any]


def person(number: int) -> Raw:
    return {"id": f"p{number}", "type": "user", "username": f"person.{number}"}


def association(minutes: float, op: str, to: str, kind: str, name: str) -> Raw:
    connection = {
        "from": {"name": "data", "type": "USER_GROUP", "object_id": "g1"},
        "to": {"name": name, "type": kind, "object_id": to},
    }
    fields: Raw = {"association": {"op": op, "connection": connection}, "initiated_by": ADA}
    return attempt(minutes, "association_change", **fields, resource=None, application=None, success=None)


def given_up(trail: Trail, begin: float = 0) -> None:
    """Twelve people are in statsig for two days; then, at `begin`, the group that let them in is unbound."""
    trail.insert(
        association(begin - 2890, "add", STATSIG_ID, "APPLICATION", "statsig"),
        *(attempt(begin - 2880 + n, "user_create_provision", resource=person(n)) for n in range(12)),
        association(begin, "remove", STATSIG_ID, "APPLICATION", "statsig"),
        *(attempt(begin + 1 + n / 10, "user_deprovision", resource=person(n)) for n in range(11)),
        failed(begin + 2.5, "user_deprovision", resource=person(11)),
        attempt(begin + 5, application=SLACK),
    )


async def test_a_mass_change_is_told_with_its_act_its_names_and_the_way_back(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    given_up(trail)
    answer = await get(api, PATH, using())
    assert answer["total"] == 1
    (found,) = answer["items"]
    assert (found["kind"], found["application"], found["people"], found["accepted"]) == (
        "mass_deactivations", "statsig", 12, 11,
    )  # fmt: skip
    assert (found["since"], found["sure"], found["usual"], found["threshold"]) == (
        at(1).replace(".000Z", "Z"), "likely", None, 10,
    )  # fmt: skip
    assert (found["act"]["text"], found["act"]["actor"]) == (
        "data unbound from statsig by ada@corp.example", "ada@corp.example",
    )  # fmt: skip
    assert found["subjects"][0] == {"subject_id": "p0", "name": "person.0"}
    assert (len(found["evidence"]), found["events"]) == (12, 12)
    whole = await get(api, f"{PATH}/{found['id'][:8]}", using())
    assert [(step["do"], step["name"], step["group"]) for step in whole["restore"]] == [
        ("bind_group", "statsig", "data"),
        *(("reactivate_account", f"person.{n}", "") for n in sorted(range(11), key=str)),
    ]
    states = [(one["was"], one["now"]) for one in whole["accounts"]]
    assert states == [("active", "inactive")] * 11 + [("active", "active")]


async def test_what_was_refused_or_is_undone_is_told_without_steps_back(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    created = [attempt(-2880 + n, "user_create_provision", resource=person(n)) for n in range(12)]
    trail.insert(*created, *(failed(n / 10, "user_deprovision", resource=person(n)) for n in range(12)))
    (found,) = (await get(api, PATH, using()))["items"]
    assert found["text"].startswith("12 people to be deactivated, 0 accepted; ")
    meant = "ask the administrators whether it was meant"
    assert found["next"] == f"{meant}; nothing was accepted: if it was, all is still to be done"
    whole = await get(api, f"{PATH}/{found['id']}", using())
    assert (whole["restore"], whole["next"]) == ([], found["next"])
    trail.insert(
        *(attempt(10 + n / 10, "user_deprovision", resource=person(n)) for n in range(12)),
        *(attempt(20 + n / 10, "user_create_provision", resource=person(n)) for n in range(12)),
    )
    whole = await get(api, f"{PATH}/{found['id']}", using())
    assert (whole["accepted"], whole["restore"]) == (12, [])
    assert whole["next"] == f"{meant}; there is nothing to undo"


async def test_the_way_back_of_an_old_one_is_named_with_a_range_that_holds_it(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    given_up(trail, -40 * 24 * 60)
    (found,) = (await get(api, PATH, using(), since="365d"))["items"]
    named = re.search(r"idtrail findings (\S+)(?: --since (\S+))? has", found["next"])
    assert named is not None, found["next"]
    asked = {"since": named[2]} if named[2] else {}
    assert (await get(api, f"{PATH}/{named[1]}", using(), **asked))["id"] == found["id"]


async def test_a_group_that_loses_its_people_is_told_of_each_application_it_is_bound_to(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    trail.insert(
        association(-2890, "add", STATSIG_ID, "APPLICATION", "statsig"),
        attempt(-2880),
        attempt(-2880, application=SLACK),
        *(association(n, "remove", f"p{n}", "USER", f"person.{n}") for n in range(10)),
    )
    (found,) = (await get(api, PATH, using()))["items"]
    assert (found["kind"], found["application"], found["people"]) == ("mass_removals", "statsig", 10)
    whole = await get(api, f"{PATH}/{found['id']}", using())
    assert [(step["do"], step["subject_id"], step["group_id"]) for step in whole["restore"]] == [
        ("add_member", f"p{n}", "g1") for n in range(10)
    ]


NARROWED: list[tuple[Raw, int]] = [
    ({"since": at(1)}, 1),
    ({"since": at(3)}, 0),
    ({"until": at(1)}, 0),
    ({"application": "STATSIG"}, 1),
    ({"application": "slack"}, 0),
    ({"kind": ["mass_deletions", "mass_deactivations"]}, 1),
]
"""By time it is the findings that end at `since` or later and begin before `until`."""


async def test_the_question_can_be_narrowed(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    given_up(trail)
    mine = using()
    assert [(asked, (await get(api, PATH, mine, **asked))["total"]) for asked, _ in NARROWED] == NARROWED


async def test_a_better_copy_takes_a_closing_back(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    closings = [attempt(n, "user_deprovision", resource=person(n)) for n in range(10)]
    trail.insert(*(trail.log(one, INGEST) for one in closings), attempt(-2880))
    assert (await get(api, PATH, using()))["total"] == 1
    better = {**closings[0], "event_type": "user_update_provision"}
    trail.insert(trail.log(better, TENANT))
    assert (await get(api, PATH, using()))["total"] == 0


def remapped(minutes: float, before: list[str], after: list[str]) -> Raw:
    changes = [{"field": "attributes", "from": before, "to": after}]
    return attempt(minutes, "idm_integration_update", changes=changes, initiated_by=ADA, resource=None)


async def test_what_a_change_of_mappings_leaves_behind_is_told(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    titled = [{"field": "userName", "to": "x"}, {"field": "title", "to": "Analyst"}]
    trail.insert(
        *(attempt(n, "user_create_provision", resource=person(n), changes=titled) for n in range(4)),
        attempt(5, "user_delete_provision", resource=person(2)),
        attempt(5, resource=person(3), changes=[{"field": "title", "from": "x"}]),
        remapped(10, ["userName", "title"], ["userName", "emails"]),
        *(attempt(20 + n, resource=person(n), changes=[{"field": "emails", "to": []}]) for n in (1, 3)),
    )
    stale, orphaned = sorted((await get(api, PATH, using()))["items"], key=lambda one: str(one["people"]))
    assert (stale["kind"], stale["attributes"], stale["subjects"]) == (
        "stale_people", ["emails"], [{"subject_id": "p0", "name": "person.0"}],
    )  # fmt: skip
    assert (orphaned["kind"], orphaned["attributes"], orphaned["people"]) == ("orphaned_values", ["title"], 2)
    assert orphaned["act"]["text"] == "mappings changed by ada@corp.example"
    whole = await get(api, f"{PATH}/{orphaned['id']}", using())
    assert ([one["name"] for one in whole["subjects"]], whole["restore"]) == (["person.0", "person.1"], [])


async def test_a_group_that_a_provider_has_twice_is_told(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    def data(own: str) -> Raw:
        return {"id": own, "type": "user_group", "name": "data"}

    made = {"response_code": "201", "response_message": "Created"}
    trail.insert(
        *(attempt(n, "group_create_provision", resource=data(f"g{n}"), message_chain=made) for n in range(2)),
        attempt(5, "group_update_provision", resource=data("g1")),
    )
    (found,) = (await get(api, PATH, using(), kind="twice_groups"))["items"]
    assert [one["subject_id"] for one in found["subjects"]] == ["g0", "g1"]
    assert (found["since"], found["sure"]) == (at(1).replace(".000Z", "Z"), "certain")


def test_two_organizations_with_the_same_ids_have_names_of_their_own(trail: Trail) -> None:
    found = []
    for own, name in ((trail, "ana"), (Trail(trail.store, uuid4().hex[:24]), "ben")):
        leaving = [{**person(n), "username": f"{name}.{n}"} for n in range(10)]
        own.insert(attempt(-2880), *(attempt(n, "user_deprovision", resource=who) for n, who in enumerate(leaving)))
        found += list_findings(trail.store, Asked(own.organization, NOON - timedelta(days=1), NOON))
    assert [one["subjects"][0]["name"] for one in told_all(trail.store, found)] == ["ana.0", "ben.0"]


async def test_nobody_is_told_of_anothers_findings(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    given_up(trail)
    assert (await get(api, PATH, using(organization="f" * 24)))["total"] == 0
    (own,) = (await get(api, PATH, using()))["items"]
    missing = await api.get(f"{PATH}/{own['id']}", headers=using(organization="f" * 24))
    assert "no finding" in assert_problem(missing, 404)["detail"]
    assert_problem(await api.get(PATH), 401)
    assert_problem(await api.get(PATH, headers=using(), params={"kind": "odd"}), 422)
