"""Redriving and discarding over HTTP: who may, what is meant, what is answered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from queries.arrow import DEAD_LETTERS_ARROW_SCHEMA, LETTER_DECISIONS_ARROW_SCHEMA, batch
from schemas.envelope import Source, Trust, dead_letter
from schemas.errors import MalformedRecord, SpoolFull
from schemas.letters import Coordinates, Verdict
from tests.api.conftest import As
from tests.api.support import Log, assert_problem
from tests.queries.support import Trail
from tests.records import NOON, event

pytestmark = pytest.mark.store

TOPIC = "idtrail.dead-letters"
REDRIVE, DISCARD = "/api/v1/dead-letters/redrive", "/api/v1/dead-letters/discard"


@pytest.fixture
def letters(trail: Trail, log: Log) -> list[UUID]:
    """Of a file: two that can be read now, the second discarded; one that cannot; one whose bytes are gone."""
    raws = [
        orjson.dumps(event(organization=trail.organization)),
        orjson.dumps(event(organization=trail.organization)),
        b'"a text"',
        b"",
    ]
    ids = [UUID(int=int(trail.organization, 16) * 8 + number) for number in range(len(raws))]
    source = Source("file:export.json", Trust.EXPORT, trail.organization)
    rows = [
        (
            letter_id.bytes,
            trail.organization,
            source.name,
            f"element {number}",
            "x",
            "x",
            number,
            9,
            TOPIC,
            0,
            number,
            0,
        )
        for number, letter_id in enumerate(ids)
    ]
    trail.store.insert_arrow("dead_letters", batch(rows, DEAD_LETTERS_ARROW_SCHEMA), trail.organization)
    at = int(NOON.timestamp() * 1000)
    decision = (
        trail.organization, ids[1].bytes, "discarded", at, "ada", "", "test data", bytes(16), TOPIC, 0, 9,
    )  # fmt: skip
    table = batch([decision], LETTER_DECISIONS_ARROW_SCHEMA)
    trail.store.insert_arrow("letter_decisions", table, trail.organization)
    for number, raw in enumerate(raws[:3]):
        _, value, headers = dead_letter(raw, source, MalformedRecord("x", reason="x"), f"element {number}")
        log.records[Coordinates(TOPIC, 0, number)] = value
        log.headers[Coordinates(TOPIC, 0, number)] = headers
    return ids


def outcomes(answer: httpx.Response, ids: list[UUID]) -> dict[int, str]:
    """By number of the letter."""
    assert answer.status_code == 200, answer.text
    return {ids.index(UUID(item["letter_id"])): item["outcome"] for item in answer.json()["items"]}


async def post(
    api: httpx.AsyncClient, path: str, headers: dict[str, str], body: dict[str, Any], **query: Any
) -> httpx.Response:
    return await api.post(path, params=query, json=body, headers=headers)


async def test_each_letter_is_told_what_became_of_it(
    api: httpx.AsyncClient, using: As, log: Log, letters: list[UUID]
) -> None:
    every = {0: "redriven", 1: "already_discarded", 2: "still_unreadable", 3: "gone"}
    dry = await post(api, REDRIVE, using("admin"), {"dry_run": True}, source="export.json")
    assert (outcomes(dry, letters), dry.json()["dry_run"], log.sealed, log.decisions) == (every, True, [], [])
    done = await post(api, REDRIVE, using("admin"), {}, source="export.json")
    assert outcomes(done, letters) == every
    assert [str(envelope.event_id) for envelope in log.sealed] == [
        item["event_id"] for item in done.json()["items"] if item["event_id"]
    ]
    assert sorted((decision.verdict, decision.by) for decision in log.decisions) == [
        (Verdict.REDRIVEN, "test"),
        (Verdict.STILL_UNREADABLE, "test"),
    ]
    named = await post(api, REDRIVE, using("admin"), {}, id=str(letters[1]))
    assert outcomes(named, letters) == {1: "redriven"}


async def test_pages_are_the_whole(api: httpx.AsyncClient, using: As, letters: list[UUID]) -> None:
    headers, found = using("admin"), dict[int, str]()
    query: dict[str, str] = {}
    while True:
        answer = await post(api, DISCARD, headers, {"because": "old"}, reason="x", limit=3, **query)
        found |= outcomes(answer, letters)
        if answer.json()["next"] is None:
            break
        query = {"cursor": answer.json()["next"]}
    assert found == {0: "discarded", 1: "already_discarded", 2: "discarded", 3: "discarded"}


async def test_a_discard_is_recorded_with_who_and_why(
    api: httpx.AsyncClient, using: As, log: Log, letters: list[UUID]
) -> None:
    dry = await post(api, DISCARD, using("admin"), {"because": "x", "dry_run": True}, id=str(letters[0]))
    assert (outcomes(dry, letters), log.decisions) == ({0: "discarded"}, [])
    await post(api, DISCARD, using("admin"), {"because": " a load test "}, id=str(letters[0]))
    (decision,) = log.decisions
    assert (decision.verdict, decision.by, decision.message, decision.at) == (
        Verdict.DISCARDED, "test", "a load test", NOON,
    )  # fmt: skip
    assert decision.letter.letter_id == letters[0]


async def test_the_list_shows_states_and_is_narrowed_by_them(
    api: httpx.AsyncClient, using: As, letters: list[UUID]
) -> None:
    headers = using()
    items = (await api.get("/api/v1/dead-letters", params={"state": "discarded"}, headers=headers)).json()["items"]
    assert [(item["letter_id"], item["decided_by"], item["decision_message"]) for item in items] == [
        (str(letters[1]), "ada", "test data")
    ]
    items = (await api.get("/api/v1/dead-letters", params={"state": "waiting"}, headers=headers)).json()["items"]
    assert {item["letter_id"] for item in items} == {str(letters[number]) for number in (0, 2, 3)}
    (counts,) = (await api.get("/api/v1/dead-letters/stats", headers=headers)).json()["items"]
    assert (counts["letters"], counts["waiting"], counts["discarded"]) == (4, 3, 1)
    assert (await api.get("/api/v1/stats", headers=headers)).json()["dead_letters"] == 3  # those that wait
    shown = (await api.get(f"/api/v1/dead-letters/{letters[1]}", headers=headers)).json()
    assert [found["message"] for found in shown["decisions"]] == ["test data"]


@pytest.mark.parametrize(
    ("path", "body", "query", "status", "told"),
    [
        pytest.param(REDRIVE, {}, {}, 400, "say which letters", id="nothing named"),
        pytest.param(DISCARD, {"because": "x"}, {"state": "waiting"}, 400, "say which", id="a state is no choice"),
        pytest.param(DISCARD, {}, {"reason": "x"}, 422, "because", id="no reason given"),
        pytest.param(DISCARD, {"because": "  "}, {"reason": "x"}, 422, "because", id="an empty reason"),
        pytest.param(REDRIVE, {}, {"id": str(UUID(int=1))}, 404, "no dead letter", id="unknown id"),
        pytest.param(REDRIVE, {"into": "other"}, {"reason": "x"}, 404, "no organization", id="into another's"),
        pytest.param(REDRIVE, {"dry": True}, {"reason": "x"}, 422, "dry", id="misspelt option"),
    ],
)
async def test_what_cannot_be_done_is_a_problem(
    api: httpx.AsyncClient, using: As, log: Log, letters: list[UUID],
    path: str, body: dict[str, Any], query: dict[str, str], status: int, told: str,
) -> None:  # fmt: skip
    answer = await post(api, path, using("admin"), body, **query)
    assert told in assert_problem(answer, status)["detail"]
    assert log.decisions == []


async def test_only_an_admin_may_and_only_in_its_organization(
    api: httpx.AsyncClient, using: As, log: Log, letters: list[UUID]
) -> None:
    for path, body in ((REDRIVE, {}), (DISCARD, {"because": "x"})):
        for scope in ("read", "ingest"):
            assert_problem(await post(api, path, using(scope), body, id=str(letters[0])), 403)
        other = using("admin", organization="another")
        assert_problem(await post(api, path, other, body, id=str(letters[0])), 404)
    assert (log.sealed, log.decisions) == ([], [])


async def test_a_full_spool_leaves_the_letters_waiting(
    api: httpx.AsyncClient, using: As, log: Log, letters: list[UUID]
) -> None:
    log.failure = SpoolFull("the spool has no room")
    assert_problem(await post(api, REDRIVE, using("admin"), {}, reason="x"), 503)
    assert log.decisions == []
