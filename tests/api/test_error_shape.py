"""Every error of the API has one shape, whoever found it: RFC 9457 problem details.

The content type is `application/problem+json`. The body has `type` ("about:blank": the status says which),
`title` (the status in words), `status`, and `detail`: a sentence that names the parameter, record or object
and what to do. Some say more in members of their own: `errors` (which parameters are wrong), `candidates`
and `near` (people), `refused` (records), `id` (of a defect, to find it in the log). A 503 says when to come
again in `Retry-After`; a 401 or 403 how to authenticate in `WWW-Authenticate`.

An object of another organization is answered like one that does not exist. A defect shows nothing of its
inside: no traceback, no statement, no value.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from queries.api import problems
from queries.release import HEADER, RELEASE
from schemas.errors import BrokerAway, BrokerRefuses, Fatal, IdtrailError, StoreAway, UserError
from tests.api.conftest import As
from tests.api.support import Log, StoreThatFails, assert_problem
from tests.queries.support import Trail, attempt

pytestmark = pytest.mark.store

NOTHING = UUID(int=7)


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/console", 404, "there is nothing at /console"),
        ("GET", "/api/v1/nothing", 404, "there is nothing at /api/v1/nothing"),
        ("GET", "/api/v1/events/", 404, "there is nothing at /api/v1/events/"),
        ("GET", "/docs", 404, "there is nothing at /docs"),
        ("PUT", "/api/v1/events", 405, "PUT is not for this path"),
        ("DELETE", "/healthz", 405, "DELETE is not for this path"),
        ("GET", f"/api/v1/events/{NOTHING}", 404, f"no event {NOTHING}"),
        ("GET", f"/api/v1/events/{NOTHING}/raw", 404, f"no event {NOTHING}"),
        ("GET", f"/api/v1/dead-letters/{NOTHING}", 404, f"no dead letter {NOTHING}"),
        ("DELETE", f"/api/v1/tokens/{NOTHING}", 404, f"no token {NOTHING}"),
        ("GET", "/api/v1/events/x", 422, "event_id: must be a whole id as the lists show it, 36 characters"),
        ("GET", "/api/v1/dead-letters?state=lost", 422, "state: must be 'waiting', 'redriven' or 'discarded'"),
        ("GET", "/api/v1/incidents?state=open&state=lost", 422, "state: must be 'open', 'regressed', 'quiet' or"),
        ("GET", "/api/v1/events?limit=0", 422, "limit: "),
        ("GET", "/api/v1/events?limit=99999999999999999999999", 422, "limit: "),
        ("GET", "/api/v1/events?outcome=bad", 422, "outcome: must be "),
        ("GET", "/api/v1/events?cause=bad&kind=worse", 422, "kind: must be "),
        ("GET", "/api/v1/events?text=" + "x" * 300, 422, "text: "),
        ("GET", "/api/v1/counts?by=raw", 422, "by: must be "),
        ("GET", "/api/v1/lifecycle", 422, "person: is missing"),
        ("GET", "/api/v1/lifecycle?person=", 422, "person: must not be empty"),
        ("GET", "/api/v1/events?since=7d&subject=", 422, "subject: must not be empty"),
        ("GET", "/api/v1/events?type=user_update&type=", 422, "type: must not be empty"),
        ("GET", "/api/v1/counts?by=kind&text=&until=", 422, "text: must not be empty; until: must not be empty"),
        ("GET", "/api/v1/stream?actor=", 422, "actor: must not be empty"),
        ("GET", "/api/v1/exports/events?subject=&application=", 422, "subject: must not be empty"),
        ("GET", "/api/v1/incidents?subject=", 422, "subject: must not be empty"),
        ("GET", "/api/v1/failures?application=", 422, "application: must not be empty"),
        ("POST", "/api/v1/dead-letters/discard?reason=", 422, "reason: must not be empty"),
        ("GET", "/api/v1/people/", 422, "who: must not be empty"),
        ("GET", "/api/v1/alerts/zzz", 422, "alert_id: must be an id, or its beginning: 4 to 32 hexadecimal digits"),
        ("GET", "/api/v1/lifecycle?person=nobody", 404, "nobody is known as 'nobody'"),
        ("GET", "/api/v1/events?since=yesterday", 400, "since: 'yesterday' is neither a time"),
        ("GET", "/api/v1/events?since=2026-13-01", 400, "since: '2026-13-01' is neither a time"),
        ("GET", "/api/v1/events?since=0001-01-01", 400, "since: '0001-01-01' is out of range"),
        ("GET", "/api/v1/events?until=%00", 400, "until: "),
        (
            "GET",
            "/api/v1/events?since=2026-03-19&until=2026-03-18",
            400,
            "since (2026-03-19T00:00:00Z) must be before until (2026-03-18T00:00:00Z): swap them",
        ),
        (
            "GET",
            "/api/v1/lifecycle?person=nobody&since=2027-02-01",
            400,
            "since: 2027-02-01T00:00:00Z is in the future",
        ),
        ("GET", "/api/v1/people/nobody?at=2027-02-01", 400, "at: 2027-02-01T00:00:00Z is in the future"),
        ("GET", "/api/v1/exposures?at=2027-02-01", 400, "at: 2027-02-01T00:00:00Z is in the future"),
        ("GET", "/api/v1/events?cursor=nonsense", 400, "the cursor is not one of ours"),
        ("GET", "/api/v1/counts?by=day&by=hour&by=kind", 400, "count by at most two different dimensions"),
        (
            "GET",
            "/api/v1/stream?aplication=x",
            400,
            "there is no parameter 'aplication' here; did you mean application?",
        ),
        ("GET", "/api/v1/integrations?qqqqq=1", 400, "there is no parameter 'qqqqq' here; expected one of: "),
        (
            "POST",
            "/api/v1/dead-letters/discard?source=*&raeson=x",
            400,
            "there is no parameter 'raeson' here; did you mean reason?",
        ),
        ("POST", "/api/v1/tokens", 422, "body"),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(
    api: httpx.AsyncClient, using: As, method: str, path: str, status: int, detail: str
) -> None:
    found = assert_problem(await api.request(method, path, headers=using("admin")), status)
    assert found["detail"].startswith(detail)
    if status == 422:
        assert found["errors"][0]["where"]


READS = [
    "/api/v1/events",
    f"/api/v1/events/{NOTHING}",
    "/api/v1/counts",
    "/api/v1/failures",
    "/api/v1/failures/windows",
    "/api/v1/lifecycle?person=x",
    "/api/v1/exposures",
    "/api/v1/stats",
    "/api/v1/dead-letters",
    f"/api/v1/dead-letters/{NOTHING}",
]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    ("failure", "status"),
    [
        pytest.param(StoreAway("ClickHouse does not answer: refused"), 503, id="store away"),
        pytest.param(UserError("the query is too large: narrow its time range"), 400, id="too large a question"),
        pytest.param(Fatal("ClickHouse refused a statement: SELECT secret"), 500, id="a statement of ours refused"),
        pytest.param(RuntimeError("secret"), 500, id="a defect"),
    ],
)
async def test_a_store_that_fails_is_told_without_its_inside(
    api: httpx.AsyncClient,
    using: As,
    failing: StoreThatFails,
    logs: list[dict[str, Any]],
    path: str,
    failure: Exception,
    status: int,
) -> None:
    headers = using("read")
    failing.failure = failure
    answer = await api.get(path, headers=headers)
    found = assert_problem(answer, status)
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)
    if isinstance(failure, IdtrailError) and status != 500:
        assert found["detail"] == str(failure)
    if status == 500:
        assert found["id"] in found["detail"]
        assert [entry["id"] for entry in logs] == [found["id"]]


async def test_answers_tell_the_release_and_a_defect_after_an_upgrade_says_to_restart(
    api: httpx.AsyncClient, using: As, failing: StoreThatFails, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = using("read")
    assert (await api.get("/healthz")).headers[HEADER] == RELEASE
    failing.failure = RuntimeError("secret")
    monkeypatch.setattr(problems, "upgraded_beneath", lambda: "restart it")
    answer = await api.get("/api/v1/stats", headers=headers)
    assert assert_problem(answer, 500)["detail"].endswith(": restart it")


async def test_the_root_names_what_is_there(api: httpx.AsyncClient) -> None:
    answer = await api.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    named = re.findall(r"^  (/\S+)", answer.text, re.MULTILINE)
    assert named == ["/api/v1/", "/openapi.json", "/readyz", "/metrics"]
    for path in named[1:]:
        assert (await api.get(path)).status_code in (200, 401)


async def test_health_needs_no_token_and_readiness_says_what_is_away(
    api: httpx.AsyncClient, log: Log, failing: StoreThatFails
) -> None:
    assert (await api.get("/healthz?probe=1")).json() == {"status": "ok"}
    assert (await api.get("/readyz")).json() == {"status": "ready", "behind": 3}
    log.failure = BrokerAway("Kafka does not answer")
    assert "the broker is away" in assert_problem(await api.get("/readyz"), 503)["detail"]
    log.failure = BrokerRefuses("correct IDTRAIL_KAFKA_SASL_PASSWORD")
    assert "IDTRAIL_KAFKA_SASL_PASSWORD" in assert_problem(await api.get("/readyz"), 503)["detail"]
    failing.failure = StoreAway("ClickHouse does not answer")
    found = await api.get("/readyz")
    assert "the store is away" in assert_problem(found, 503)["detail"]
    assert found.headers["retry-after"]
    assert (await api.get("/healthz")).json() == {"status": "ok"}


async def test_people_who_are_not_one_are_told_apart(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(
        attempt(0, resource={"id": "1", "username": "ines"}), attempt(1, resource={"id": "2", "username": "Ines"})
    )
    answer = await api.get("/api/v1/lifecycle", params={"person": "INES"}, headers=using())
    found = assert_problem(answer, 409)
    assert [person["subject_id"] for person in found["candidates"]] == ["1", "2"]
    answer = await api.get("/api/v1/lifecycle", params={"person": "inez"}, headers=using())
    assert assert_problem(answer, 404)["near"] == ["ines"]


BODIES: list[Any] = [b"", b"{", b"[]", b'{"name": ""}', b'{"name": "x", "scopes": ["root"]}', b"\xff", b'{"name": 1}']


@pytest.mark.parametrize("body", [*BODIES, b'{"name": "x", "days": 0}', b'{"name": "x", "surprise": 1}'])
async def test_a_token_that_cannot_be_made_is_told_why(api: httpx.AsyncClient, using: As, body: bytes) -> None:
    headers = {**using("admin"), "Content-Type": "application/json"}
    answer = await api.post("/api/v1/tokens", content=body, headers=headers)
    assert_problem(answer, 400 if body == b"\xff" else 422)


async def test_a_body_that_is_too_large_is_cut_off(api: httpx.AsyncClient, using: As) -> None:
    headers = {**using("admin"), "Content-Type": "application/json"}
    answer = await api.post("/api/v1/tokens", content=b" " * 70_000, headers=headers)
    assert "larger than 65536 bytes" in assert_problem(answer, 413)["detail"]
