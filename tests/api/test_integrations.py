"""The health of integrations over the API: shapes, the past, names, and nothing of other organizations."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import As
from tests.api.support import assert_problem
from tests.api.test_answers import get
from tests.queries.support import SLACK, Trail, attempt, failed

pytestmark = pytest.mark.store

ADA = {"id": "a1", "type": "admin", "email": "ada@corp.example"}
STAFF = {"id": "g1", "type": "user_group", "name": "all staff"}
KOFI = {"id": "k1", "type": "user", "username": "kofi.mensah"}
PATH = "/api/v1/integrations"


def tell(trail: Trail) -> None:
    """Statsig is refused from 11:02 on, re-authorised in vain at 11:06; Slack works."""
    trail.insert(
        attempt(0, "idm_integration_activate", initiated_by=ADA),
        attempt(1),
        failed(2),
        failed(3, resource=KOFI),
        failed(4, "group_update_provision", resource=STAFF),
        failed(5, code="500"),
        failed(6, "idm_integration_reauth", initiated_by=ADA),
        attempt(7, application=SLACK),
    )


async def test_the_health_of_each_is_told_those_in_trouble_first(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    tell(trail)
    found = await get(api, f"{PATH}/health", using())
    assert (found["total"], found["at"]) == (2, "2026-03-19T12:00:00Z")
    statsig, slack = found["items"]
    assert (slack["application"], slack["state"], slack["since"]) == ("slack", "healthy", "2026-03-19T11:07:00Z")
    assert (statsig["application"], statsig["state"]) == ("statsig", "still_failing")
    assert (statsig["since"], statsig["last_good_at"]) == ("2026-03-19T11:06:00Z", "2026-03-19T11:01:00Z")
    assert (statsig["people_stuck"], statsig["groups_stuck"], statsig["troubles"]) == (2, 1, 1)
    answers = [(one["cause"], one["http_status"], one["attempts"]) for one in statsig["failures"]]
    assert answers == [("credentials", 401, 3), ("provider_error", 500, 1)]
    assert (statsig["change"]["actor"], statsig["change"]["outcome"]) == ("ada@corp.example", "failure")
    assert statsig["authorised"]["at"] == "2026-03-19T11:00:00Z"
    assert found["states"] == {"still_failing": 1, "healthy": 1}
    first = await get(api, f"{PATH}/health", using(), limit=1)
    assert first == {**found, "items": [statsig]}, "the one in trouble, though it comes later by name"


async def test_one_is_told_whole_by_id_or_name(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    tell(trail)
    trail.insert(attempt(8, "idm_integration_reauth", initiated_by=ADA), attempt(9, resource=KOFI))
    found = await get(api, f"{PATH}/StatSig", using())
    assert found == await get(api, f"{PATH}/{found['application_id']}", using())
    assert (found["state"], found["since"]) == ("recovered", "2026-03-19T11:09:00Z")
    (trouble,) = found["episodes"]
    assert (trouble["started_at"], trouble["ended_at"]) == ("2026-03-19T11:02:00Z", "2026-03-19T11:09:00Z")
    assert (trouble["end"], trouble["refusals"]) == ("reauthorised", 4)
    assert [change["outcome"] for change in trouble["changes"]] == ["failure", "success"]
    assert [(one["name"], one["kind"], one["refusals"]) for one in found["stuck"]] == [
        ("all staff", "group", 1),
        ("ines.almeida", "user", 1),
    ]


async def test_the_past_is_told_without_what_came_later(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    tell(trail)
    (item,) = (await get(api, f"{PATH}/health", using(), at="2026-03-19T11:02:30Z"))["items"]
    assert (item["state"], item["people_stuck"], item["change"]["outcome"]) == ("degrading", 1, "success")
    early = await get(api, f"{PATH}/health", using(), at="2026-03-19T10:00:00Z")
    assert (early["items"], early["total"]) == ([], 2)
    wrong = await api.get(f"{PATH}/statsig", headers=using(), params={"at": "2026-03-19T10:00:00Z"})
    assert "by then" in assert_problem(wrong, 404)["detail"]
    future = await api.get(f"{PATH}/health", headers=using(), params={"at": "2027-01-01"})
    assert "at: 2027-01-01T00:00:00Z is in the future" in assert_problem(future, 400)["detail"]


async def test_a_name_of_several_names_them_and_one_of_nobody_is_not_found(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    trail.insert(*(attempt(number, application={"id": f"z{number}", "name": "zoom"}) for number in range(2)))
    answer = await api.get(f"{PATH}/zoom", headers=using())
    assert assert_problem(answer, 409)["candidates"] == ["z0", "z1"]
    trail.insert(attempt(5, "sso_auth", application={"id": "0oa1", "name": "okta"}))
    unknown = "no application is known as 'zom'; there are: zoom, okta"
    for asked, detail in (("zom", unknown), ("okta", "'okta' has no integration: nothing was provisioned there")):
        assert assert_problem(await api.get(f"{PATH}/{asked}", headers=using()), 404)["detail"] == detail
    assert (await get(api, f"{PATH}/z1", using()))["state"] == "healthy"
    other = Trail(trail.store, f"{trail.organization}-other")
    own = f"app-{trail.organization}"
    for each in (trail, other):
        each.insert(attempt(4, application={"id": own, "name": own}))
    answer = await api.get(f"{PATH}/{own}", headers=using.everywhere())
    told = f"{own} of organization {trail.organization}, {own} of organization {other.organization}"
    assert told in assert_problem(answer, 409)["detail"]
    assert (await get(api, f"{PATH}/{own}", using.everywhere(), organization=trail.organization))["state"] == "healthy"
