"""The live feed over HTTP: what stands on the wire, who sees what, where a reader begins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from queries.api import stream
from queries.feed import About, Message, Start
from queries.tokens import Tokens
from schemas.alerts import dumped
from schemas.errors import BrokerAway, Gone
from streams.follower import event_item, is_failed_attempt
from streams.rows import read
from tests.alerts.records import acted
from tests.api.conftest import As
from tests.api.support import Played, assert_problem
from tests.queries.support import SLACK, Trail, attempt, failed
from tests.records import NOON

pytestmark = pytest.mark.store

PATH = "/api/v1/stream"


def played(trail: Trail, *events: dict[str, Any]) -> list[Message]:
    """These events as messages, in the store too; positions count them."""
    records = [trail.log(raw) for raw in events]
    trail.insert(*records)
    items = [event_item(read(record)) for record in records]
    written = [orjson.dumps(item, option=orjson.OPT_UTC_Z) for item in items]
    made = enumerate(zip(items, written, strict=True))
    return [Message(About.EVENT, item, data, f"1.{n}", is_failed_attempt(item)) for n, (item, data) in made]


def incident(trail: Trail, **fields: Any) -> Message:
    """An incident at position 1.f."""
    item = {"incident_id": "i1", "organization": trail.organization, "application_id": SLACK["id"]}
    item |= {"application": SLACK["name"], "cause": "credentials", **fields}
    return Message(About.INCIDENT, item, orjson.dumps(item), "1.f")


def alerting(trail: Trail) -> Message:
    """What somebody did about an alert, at position 1.a."""
    item = dumped(acted("acknowledge", 5, organization=trail.organization))
    return Message(About.ALERT, item, orjson.dumps(item), "1.a")


def told(answer: httpx.Response) -> list[dict[str, str]]:
    """The messages on the wire, by field; comments left out."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [
        dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        for block in answer.text.removesuffix("\n\n").split("\n\n")
    ]


async def test_an_event_is_shown_as_the_lists_show_it(
    api: httpx.AsyncClient, using: As, feed: Played, trail: Trail
) -> None:
    feed.messages = played(trail, attempt(1, "user_create_provision"), failed(2, code="409", details="title: taken"))
    opening, *shown, sign_of_life, last = told(await api.get(PATH, headers=using()))
    listed = (await api.get("/api/v1/events", headers=using(), params={"since": "2026-03-19"})).json()["items"]
    assert opening == {"id": "1."}
    assert [message["event"] for message in shown] == ["event", "event"]
    assert [message["id"] for message in shown] == ["1.0", "1.1"]
    assert [orjson.loads(message["data"]) for message in shown] == listed[::-1]
    assert sign_of_life == {"id": "1.1"}
    assert (last["event"], orjson.loads(last["data"])) == ("dropped", {"reason": "the play is over", "resume": "1.1"})
    assert feed.open_readers == 0


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        pytest.param({}, ["event"] * 3, id="events when nothing is said"),
        pytest.param({"kinds": "failures"}, ["failure"], id="failures alone"),
        pytest.param({"kinds": "incidents"}, ["incident"], id="incidents alone"),
        pytest.param({"kinds": ["events", "failures"]}, ["event", "failure", "event"], id="a failure comes once"),
        pytest.param({"kinds": ["incidents", "failures"]}, ["failure", "incident"], id="what is broken"),
        pytest.param({"kinds": ["alerts", "failures"]}, ["failure", "alert"], id="what needs somebody"),
        pytest.param({"outcome": "failure", "kinds": ["events", "incidents"]}, ["event", "incident"], id="filtered"),
        pytest.param({"cause": "network", "kinds": ["events", "incidents"]}, [], id="of another cause"),
        pytest.param({"application": "slack", "kinds": "incidents"}, ["incident"], id="of that application"),
        pytest.param({"application": "statsig", "kinds": "incidents"}, [], id="of another application"),
        pytest.param({"type": "user_create_provision"}, ["event"], id="of one type"),
    ],
)
async def test_a_reader_gets_what_was_asked_for(
    api: httpx.AsyncClient, using: As, feed: Played, trail: Trail, asked: dict[str, Any], names: list[str]
) -> None:
    events = attempt(1, "user_create_provision"), failed(2), attempt(3, "group_update_provision")
    feed.messages = [*played(trail, *events), incident(trail), alerting(trail)]
    messages = told(await api.get(PATH, headers=using(), params=asked))
    assert [message["event"] for message in messages if "event" in message][:-1] == names


async def test_a_person_is_found_by_a_name_that_only_older_events_had(
    api: httpx.AsyncClient, using: As, feed: Played, trail: Trail
) -> None:
    old, new = {"id": "p1", "username": "Maiden"}, {"id": "p1", "username": "married"}
    played(trail, attempt(1, resource=old))
    feed.messages = played(trail, attempt(2, resource=new), attempt(3, resource={"id": "p2", "username": "other"}))
    messages = told(await api.get(PATH, headers=using(), params={"subject": "maiden"}))
    assert [message["id"] for message in messages if message.get("event") == "event"] == ["1.0"]


async def test_another_organization_is_never_seen(
    api: httpx.AsyncClient, using: As, feed: Played, trail: Trail
) -> None:
    feed.messages = [*played(trail, attempt(1)), incident(trail), alerting(trail)]
    asked = {"kinds": ["events", "incidents", "alerts"]}
    theirs = told(await api.get(PATH, headers=using(organization="another"), params=asked))
    all_of_them = told(await api.get(PATH, headers=using.everywhere(), params=asked))
    assert [message["event"] for message in theirs if "event" in message] == ["dropped"]
    assert [message["event"] for message in all_of_them if "event" in message] == [
        "event",
        "incident",
        "alert",
        "dropped",
    ]
    assert_problem(await api.get(PATH, headers=using(), params={"organization": "another"}), 404)


async def test_a_reader_whose_token_is_revoked_is_told_where_to_go_on(
    api: httpx.AsyncClient, feed: Played, trail: Trail, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "TOKEN_SECONDS", 0.0)
    feed.messages = played(trail, *(attempt(number) for number in range(6)))
    text, made = tokens.create("short", ["read"], trail.organization)
    feed.meanwhile = lambda: tokens.revoke(made.token_id)

    _, *shown, last = told(await api.get(PATH, headers={"Authorization": f"Bearer {text}"}))

    assert [message["id"] for message in shown] == ["1.0", "1.1", "1.2"]
    assert orjson.loads(last["data"]) == {"reason": "the token is not valid any more", "resume": "1.2"}


async def test_alerts_with_a_filter_are_refused(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    for asked in ({"cause": "network"}, {"subject": "ines"}, {"text": "x"}):
        answer = await api.get(PATH, headers=using(), params={"kinds": ["events", "alerts"], **asked})
        assert "cannot be followed with a filter" in assert_problem(answer, 400)["detail"]


@pytest.mark.parametrize(
    "asked",
    [
        {"subject": "ines"},
        {"actor": "ada"},
        {"type": "user_create_provision"},
        {"kind": "user"},
        {"outcome": "failure"},
        {"text": "x"},
    ],
    ids=lambda asked: next(iter(asked)),
)
async def test_incidents_by_what_they_have_many_of_are_refused_unless_failures_are_beside(
    api: httpx.AsyncClient, using: As, feed: Played, trail: Trail, asked: dict[str, str]
) -> None:
    feed.messages = [incident(trail)]
    answer = await api.get(PATH, headers=using(), params={"kinds": "incidents", **asked})
    assert "an incident concerns many people and types" in assert_problem(answer, 400)["detail"]
    both = told(await api.get(PATH, headers=using(), params={"kinds": ["incidents", "failures"], **asked}))
    assert "incident" in [message.get("event") for message in both]


@pytest.mark.parametrize(
    ("headers", "asked", "start"),
    [
        pytest.param({}, {}, Start(), id="now"),
        pytest.param({}, {"since": "10m"}, Start(None, NOON - timedelta(minutes=10)), id="at a time"),
        pytest.param({}, {"after": "1.7"}, Start("1.7"), id="after a position"),
        pytest.param(
            {"Last-Event-ID": "1.8"},
            {"after": "1.7", "since": "10m"},
            Start("1.8", NOON - timedelta(minutes=10)),
            id="after the last message, whatever the address says",
        ),
    ],
)
async def test_where_a_reader_begins(
    api: httpx.AsyncClient,
    using: As,
    feed: Played,
    trail: Trail,
    headers: dict[str, str],
    asked: dict[str, str],
    start: Start,
) -> None:
    await api.get(PATH, headers=using() | headers, params=asked)
    assert (feed.starts, feed.organizations) == ([start], [trail.organization])


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        pytest.param(Gone("the log does not hold it"), 410, id="a position that is gone"),
        pytest.param(BrokerAway("Kafka does not answer"), 503, id="no broker"),
    ],
)
async def test_a_feed_that_cannot_begin_is_a_problem(
    api: httpx.AsyncClient, using: As, feed: Played, failure: Exception, status: int
) -> None:
    feed.failure = failure
    assert_problem(await api.get(PATH, headers=using()), status)


async def test_wrong_parameters_and_tokens_are_told(api: httpx.AsyncClient, using: As) -> None:
    assert_problem(await api.get(PATH, headers=using(), params={"since": "soon"}), 400)
    to_come = await api.get(PATH, headers=using(), params={"since": "2027-01-01"})
    assert "since: 2027-01-01T00:00:00Z is in the future" in assert_problem(to_come, 400)["detail"]
    assert_problem(await api.get(PATH, headers=using(), params={"kinds": "dreams"}), 422)
    assert_problem(await api.get(PATH), 401)
    assert_problem(await api.get(PATH, headers=using("ingest")), 403)
