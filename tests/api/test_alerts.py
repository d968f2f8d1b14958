"""Alerts over the API: shapes, pages, one whole, and acts that reach the log with who did them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from schemas.alerts import Act
from schemas.errors import SpoolFull
from tests.alerts.records import ALERT_ID, SNOOZE, acted, detected
from tests.api.conftest import As
from tests.api.support import Log, assert_problem
from tests.api.test_answers import get
from tests.queries.alert_rows import put_alerts
from tests.queries.support import Trail, attempt
from tests.records import NOON

pytestmark = pytest.mark.store

PATH = "/api/v1/alerts"
ONE = f"{PATH}/{ALERT_ID}"


def own(number: int) -> str:
    return f"{number:032x}"


async def test_alerts_come_in_pages_of_what_was_asked_for(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    put_alerts(trail, *(detected(alert_id=own(number), severity=each) for number, each in enumerate(("low", "high"))))
    put_alerts(trail, detected(alert_id=own(9), staging=True))
    trail.insert(attempt(0))  # the application is known
    mine = using()
    page = await get(api, PATH, mine, limit=1)
    (item,) = page["items"]
    assert (item["alert_id"], item["state"], item["state_since"]) == (own(1), "open", "2026-03-19T12:00:00Z")
    assert (item["people_named"], item["notes"], item["ended_at"]) == (list(detected().people_named), 0, None)
    rest = await get(api, PATH, mine, limit=1, cursor=page["next"])
    assert ([found["alert_id"] for found in rest["items"]], rest["next"]) == ([own(0)], None)
    tried = await get(api, PATH, mine, staging="true", severity=["high", "critical"], application="statsig")
    assert {found["alert_id"] for found in tried["items"]} == {own(1), own(9)}
    assert (await get(api, PATH, mine, state="resolved"))["items"] == []
    assert (await get(api, PATH, mine, rule="mass-deprovision"))["items"] == [], "in force, and nothing found"
    for path in (PATH, f"{PATH}/stats"):
        told = assert_problem(await api.get(path, headers=mine, params={"rule": "credentials-fail"}), 400)
        assert told["detail"] == "no rule is known as 'credentials-fail'; did you mean credentials-failing?"
    put_alerts(trail, detected(alert_id=own(7), rule_id="no-more-in-force"))
    assert [found["alert_id"] for found in (await get(api, PATH, mine, rule="no-more-in-force"))["items"]] == [own(7)]
    assert_problem(await api.get(PATH, headers=mine, params={"severity": "grave"}), 422)
    assert_problem(await api.get(PATH, headers=mine, params={"application": "statsigg"}), 404)


async def test_one_is_told_whole_by_the_beginning_of_its_id(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    put_alerts(trail, detected(), acted("acknowledge", 5, text="looking"), detected(alert_id=f"{ALERT_ID[:-1]}0"))
    whole = await get(api, ONE.upper().replace(PATH.upper(), PATH), using())
    assert [(each["what"], each["by"], each["text"]) for each in whole["history"]] == [
        ("opened", "", ""),
        ("acknowledge", "ada", "looking"),
    ]
    assert (whole["deliveries"], whole["state"], whole["remedy"]) == ([], "acknowledged", "Re-authorise it.")
    several = assert_problem(await api.get(f"{PATH}/{ALERT_ID[:6]}", headers=using()), 409)
    assert several["candidates"] == [f"{ALERT_ID[:-1]}0", ALERT_ID]
    assert_problem(await api.get(f"{PATH}/ffff", headers=using()), 404)
    assert_problem(await api.get(f"{PATH}/xyz", headers=using()), 422)
    assert_problem(await api.get(ONE, headers=using(organization="another")), 404)


async def test_they_are_counted(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    put_alerts(trail, detected(), acted("acknowledge", 5))
    found = await get(api, f"{PATH}/stats", using())
    assert (found["alerts"], found["states"], found["severities"]) == (1, {"acknowledged": 1}, {"high": 1})
    assert (found["acknowledge_seconds"], found["resolve_seconds"]) == (300, None)
    assert [each["rule_id"] for each in found["rules"]] == ["credentials-failing"]


@pytest.mark.parametrize(
    ("act", "body", "text", "state"),
    [
        pytest.param("acknowledge", {}, "", "acknowledged", id="acknowledged"),
        pytest.param("acknowledge", {"note": " mine "}, "mine", "acknowledged", id="acknowledged with a note"),
        pytest.param("resolve", {"because": "new token"}, "new token", "resolved", id="resolved"),
        pytest.param("note", {"text": "called them"}, "called them", "open", id="noted"),
        pytest.param("snooze", {"minutes": 30, "note": "deploy"}, "deploy", "snoozed", id="snoozed"),
        pytest.param("own", {"owner": "lin"}, "lin", "open", id="owned"),
        pytest.param("own", {"owner": ""}, "", "open", id="owned by nobody"),
    ],
)
async def test_an_act_goes_on_the_log_with_who_and_the_answer_has_it(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log, act: str, body: dict[str, Any], text: str, state: str
) -> None:
    put_alerts(trail, detected(triggered_at=NOON))
    answer = await api.post(f"{PATH}/{ALERT_ID[:8]}/{act}", headers=using("admin"), json=body)
    assert answer.status_code == 200, answer.text
    (done,) = log.acts
    assert (done.alert_id, done.organization, done.act) == (ALERT_ID, trail.organization, Act(act))
    assert (done.by, done.at, done.text) == ("test", NOON, text)
    assert done.until == (NOON + SNOOZE if act == "snooze" else None)
    told = answer.json()
    assert told["state"] == state
    assert told["owner"] == (text if act == "own" else "")


async def test_what_was_resolved_is_opened_again(api: httpx.AsyncClient, using: As, trail: Trail, log: Log) -> None:
    put_alerts(trail, detected(triggered_at=NOON), acted("resolve", 0))
    answer = await api.post(f"{ONE}/reopen", headers=using("admin"), json={"note": "not yet"})
    assert (answer.json()["state"], answer.json()["state_by"], answer.json()["reopened"]) == ("open", "test", True)
    assert [(done.act, done.text) for done in log.acts] == [(Act.REOPEN, "not yet")]


@pytest.mark.parametrize(
    ("act", "body", "state"),
    [
        pytest.param("acknowledge", {}, "acknowledged", id="acknowledged"),
        pytest.param("resolve", {"because": "its clock is wrong"}, "resolved", id="resolved"),
    ],
)
async def test_an_act_holds_at_once_where_the_clock_of_a_source_is_ahead(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log, act: str, body: dict[str, Any], state: str
) -> None:
    put_alerts(trail, detected())  # which held ten minutes from now
    answer = await api.post(f"{ONE}/{act}", headers=using("admin"), json=body)
    told = answer.json()
    assert (told["state"], told["state_since"], told["state_by"]) == (state, "2026-03-19T12:00:00Z", "test")
    put_alerts(trail, *log.acts)
    stored = await get(api, ONE, using())
    assert (stored["state"], stored["state_since"]) == (state, told["state_since"])
    assert [(each["what"], each["at"]) for each in stored["history"]][1:] == [(act, told["state_since"])]
    assert [each["alert_id"] for each in (await get(api, PATH, using(), state=state))["items"]] == [ALERT_ID]


@pytest.mark.parametrize(
    ("act", "body", "status", "said"),
    [
        pytest.param("acknowledge", {}, 409, "is resolved: there is nothing to acknowledge", id="means nothing"),
        pytest.param(
            "snooze", {"minutes": 5}, 409, "is resolved: there is nothing to snooze", id="nothing to wait for"
        ),
        pytest.param("resolve", {}, 422, "because: is missing", id="no reason"),
        pytest.param("resolve", {"because": "  "}, 422, "because: must not be empty", id="an empty reason"),
        pytest.param("note", {"text": "x" * 2_001}, 422, "text: ", id="a note too long"),
        pytest.param("snooze", {"minutes": 43_201}, 422, "minutes: ", id="a snooze for ever"),
        pytest.param("snooze", {"minutes": 0}, 422, "minutes: ", id="a snooze for no time"),
        pytest.param("note", {"text": "x", "by": "eve"}, 422, "by: ", id="in another's name"),
        pytest.param("delete", {}, 404, "there is nothing at", id="nothing deletes one"),
    ],
)
async def test_what_means_nothing_is_refused_and_not_logged(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log, act: str, body: dict[str, Any], status: int, said: str
) -> None:
    put_alerts(trail, detected(triggered_at=NOON), acted("resolve", 0))
    problem = assert_problem(await api.post(f"{ONE}/{act}", headers=using("admin"), json=body), status)
    assert said in problem["detail"]
    assert log.acts == []


async def test_acts_need_a_token_that_may_and_an_alert_of_its_organization(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    put_alerts(trail, detected())
    for headers, status in ((using("read", "ingest"), 403), (using("admin", organization="another"), 404)):
        assert_problem(await api.post(f"{ONE}/acknowledge", headers=headers, json={}), status)
    assert log.acts == []
    log.failure = SpoolFull("Kafka is away, and its spool has no room")
    assert_problem(await api.post(f"{ONE}/acknowledge", headers=using("admin"), json={}), 503)
