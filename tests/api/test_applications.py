"""An application that no event names is refused by every route that asks for one, but by the live feed."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from queries.store import Store
from queries.tokens import Tokens
from tests.api.conftest import As
from tests.api.support import assert_problem
from tests.api.test_answers import get
from tests.queries.support import SLACK, Trail, at, attempt, failed
from tests.records import event

pytestmark = pytest.mark.store

PERSON = {"person": "ines.almeida"}
FILTERED = {
    "/api/v1/events": {},
    "/api/v1/counts": {},
    "/api/v1/stats": {},
    "/api/v1/failures": {},
    "/api/v1/failures/windows": {},
    "/api/v1/incidents": {},
    "/api/v1/findings": {},
    "/api/v1/findings/abcdef": {},
    "/api/v1/lifecycle": PERSON,
    "/api/v1/alerts": {},
    "/api/v1/alerts/stats": {},
    "/api/v1/exports/events": {},
    "/api/v1/exports/incidents": {},
    "/api/v1/exports/findings": {},
}
TOLD = "no application is known as 'statsik'; there are: statsig, slack"


@pytest.fixture(scope="module")
def two_apps(shared_store: Store) -> Trail:
    """One person with accounts in two, who was suspended. Nothing is added."""
    trail = Trail(shared_store, uuid4().hex[:24])
    trail.insert(
        attempt(0, "user_create_provision"),
        attempt(1, "user_create_provision", application=SLACK),
        event("user_suspended", timestamp=at(2), application=None),
        attempt(3, "user_deprovision", application=SLACK),
        failed(4, "user_deprovision"),
    )
    return trail


@pytest.fixture
def mine(tokens: Tokens, two_apps: Trail) -> dict[str, str]:
    return As(tokens, two_apps)()


@pytest.mark.parametrize("path", FILTERED)
async def test_one_that_no_event_names_is_refused_with_those_there_are(
    api: httpx.AsyncClient, mine: dict[str, str], path: str
) -> None:
    answer = await api.get(path, params={**FILTERED[path], "application": "statsik"}, headers=mine)
    problem = assert_problem(answer, 404)
    assert (problem["detail"], problem["near"]) == (TOLD, ["statsig"])


async def test_every_route_that_takes_one_is_tried_here(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    taking = {
        path.replace("{finding}", "abcdef")
        for path, operations in document["paths"].items()
        for each in operations.get("get", {}).get("parameters", ())
        if (each["in"], each["name"]) == ("query", "application")
    }
    assert taking == FILTERED.keys() | {"/api/v1/stream"}


async def test_the_live_feed_waits_for_one_that_is_not_seen_yet(api: httpx.AsyncClient, mine: dict[str, str]) -> None:
    answer = await api.get("/api/v1/stream", params={"application": "statsik"}, headers=mine)
    assert answer.status_code == 200


async def test_an_integration_of_no_known_application_is_told_the_same(
    api: httpx.AsyncClient, mine: dict[str, str]
) -> None:
    answer = await api.get("/api/v1/integrations/statsik", headers=mine)
    assert assert_problem(answer, 404)["detail"] == TOLD


@pytest.mark.parametrize("asked", ["slack", SLACK["id"], "Slack"])
async def test_a_lifecycle_in_one_application_keeps_what_happened_in_the_directory(
    api: httpx.AsyncClient, mine: dict[str, str], asked: str
) -> None:
    found = await get(api, "/api/v1/lifecycle", mine, **PERSON, application=asked)
    assert [account["application"] for account in found["accounts"]] == ["slack"]
    steps = [(step["application"], step["action"] or step["event_type"]) for step in found["items"]]
    assert steps == [("slack", "create"), ("", "user_suspended"), ("slack", "deprovision")]


async def test_what_became_known_later_is_counted_in_that_application(
    api: httpx.AsyncClient, mine: dict[str, str]
) -> None:
    counts = [
        (await get(api, "/api/v1/lifecycle", mine, **PERSON, **asked))["later"]
        for asked in ({"known_at": "1h"}, {"known_at": "1h", "application": "slack"}, {"known_at": "0s"}, {})
    ]
    assert counts == [5, 3, 0, 0]


async def test_pages_of_a_lifecycle_in_one_application_are_the_whole_one(
    api: httpx.AsyncClient, mine: dict[str, str]
) -> None:
    asked = {**PERSON, "application": "statsig"}
    whole = (await get(api, "/api/v1/lifecycle", mine, **asked))["items"]
    first = await get(api, "/api/v1/lifecycle", mine, **asked, limit=2)
    rest = await get(api, "/api/v1/lifecycle", mine, **asked, cursor=first["next"])
    assert (len(whole), [*first["items"], *rest["items"]], rest["next"]) == (3, whole, None)
    other = await api.get(
        "/api/v1/lifecycle", params={**asked, "application": "slack", "cursor": first["next"]}, headers=mine
    )
    assert "cursor" in assert_problem(other, 400)["detail"]
