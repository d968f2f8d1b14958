"""Incidents over the API: shapes, pages, beginnings of ids, the events of one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import As
from tests.api.support import assert_problem
from tests.api.test_answers import get
from tests.queries.incident_rows import put, row
from tests.queries.support import Trail, attempt, failed, when

pytestmark = pytest.mark.store


def numbers(page: dict[str, Any]) -> list[int]:
    """Which incidents they are."""
    return [int(item["incident_id"][-8:], 16) for item in page["items"]]


async def test_incidents_come_in_pages_of_what_was_asked_for(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    own = trail.organization
    ended = {"ended_at": when(9), "ended_by": UUID(int=9)}
    put(trail, row(own, 1, first_at=when(2)), row(own, 2), row(own, 3, cause="conflict", **ended))
    trail.insert(attempt(0))  # the application is known
    path, mine = "/api/v1/incidents", using()
    page = await get(api, path, mine, limit=2)
    assert numbers(page) == [1, 2]
    rest = await get(api, path, mine, limit=2, cursor=page["next"])
    assert (numbers(rest), rest["next"]) == ([3], None)
    assert rest["items"][0]["ended_at"] == "2026-03-19T11:09:00Z"
    assert numbers(await get(api, path, mine, state=["resolved", "quiet"])) == [3]
    assert numbers(await get(api, path, mine, cause="conflict", application="statsig")) == [3]
    assert numbers(await get(api, path, mine, since="10m")) == [1, 2]
    assert numbers(await get(api, path, mine, since="10m", failing="true")) == []
    wrong = await api.get(path, headers=mine, params={"cursor": page["next"], "state": "open", "limit": 2})
    assert "another filter" in assert_problem(wrong, 400)["detail"]
    assert_problem(await api.get(path, headers=mine, params={"state": "broken"}), 422)


async def test_one_incident_is_asked_for_by_the_beginning_of_its_id(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    own = trail.organization
    put(trail, row(own, 1), row(own, 0x20000000))
    whole = await get(api, f"/api/v1/incidents/{own.upper()}2", using())
    assert whole["incident_id"] == f"{own}20000000"
    answer = await api.get(f"/api/v1/incidents/{own}", headers=using())
    assert assert_problem(answer, 409)["candidates"] == [f"{own}00000001", f"{own}20000000"]
    assert_problem(await api.get(f"/api/v1/incidents/{own}00000003", headers=using()), 404)
    assert_problem(await api.get("/api/v1/incidents/abc", headers=using()), 422)


async def test_events_name_their_incident_and_are_found_by_it(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(attempt(0), failed(1), failed(2), failed(3, code="409"))
    items = (await get(api, "/api/v1/events", using()))["items"]
    conflict, second, first, success = (item["incident_id"] for item in items)
    assert success is None
    assert first == second != conflict
    assert len(first) == 32
    page = await get(api, "/api/v1/events", using(), incident=first.upper())
    assert [item["event_id"] for item in page["items"]] == [item["event_id"] for item in items[1:3]]
    counted = await get(api, "/api/v1/counts", using(), incident=first, by="cause")
    assert counted["items"] == [{"cause": "credentials", "events": 2}]
    assert (await get(api, f"/api/v1/events/{items[0]['event_id']}", using()))["incident_id"] == conflict
    assert_problem(await api.get("/api/v1/events", headers=using(), params={"incident": "x"}), 422)


async def test_one_incident_tells_whom_it_hit_what_was_said_and_when(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    people = [{"id": f"{number:024x}", "type": "user", "username": f"person.{number}"} for number in (1, 2)]
    trail.insert(failed(1, resource=people[0], code="409"), failed(2, resource=people[1], code="409"))
    trail.insert(attempt(9, resource=people[0]))
    (identity,) = {item["incident_id"] for item in (await get(api, "/api/v1/events", using()))["items"]} - {None}
    put(trail, row(trail.organization, 1, incident_id=bytes.fromhex(identity), cause="conflict"))
    path = f"/api/v1/incidents/{identity}"
    whole = await get(api, path, using())
    assert (whole["incident_id"], whole["state"]) == (identity, "open")
    assert [(subject["name"], subject["attempts"], subject["mended_at"]) for subject in whole["subjects"]] == [
        ("person.2", 1, None),
        ("person.1", 1, "2026-03-19T11:09:00Z"),
    ]
    assert [(text["detail"], text["attempts"]) for text in whole["texts"]] == [("no · refused", 2)]
    assert whole["hours"] == [{"hour": "2026-03-19T11:00:00Z", "attempts": 2}]
    first = await get(api, path, using(), limit=1)
    rest = await get(api, path, using(), limit=1, cursor=first["next"])
    assert first["subjects"] + rest["subjects"] == whole["subjects"]
    assert (rest["texts"], rest["hours"], rest["next"]) == (None, None, None)
    assert_problem(await api.get(path, headers=using(), params={"cursor": "x"}), 400)


async def test_an_incident_shows_what_was_refused_beside_what_was_accepted(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    refused = trail.log(
        failed(
            2, code="400", details="title must not exceed 100 characters", changes=[{"field": "title", "to": "x" * 104}]
        )
    )
    trail.insert(attempt(1, changes=[{"field": "title", "to": "Chief"}]), refused)
    event = (await get(api, "/api/v1/events", using(), outcome="failure"))["items"][0]
    identity = event["incident_id"]
    told = {"incident_id": bytes.fromhex(identity), "cause": "invalid_value", "attribute": "title"}
    put(trail, row(trail.organization, 1, last_event=UUID(event["event_id"]), **told))
    whole = await get(api, f"/api/v1/incidents/{identity}", using())
    assert whole["blame"]["refused_shape"] == "text, 104 characters"
    assert whole["blame"]["accepted_shape"] == "text, 5 characters"
    assert "Chief" not in str(whole["blame"])
