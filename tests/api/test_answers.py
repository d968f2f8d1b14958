"""The API's answers: shapes as its document says, pages, exact bytes; hostile values in every parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from queries.api import documents
from queries.arrow import DEAD_LETTERS_ARROW_SCHEMA, batch
from queries.store import Store
from queries.tokens import Tokens
from tests.api.conftest import ADMIN, As, now
from tests.api.support import Log, assert_problem
from tests.queries.support import SLACK, Trail, attempt, failed, id_of
from tests.queries.test_events import HOSTILE
from tests.records import event, record_of

pytestmark = pytest.mark.store

ROOT = Path(__file__).parents[2]


def story(trail: Trail) -> str:
    """Ines comes, fails, leaves; the id of the failed closing."""
    record = trail.log(failed(2, "user_deprovision"))
    trail.insert(
        attempt(0, "user_create_provision"),
        failed(1, code="400", details="title is too long", changes=[{"field": "title", "to": "x"}]),
        record,
        attempt(3, "user_deprovision", application=SLACK),
        event(timestamp="?"),
    )
    return id_of(record)


async def get(api: httpx.AsyncClient, path: str, headers: dict[str, str], **parameters: Any) -> Any:
    answer = await api.get(path, headers=headers, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_answers_say_what_the_screens_show(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    event_id = story(trail)
    mine = using("read")
    page = await get(api, "/api/v1/events", mine, limit=2)
    assert [item["event_type"] for item in page["items"]] == ["user_deprovision"] * 2
    rest = await get(api, "/api/v1/events", mine, limit=2, cursor=page["next"])
    assert (len(rest["items"]), rest["next"]) == (2, None)
    assert (await get(api, "/api/v1/events", mine, time="unplaced"))["items"][0]["time_quality"] == "garbage"

    one = await get(api, f"/api/v1/events/{event_id}", mine)
    assert one["occurred_at"] == "2026-03-19T11:02:00Z"
    assert one["copies"][0]["in_force"]
    assert (one["cause"], one["blame"]["attribute"]) == ("credentials", "")
    refused = (await get(api, "/api/v1/events", mine, cause="invalid_value"))["items"][0]["event_id"]
    blame = (await get(api, f"/api/v1/events/{refused}", mine))["blame"]
    assert (blame["attribute"], blame["refused_shape"], blame["whose"]) == ("title", "text, 1 character", "")

    failures = await get(api, "/api/v1/failures", mine)
    assert (failures["attempts"], failures["failures"], failures["share"], failures["total"]) == (4, 2, 0.5, 2)
    assert {group["state"] for group in failures["items"]} == {"open"}

    told = await get(api, "/api/v1/lifecycle", mine, person="Ines.Almeida")
    assert [item["time_quality"] for item in told["items"]] == ["garbage", "ok", "ok", "ok", "ok"]
    assert told["items"][2]["changed"] == ["title"]
    assert {item["application"]: (item["state"], item["exposed"]) for item in told["accounts"]} == {
        "slack": ("closed", False),
        "statsig": ("open", True),
    }
    assert {item["initial"]: item["changes"] for item in told["accounts"]} == {"unknown": [], "absent": []}
    told = await get(api, "/api/v1/lifecycle", mine, person="ines.almeida", timeline=True, known_at="1h")
    assert (told["items"], told["accounts"]) == ([], [])
    assert (told["known_at"], told["later"]) == ("2026-03-19T11:00:00Z", 5)
    told = await get(api, "/api/v1/lifecycle", mine, person="ines.almeida", timeline=True)
    assert [change["view"] for change in told["accounts"][0]["changes"]] == ["intended", "confirmed"]
    exposures = await get(api, "/api/v1/exposures", mine)
    assert [(item["person"], item["application"]) for item in exposures["items"]] == [("ines.almeida", "statsig")]
    assert [item["namesakes"] for item in exposures["items"]] == [False]
    assert (exposures["total"], exposures["used_total"], exposures["reported_absent_total"]) == (1, 0, 0)
    assert (exposures["sign_ins_unknown_total"], exposures["items"][0]["sign_ins_known"]) == (1, False)

    stats = await get(api, "/api/v1/stats", mine)
    assert (stats["events"], stats["unplaced"], stats["people"], stats["behind"]) == (4, 1, 1, 3)
    assert stats["log"] == [], "where the log ends tells how much the other organizations send"
    told = await get(api, "/api/v1/stats", using.everywhere())
    assert told["log"][0] == {"topic": "idtrail.events", "partition": 0, "end": 10, "stored": 7}
    integrations = await get(api, "/api/v1/integrations", mine)
    assert [(item["application"], item["failures_since_success"]) for item in integrations["items"]] == [
        ("statsig", 2),
        ("slack", 0),
    ]
    assert integrations["items"][0]["last_failure"]["event_id"] == event_id
    counts = await get(api, "/api/v1/counts", mine, by=["application", "outcome"])
    assert {"application": "statsig", "outcome": "failure", "events": 2} in counts["items"]


async def test_what_is_new_in_the_records_is_told_to_its_organization_alone(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    trail.insert(event(planet="mars"), event("moon_landing"), event())
    found = await get(api, "/api/v1/schema/drift", using("read"), limit=1)

    assert (len(found["items"]), found["total"]) == (1, 2)
    everything = await get(api, "/api/v1/schema/drift", using("read"))
    assert {(item["kind"], item["name"], item["events"]) for item in everything["items"]} == {
        ("new_field", "planet", 1),
        ("unknown_type", "moon_landing", 1),
    }
    other = await get(api, "/api/v1/schema/drift", using("read", organization="elsewhere"))
    assert other == {"items": [], "total": 0}


async def test_an_event_comes_back_byte_for_byte(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    value = ('{ "timestamp" : "2026-03-19T11:00:00Z",\t"id":"x", "name": "\\u0000\\ud800 é\\/" ,"n":1.50,"n":1e400, '
             f'"organization":"{trail.organization}"}}').encode()  # fmt: skip
    record = record_of(value, offset=99)
    trail.insert(record)
    answer = await api.get(f"/api/v1/events/{id_of(record)}/raw", headers=using())
    assert answer.content == value
    assert answer.headers["content-type"] == "application/json"
    (copy,) = (await get(api, f"/api/v1/events/{id_of(record)}", using()))["copies"]
    assert copy["raw"].encode() == value


PARAMETERS = {
    "/api/v1/events": ("type", "application", "subject", "actor", "text", "since", "cursor", "organization"),
    "/api/v1/counts": ("type", "application subject actor text"),
    "/api/v1/stats": ("application subject actor text",),
    "/api/v1/failures": ("type", "application subject", "until"),
    "/api/v1/failures/windows": ("type", "application"),
    "/api/v1/incidents": ("application subject", "state", "cursor"),
    "/api/v1/lifecycle": ("person", "cursor"),
    "/api/v1/dead-letters": ("id", "source", "reason", "since", "until", "cursor"),
    "/api/v1/dead-letters/stats": ("id", "source", "reason", "since", "until"),
}
"""Those that may have any value are given it at once."""


@pytest.fixture(scope="module")
def reader(shared_store: Store) -> dict[str, str]:
    """Headers of who reads one attempt, to which nothing is added: for tests that ask in many ways."""
    trail = Trail(shared_store, uuid4().hex[:24])
    trail.insert(attempt(0))
    return As(Tokens(shared_store, now, ADMIN), trail)()


@pytest.mark.parametrize("text", [*HOSTILE, "%", "_", "x" * 200, "\ufffd", "0", "null", "\U0001f4a9" * 50])
@pytest.mark.parametrize("path", PARAMETERS)
async def test_hostile_values_find_nothing_and_break_nothing(
    api: httpx.AsyncClient, reader: dict[str, str], path: str, text: str
) -> None:
    for names in PARAMETERS[path]:
        person = {"person": "nobody"} if path.endswith("lifecycle") and names != "person" else {}
        answer = await api.get(path, params={**person, **dict.fromkeys(names.split(), text)}, headers=reader)
        assert answer.status_code in (200, 400, 404, 422), answer.text
        if answer.status_code == 200 and path == "/api/v1/events" and text not in "_%":
            assert answer.json()["items"] == []


@pytest.mark.parametrize(
    "path", ["/api/v1/events", "/api/v1/counts", "/api/v1/stats", "/api/v1/failures", "/api/v1/exports/events"]
)
async def test_a_type_that_nobody_knows_is_refused_with_those_like_it(
    api: httpx.AsyncClient, reader: dict[str, str], path: str
) -> None:
    for known in ("user_deprovision", "integration_activate", "login_attempt"):
        assert (await api.get(path, headers=reader, params={"type": known})).status_code == 200
    asked = {"type": ["user_deprovision", "user_deprovisoin"]}
    told = assert_problem(await api.get(path, headers=reader, params=asked), 400)["detail"]
    assert told.startswith("no event type is known as 'user_deprovisoin'; did you mean user_deprovision or ")


async def test_a_type_that_only_events_have_can_be_asked_for(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(event("moon_landing_of_ours"))
    asked = {"type": "moon_landing_of_ours"}
    assert len((await api.get("/api/v1/events", headers=using(), params=asked)).json()["items"]) == 1
    assert_problem(await api.get("/api/v1/events", headers=using(organization="another"), params=asked), 400)


@pytest.mark.parametrize("raw", ["%ff%fe", "%00", "a%0d%0ab", "%f0%9f"])
async def test_parameters_that_are_no_text_break_nothing(api: httpx.AsyncClient, using: As, raw: str) -> None:
    answer = await api.get(f"/api/v1/events?subject={raw}", headers=using())
    assert answer.json() == {"items": [], "next": None}
    answer = await api.get(f"/api/v1/events/{quote('..')}%2f..%2fwhoami/{raw}", headers=using())
    assert answer.status_code == 404


async def test_a_dead_letter_is_shown_with_its_bytes(api: httpx.AsyncClient, using: As, trail: Trail, log: Log) -> None:
    letter = bytes.fromhex(trail.organization).rjust(16, b"\1")
    first, last = "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"
    row = (
        letter,
        trail.organization,
        "file:x",
        "element 7",
        "not_json",
        "not JSON",
        0,
        3,
        "idtrail.dead-letters",
        2,
        9,
        0,
    )
    trail.store.insert_arrow("dead_letters", batch([row], DEAD_LETTERS_ARROW_SCHEMA), trail.organization)
    (item,) = (await get(api, "/api/v1/dead-letters", using(), source="FILE:"))["items"]
    assert await get(api, "/api/v1/dead-letters/stats", using()) == {
        "items": [
            {
                "reason": "not_json",
                "source": "file:x",
                "letters": 1,
                "waiting": 1,
                "redriven": 0,
                "discarded": 0,
                "first": first,
                "last": last,
            }
        ]
    }
    path = f"/api/v1/dead-letters/{item['letter_id']}"
    assert (await get(api, path, using()))["raw"] is None
    gone = await api.get(f"{path}/raw", headers=using())
    assert (gone.status_code, gone.json()["detail"]) == (404, "idtrail.dead-letters[2]@9 is no longer on the log")
    log.records["idtrail.dead-letters", 2, 9] = b"\xffno"
    assert (await get(api, path, using()))["raw"] == "\ufffdno"
    assert (await api.get(f"{path}/raw", headers=using())).content == b"\xffno"


def test_the_committed_document_is_the_apis() -> None:
    for path, text in documents().items():
        assert (ROOT / path).read_text() == text, f"{path}: run `make generate` and look at what changed"
