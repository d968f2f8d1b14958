"""Readiness over time, and what the trail tells that it does not see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import httpx
import pytest

from queries.api.health import Vigil
from queries.checks.lag_watch import HEADER, STUCK_AFTER
from queries.store import Store
from schemas.envelope import Source, Trust
from schemas.errors import BrokerAway, Fatal, StoreAway, UserError
from tests.api.conftest import As
from tests.api.support import Log, StoreThatFails, assert_problem
from tests.measured import measured
from tests.queries.support import Trail
from tests.records import NOON, event

pytestmark = pytest.mark.store


def state_of(api: httpx.AsyncClient) -> Any:
    """The state of the API's app."""
    transport = api._transport
    assert isinstance(transport, httpx.ASGITransport)
    return transport.app.state  # type: ignore[attr-defined]  # because httpx knows it as a callable only


@pytest.fixture
def pass_time(api: httpx.AsyncClient) -> Callable[[timedelta], None]:
    """Moves the API's clock on."""
    now = NOON

    def clock() -> datetime:
        return now

    def move(span: timedelta) -> None:
        nonlocal now
        now += span

    state = state_of(api)
    state.context = replace(state.context, clock=clock)
    state.vigil = Vigil(state.context)
    return move


async def test_it_is_not_ready_while_records_wait_and_none_is_stored(
    api: httpx.AsyncClient, pass_time: Callable[[timedelta], None]
) -> None:
    assert (await api.get("/readyz")).status_code == 200
    pass_time(timedelta(seconds=59))
    assert (await api.get("/readyz")).status_code == 200
    pass_time(timedelta(seconds=1))
    told = assert_problem(await api.get("/readyz"), 503)["detail"]
    assert "nothing of idtrail.events[0] was stored since" in told


async def test_it_is_not_ready_while_the_rules_examine_nothing(
    api: httpx.AsyncClient, using: As, pass_time: Callable[[timedelta], None]
) -> None:
    vigil = state_of(api).vigil
    await vigil.look_at_detection()
    pass_time(timedelta(seconds=60))
    await vigil.look_at_detection()
    told = assert_problem(await api.get("/readyz"), 503)["detail"]
    assert told.startswith("nothing of idtrail.provisioning[0] was examined by the rules since 2026-03-19 12:00:00 UTC")
    found = (await api.get("/api/v1/health", headers=using())).json()["blind"]
    assert ("detection", "idtrail.provisioning") in [(spot["what"], spot["name"]) for spot in found]
    assert measured("idtrail_lag_records", topic="idtrail.provisioning", partition="0") == 2


async def test_it_is_not_ready_when_nothing_is_accepted_any_more(api: httpx.AsyncClient, log: Log) -> None:
    log.defect = Fatal("the emitter stopped: a defect")
    told = assert_problem(await api.get("/readyz"), 503)["detail"]
    assert told == "no event is accepted any more: the emitter stopped: a defect"


async def test_it_is_not_ready_while_the_store_takes_no_events(
    api: httpx.AsyncClient, using: As, shared_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_store, "refusal", StoreAway("ClickHouse cannot answer now (code 243): the disk is full"))
    sentence = "the store takes no events: ClickHouse cannot answer now (code 243): the disk is full"
    assert assert_problem(await api.get("/readyz"), 503)["detail"] == sentence
    assert (await api.get("/api/v1/health", headers=using())).json()["trouble"] == [sentence]


async def test_it_says_which_hangs_before_whoever_asks_gives_up(
    api: httpx.AsyncClient, using: As, log: Log, failing: StoreThatFails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queries.api.health.ANSWER_SECONDS", 0.05)
    headers = using()
    log.hangs = True
    found = (await api.get("/api/v1/health", headers=headers)).json()
    assert found["trouble"] == ["the broker is away: it did not answer within 0.05 s"]
    failing.hangs = Event()
    told = assert_problem(await api.get("/readyz"), 503)["detail"]
    failing.hangs.set()
    assert told == "the store is away, or busy: it did not answer within 0.05 s"


async def test_a_slow_look_blames_no_broker_that_answered_a_moment_ago(
    api: httpx.AsyncClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queries.api.health.PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr("queries.api.health.ANSWER_SECONDS", 1.0)
    ready = (await api.get("/readyz")).json()
    log.hangs = True
    assert [(await api.get("/readyz")).json() for _ in range(3)] == [ready] * 3
    assert log.looks == 2, "one look serves all that ask meanwhile"
    monkeypatch.setattr("queries.api.health.RECENT_SECONDS", 0.0)
    assert "it did not answer within 1 s" in assert_problem(await api.get("/readyz"), 503)["detail"]


@pytest.mark.parametrize(
    ("path", "status", "behind"),
    [
        pytest.param("/api/v1/exposures", 200, "3", id="an answer"),
        pytest.param("/api/v1/lifecycle?person=nobody", 404, "3", id="nobody is known"),
        pytest.param("/healthz", 200, None, id="no question"),
    ],
)
async def test_answers_tell_how_many_records_they_may_miss(
    api: httpx.AsyncClient,
    using: As,
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    status: int,
    behind: str | None,
) -> None:
    monkeypatch.setattr("queries.api.health.FRESH_SECONDS", 600.0)  # however slow this machine is
    headers = using()
    for _ in range(3):
        answer = await api.get(path, headers=headers)
        assert (answer.status_code, answer.headers.get(HEADER)) == (status, behind)
    assert log.looks == (1 if behind else 0), "one look serves all that ask while it is fresh"


async def test_no_answer_waits_long_for_a_broker_and_what_is_not_known_is_not_told(
    api: httpx.AsyncClient, using: As, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queries.api.health.ANSWER_SECONDS", 0.05)
    monkeypatch.setattr("queries.api.health.PATIENCE_SECONDS", 0.001)
    monkeypatch.setattr("queries.api.health.FRESH_SECONDS", 0.0)
    monkeypatch.setattr("queries.api.health.STALE_SECONDS", 0.0)
    headers = using()
    log.hangs = True
    assert HEADER not in (await api.get("/api/v1/exposures", headers=headers)).headers
    log.hangs = False
    monkeypatch.setattr("queries.api.health.PATIENCE_SECONDS", 5.0)
    while log.looks < 2:
        told = (await api.get("/api/v1/whoami", headers=headers)).headers
    assert told[HEADER] == "3"
    log.failure = BrokerAway("no broker")
    assert (await api.get("/api/v1/exposures", headers=headers)).headers[HEADER] == "3", "as of the last look"


async def test_of_many_questions_in_a_row_none_waits_for_a_look(
    api: httpx.AsyncClient, using: As, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queries.api.health.FRESH_SECONDS", 0.0)
    monkeypatch.setattr("queries.api.health.STALE_SECONDS", 600.0)
    monkeypatch.setattr("queries.api.health.PATIENCE_SECONDS", 600.0)
    headers = using()
    assert (await api.get("/api/v1/whoami", headers=headers)).headers[HEADER] == "3"
    log.hangs = True
    async with asyncio.timeout(30):
        assert (await api.get("/api/v1/whoami", headers=headers)).headers[HEADER] == "3"
    assert log.looks == 2, "the second began a look of its own"


async def test_health_names_a_silent_source_and_a_sink_that_stands_still(
    api: httpx.AsyncClient, using: As, trail: Trail, pass_time: Callable[[timedelta], None]
) -> None:
    times = [NOON - timedelta(days=3, hours=1) + timedelta(minutes=30 * step) for step in range(145)]
    poller = Source("jumpcloud", Trust.TENANT_API)
    trail.insert(
        *(
            trail.log(event(id=f"e{number}", timestamp=f"{at:%Y-%m-%dT%H:%M:%S}Z"), poller, at)
            for number, at in enumerate(times)
        )
    )
    fine = (await api.get("/api/v1/health", headers=using())).json()
    assert (fine["blind"], fine["trouble"]) == ([], [])
    assert datetime.fromisoformat(fine["newest"]) == times[-1]
    place = {"topic": "idtrail.events", "partition": 0, "end": 10, "stored": 7, "behind": 3}
    assert fine["lag"][0] == {**place, "end": None, "stored": None}, "it is the log of every organization"
    assert (await api.get("/api/v1/health", headers=using.everywhere())).json()["lag"][0] == place
    pass_time(timedelta(hours=2))
    other = using(organization=f"{trail.organization}-other")
    assert (await api.get("/api/v1/health", headers=other)).json()["blind"] == [], "nobody has looked meanwhile"
    pass_time(STUCK_AFTER)
    assert [spot["what"] for spot in (await api.get("/api/v1/health", headers=other)).json()["blind"]] == ["sink"]


async def test_a_source_that_went_silent_is_told_with_its_last_word(
    api: httpx.AsyncClient, using: As, trail: Trail, pass_time: Callable[[timedelta], None]
) -> None:
    times = [NOON - timedelta(days=3, hours=1) + timedelta(minutes=30 * step) for step in range(145)]
    poller = Source("jumpcloud", Trust.TENANT_API)
    trail.insert(
        *(
            trail.log(event(id=f"e{number}", timestamp=f"{at:%Y-%m-%dT%H:%M:%S}Z"), poller, at)
            for number, at in enumerate(times)
        )
    )
    pass_time(timedelta(hours=2))
    (spot,) = (await api.get("/api/v1/health", headers=using())).json()["blind"]
    assert (spot["what"], spot["name"], datetime.fromisoformat(spot["since"])) == ("source", "jumpcloud", times[-1])
    assert "no event from jumpcloud" in spot["text"]


async def test_a_broker_that_is_away_is_told_beside_the_rest(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    log.failure = BrokerAway("Kafka does not answer")
    found = (await api.get("/api/v1/health", headers=using())).json()
    assert found["trouble"] == ["the broker is away: Kafka does not answer"]
    assert (found["lag"], found["blind"], found["newest"]) == ([], [], None)


async def test_habits_that_cannot_be_read_are_said_and_hide_nothing_else(
    api: httpx.AsyncClient, using: As, failing: StoreThatFails
) -> None:
    headers = using()
    failing.failure = UserError("the query is too large: narrow its time range")
    found = (await api.get("/api/v1/health", headers=headers)).json()
    assert found["trouble"] == [
        "whether sources are silent is not known: the query is too large: narrow its time range"
    ]
    assert len(found["lag"]) == 2
