"""Who may ask what: no token, the wrong scope, another organization's objects."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import httpx
import pytest

from queries.arrow import DEAD_LETTERS_ARROW_SCHEMA, batch
from queries.tokens import Tokens
from tests.api.conftest import ADMIN, As
from tests.api.support import Log, assert_problem
from tests.queries.incident_rows import put as put_incidents
from tests.queries.incident_rows import row as incident_row
from tests.queries.support import Trail, attempt, failed, id_of
from tests.records import ORGANIZATION, event

pytestmark = pytest.mark.store

OPEN = {"/healthz", "/readyz", "/openapi.json"}
READS = [
    "/api/v1/events",
    "/api/v1/counts",
    "/api/v1/failures",
    "/api/v1/failures/windows",
    "/api/v1/incidents",
    "/api/v1/exposures",
    "/api/v1/integrations",
    "/api/v1/integrations/health",
    "/api/v1/stats",
    "/api/v1/dead-letters",
    "/api/v1/dead-letters/stats",
    "/api/v1/whoami",
    "/api/v1/health",
]


async def test_no_route_but_health_and_the_document_works_without_a_token(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    asked = 0
    for path, operations in document["paths"].items():
        if path in OPEN:
            continue
        url = re.sub(r"\{(\w+)\}", lambda name: uuid4().hex if name[1].endswith("_id") else "anybody", path)
        for method, operation in operations.items():
            assert operation["security"] == [{"token": []}], path
            for headers in ({}, {"Authorization": "Bearer idt_wrong"}, {"Authorization": f"Basic {ADMIN}"}):
                answer = await api.request(
                    method, url, headers=headers, json={"name": "x"} if method == "post" else None
                )
                assert_problem(answer, 401)
                assert answer.headers["www-authenticate"] == "Bearer"
                asked += 1
    assert asked > 40


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("read", "GET", "/api/v1/events", 200),
        ("read", "POST", "/api/v1/events", 403),
        ("read", "GET", "/api/v1/tokens", 403),
        ("ingest", "POST", "/api/v1/events", 200),
        ("ingest", "GET", "/api/v1/events", 403),
        ("ingest", "POST", "/api/v1/tokens", 403),
        ("admin", "GET", "/api/v1/events", 200),
        ("admin", "POST", "/api/v1/events", 200),
        ("admin", "GET", "/api/v1/tokens", 200),
    ],
)
async def test_a_token_does_what_its_scope_says(
    api: httpx.AsyncClient, using: As, trail: Trail, scope: str, method: str, path: str, status: int
) -> None:
    body = event(organization=trail.organization) if method == "POST" else None
    answer = await api.request(method, path, headers=using(scope), json=body)
    if status == 403:
        assert "lacks the scope" in assert_problem(answer, 403)["detail"]
    else:
        assert answer.status_code == status, answer.text


async def test_a_revoked_token_stops_at_once(api: httpx.AsyncClient, using: As) -> None:
    made = (await api.post("/api/v1/tokens", json={"name": "short"}, headers=using("admin"))).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert (await api.get("/api/v1/whoami", headers=headers)).json()["name"] == "short"
    assert (await api.delete(f"/api/v1/tokens/{made['token_id']}", headers=using("admin"))).status_code == 204
    assert_problem(await api.get("/api/v1/whoami", headers=headers), 401)


async def test_a_token_of_a_name_that_is_taken_is_not_made(api: httpx.AsyncClient, using: As) -> None:
    mine = using("admin")
    for name, status in (("ada", 201), ("ada", 400), ("Ada ", 400), ("IDTRAIL_ADMIN_TOKEN", 400), ("a\x1b", 400)):
        answer = await api.post("/api/v1/tokens", json={"name": name}, headers=mine)
        assert answer.status_code == status, answer.text
    assert "\\x1b" not in answer.text
    listed = (await api.get("/api/v1/tokens", headers=mine)).json()["items"]
    assert sorted(item["name"] for item in listed) == ["ada", "test"]


async def test_another_organizations_objects_are_not_there(
    api: httpx.AsyncClient, using: As, trail: Trail, tokens: Tokens, log: Log
) -> None:
    record = trail.log(failed(0, "user_deprovision"))
    trail.insert(record)
    letter = UUID(int=int(trail.organization, 16))
    row = (letter.bytes, trail.organization, "s", "p", "r", "m", 0, 1, "idtrail.dead-letters", 0, 0, 0)
    trail.store.insert_arrow("dead_letters", batch([row], DEAD_LETTERS_ARROW_SCHEMA), trail.organization)
    log.records["idtrail.dead-letters", 0, 0] = b"theirs \xff"
    incident = incident_row(trail.organization, 1)
    put_incidents(trail, incident)
    _, theirs = tokens.create("theirs", ["read"], trail.organization)

    mine, other = using("admin"), using("admin", organization="another")
    objects = [
        f"/api/v1/events/{id_of(record)}",
        f"/api/v1/events/{id_of(record)}/raw",
        "/api/v1/lifecycle?person=ines.almeida",
        f"/api/v1/incidents/{incident['incident_id'].hex()}",
        f"/api/v1/dead-letters/{letter}",
        f"/api/v1/dead-letters/{letter}/raw",
    ]
    for path in objects:
        assert (await api.get(path, headers=mine)).status_code == 200, path
        assert_problem(await api.get(path, headers=other), 404)
    for path in READS:
        named = {"organization": trail.organization}
        assert_problem(await api.get(path, headers=other, params=named), 404) if path != "/api/v1/whoami" else None
        assert trail.organization not in (await api.get(path, headers=other)).text, path
    assert_problem(await api.delete(f"/api/v1/tokens/{theirs.token_id}", headers=other), 404)
    assert str(theirs.token_id) not in (await api.get("/api/v1/tokens", headers=other)).text
    for wanted in (trail.organization, "*"):
        answer = await api.post("/api/v1/tokens", json={"name": "x", "organization": wanted}, headers=other)
        assert_problem(answer, 404)
    assert (await api.get(f"/api/v1/dead-letters/{letter}/raw", headers=mine)).content == b"theirs \xff"


async def test_a_token_of_every_organization_sees_all_or_the_one_it_names(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    other = Trail(trail.store, uuid4().hex[:24])
    mine, theirs = trail.log(attempt(0)), other.log(attempt(0))
    trail.insert(mine)
    other.insert(theirs)
    headers = using.everywhere("read")
    whole = (await api.get("/api/v1/events?limit=1000", headers=headers)).json()["items"]
    assert {id_of(mine), id_of(theirs)} <= {item["event_id"] for item in whole}
    one = (await api.get("/api/v1/events", headers=headers, params={"organization": other.organization})).json()
    assert [item["event_id"] for item in one["items"]] == [id_of(theirs)]


async def test_the_deployments_own_token_may_make_any(api: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {ADMIN}"}
    wanted = {"name": "reader", "scopes": ["read"], "organization": ORGANIZATION, "days": 30}
    answer = await api.post("/api/v1/tokens", json=wanted, headers=headers)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["organization"], made["scopes"]) == (ORGANIZATION, ["read"])
    assert made["expires_at"] == "2026-04-18T12:00:00Z"
    listed = (await api.get("/api/v1/tokens", headers=headers)).text
    assert made["token_id"] in listed
    assert made["token"] not in listed
