"""Who one person is, over HTTP: the answer whole, and decisions that reach the log and nothing else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from schemas.identity import read_identity_decision
from tests.api.conftest import As
from tests.api.support import Log, assert_problem
from tests.queries.people_events import ADDRESS, ANA, BEN, CLEO, created, deleted, person, used
from tests.queries.support import Trail
from tests.records import Record

pytestmark = pytest.mark.store

PATH = "/api/v1/people"


def rehired(trail: Trail) -> list[str]:
    """Ana leaves and comes back under another id and name; the ids of the events."""
    events = [
        created(0, person(ANA, "ana.lima", ADDRESS), employeeIdentifier="4711"),
        deleted(30, person(ANA, "ana.lima")),
        created(50, person(BEN, "ana.costa", ADDRESS), employeeIdentifier="4711"),
    ]
    records = [trail.log(raw) for raw in events]
    trail.insert(*records)
    return [dict(record.headers)["ce_id"].decode() for record in records]


async def test_the_answer_is_all_that_the_log_tells(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    first, end, second = rehired(trail)
    found = (await api.get(f"{PATH}/ANA.Costa", headers=using())).json()
    assert found["person"] == {
        "organization": trail.organization,
        "subject_id": BEN,
        "names": ["ana.costa", ADDRESS, "ana.lima"],
        "subject_ids": [ANA, BEN],
        "note": "",
    }
    times = {first: "2026-03-19T11:00:00Z", end: "2026-03-19T11:30:00Z", second: "2026-03-19T11:50:00Z"}
    assert found["ids"] == [
        {
            "subject_id": ANA, "first_seen": times[first], "last_seen": times[end], "events": 2,
            "ended_at": times[end], "ended_by": end,
        },
        {
            "subject_id": BEN, "first_seen": times[second], "last_seen": times[second], "events": 1,
            "ended_at": None, "ended_by": None,
        },
    ]  # fmt: skip

    def alias(own: str, kind: str, value: str, first: str, last: str) -> dict[str, Any]:
        return {
            "subject_id": own, "kind": kind, "value": value, "spelt": value, "since": times[first],
            "first_event": first, "last_seen": times[last], "last_event": last, "until": None, "until_event": None,
        }  # fmt: skip

    assert found["aliases"] == [
        alias(ANA, "email", ADDRESS, first, first),
        alias(ANA, "employee", "4711", first, first),
        alias(ANA, "name", "ana.lima", first, end),
        alias(BEN, "email", ADDRESS, second, second),
        alias(BEN, "employee", "4711", second, second),
        alias(BEN, "name", "ana.costa", second, second),
    ]
    shared = {"first_event": first, "second_event": second}
    assert found["links"] == [
        {
            "first": ANA, "second": BEN, "strength": "strong", "decision": None,
            "evidence": [
                {"kind": "employee", "value": "4711", **shared},
                {"kind": "email", "value": ADDRESS, **shared},
            ],
        }
    ]  # fmt: skip
    assert (found["hints"], found["at"]) == ([], None)
    then = (await api.get(f"{PATH}/{ANA}", headers=using(), params={"at": "2026-03-19T11:10:00Z"})).json()
    assert {item["subject_id"] for item in then["aliases"]} == {ANA}


async def test_a_full_name_is_told_as_it_is_spelt(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(
        created(0, person(ANA, "ana.lima"), firstname="Ana", lastname="de Lima"),
        created(20, person(ANA, "ana.lima"), displayName="Ana McLima"),
    )
    found = (await api.get(f"{PATH}/ana.lima", headers=using())).json()
    names = [(alias["value"], alias["spelt"]) for alias in found["aliases"] if alias["kind"] == "full_name"]
    assert names == [("ana de lima", "Ana de Lima"), ("ana mclima", "Ana McLima")]


async def test_a_decision_goes_on_the_log_with_who_made_it_and_why(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    rehired(trail)
    body = {"first": ANA, "second": BEN, "because": "another Ana"}
    made = (await api.post(f"{PATH}/separate", json=body, headers=using("admin"))).json()
    assert made.pop("note") == ""
    (sealed,) = log.sealed
    assert made == {
        "first": ANA, "second": BEN, "linked": False, "at": "2026-03-19T12:00:00Z", "by": "test",
        "because": "another Ana", "event_id": str(sealed.event_id),
    }  # fmt: skip
    decision = read_identity_decision(sealed.value, sealed.event_id)
    assert decision is not None
    assert (decision.linked, decision.by, decision.because) == (False, "test", "another Ana")
    stamp = int(decision.at.timestamp() * 1000)
    trail.insert(Record(sealed.value, sealed.headers, 10_000, stamp, key=sealed.key))
    apart = (await api.get(f"{PATH}/{BEN}", headers=using())).json()
    assert (apart["person"]["subject_ids"], apart["links"]) == ([BEN], [])
    assert [(hint["why"], hint["decision"]) for hint in apart["hints"]] == [("told apart by hand", made)]


async def test_names_are_decided_about_as_the_ids_that_have_them_now(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    gone = person(ANA, "desk")
    trail.insert(used(0, gone), deleted(1, gone), used(2, person(BEN, "desk")), used(3, person(CLEO, "cleo")))
    body = {"first": "desk", "second": "Cleo", "because": "papers"}
    made = (await api.post(f"{PATH}/link", json=body, headers=using("admin"))).json()
    assert (made["first"], made["second"]) == (BEN, CLEO)
    assert made["note"] == f"{ANA} was seen as desk from 2026-03-19 11:00:00 to 2026-03-19 11:01:00"
    decision = read_identity_decision(log.sealed[0].value, log.sealed[0].event_id)
    assert decision is not None
    assert (decision.first, decision.second) == (BEN, CLEO)


async def test_a_name_that_several_have_decides_nothing(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    trail.insert(used(0, person(ANA, "support")), used(1, person(BEN, "support")), used(2, person(CLEO, "cleo")))
    body = {"first": "cleo", "second": "support", "because": "papers"}
    several = assert_problem(await api.post(f"{PATH}/link", json=body, headers=using("admin")), 409)
    assert [item["subject_id"] for item in several["candidates"]] == [ANA, BEN]
    assert log.sealed == []


async def test_a_group_is_no_person(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(used(0, {"id": BEN, "type": "user_group", "username": "data"}))
    found = assert_problem(await api.get(f"{PATH}/data", headers=using()), 404)
    assert found["detail"].startswith(f"data ({BEN}) is not a person but a group")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"second": "nobody"}, 404, id="an id that is none"),
        pytest.param({"second": ANA}, 400, id="one id twice"),
        pytest.param({"because": ""}, 422, id="without a reason"),
        pytest.param({"because": "x" * 501}, 422, id="a reason too long"),
        pytest.param({"extra": 1}, 422, id="a field that is none"),
    ],
)
async def test_what_cannot_be_decided_is_refused(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log, change: dict[str, Any], status: int
) -> None:
    rehired(trail)
    body = {"first": ANA, "second": BEN, "because": "papers", **change}
    assert_problem(await api.post(f"{PATH}/link", json=body, headers=using("admin")), status)
    assert log.sealed == []


async def test_only_an_administrator_of_the_organization_decides(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    rehired(trail)
    body = {"first": ANA, "second": BEN, "because": "papers"}
    assert_problem(await api.post(f"{PATH}/link", json=body, headers=using("ingest")), 403)
    assert_problem(await api.post(f"{PATH}/link", json=body, headers=using("admin", organization="other")), 404)
    assert log.sealed == []
    assert (await api.post(f"{PATH}/link", json=body, headers=using("admin"))).status_code == 200
    assert [envelope.organization for envelope in log.sealed] == [trail.organization]


async def test_whom_nobody_or_several_are_is_told(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(used(0, person(ANA, "support")), used(1, person(BEN, "support")))
    several = assert_problem(await api.get(f"{PATH}/support", headers=using()), 409)
    assert [item["subject_id"] for item in several["candidates"]] == [ANA, BEN]
    nobody = assert_problem(await api.get(f"{PATH}/suport", headers=using()), 404)
    assert nobody["near"] == ["support"]
    assert_problem(await api.get(f"{PATH}/x", headers=using(), params={"at": "soon"}), 400)
