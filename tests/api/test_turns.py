"""Whose questions are answered when there are too many."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, suppress
from threading import Event
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from queries.api import events
from queries.api.turns import SHARE, Share, Turns
from queries.events import Page
from queries.selection import Selection
from queries.store import Store
from schemas.errors import Busy
from tests.api.conftest import As
from tests.api.support import Played, assert_problem
from tests.fixtures_kafka import until
from tests.queries.support import Trail
from tests.records import event

SHORT = 0.05


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        pytest.param("AAAB", "AAB", id="one's share leaves turns to others"),
        pytest.param("AABBC", "AABB", id="no more than can be answered at once"),
        pytest.param("AAABC", "AABC", id="who waits for a turn of their own keeps nobody from theirs"),
    ],
)
async def test_everybody_has_a_share_of_the_turns(asked: str, answered: str) -> None:
    turns = Turns(at_once=4, share=2, patience=SHORT)
    found = ""
    async with AsyncExitStack() as held:
        for one in asked:
            with suppress(Busy):
                await held.enter_async_context(turns.take(one))
                found += one
    assert found == answered
    async with turns.take("A"), turns.take("A"), turns.take("B"), turns.take("B"):
        pass  # each was given back, also by those who gave up


async def test_who_came_first_is_next() -> None:
    turns = Turns(at_once=1, share=1)
    order: list[str] = []

    async def ask(whose: str) -> None:
        async with turns.take(whose):
            order.append(whose)

    async with turns.take("A"):
        waiting = [asyncio.create_task(ask(whose)) for whose in "BCD"]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert order == ["B", "C", "D"]


async def test_who_reads_a_long_answer_slowly_holds_no_turn() -> None:
    turns = Turns(at_once=1, share=1, patience=SHORT)
    blocks = Share(turns, "A").each(iter([b"1", b"2"]))
    found = []
    async for block in blocks:
        found.append(block)
        async with turns.take("B"):
            pass
    assert found == [b"1", b"2"]


@pytest.mark.store
async def test_many_questions_of_one_organization_hold_up_nobody_else(
    api: httpx.AsyncClient, using: As, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: Counter[str | None] = Counter()
    done = Event()

    def listed(store: Store, chosen: Selection, *_: object) -> Page:
        begun[chosen.organization] += 1
        if chosen.organization == trail.organization:
            done.wait(30)
        return Page([], None)

    monkeypatch.setattr(events, "list_events", listed)
    own, other, every = using("read", "ingest"), using(organization="another"), using.everywhere("read")
    try:
        # More than there are threads.
        slow = [asyncio.create_task(api.get("/api/v1/events", headers=own)) for _ in range(45)]
        await until(lambda: begun[trail.organization] == SHARE)
        paths = ["/api/v1/events", "/api/v1/whoami", "/readyz"]
        for headers in (other, every):
            for path in paths:
                assert (await api.get(path, headers=headers)).status_code == 200, path
        taken = await api.post("/api/v1/events", headers=own, json=event(organization=trail.organization))
        assert taken.status_code == 200, "what one's own questions hold up is no ingest"
        assert begun[trail.organization] == SHARE
    finally:
        done.set()
    assert {answer.status_code for answer in await asyncio.gather(*slow)} == {200}


@pytest.mark.store
@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        pytest.param("GET", "/api/v1/events", None, id="a question"),
        pytest.param("GET", "/api/v1/health", None, id="health"),
        pytest.param("GET", "/api/v1/stream", None, id="beginning a stream"),
        pytest.param("GET", "/api/v1/exports/events", None, id="beginning an export"),
        pytest.param("GET", "/api/v1/tokens", None, id="listing tokens"),
        pytest.param("POST", "/api/v1/alerts/0123456789abcdef/note", {"text": "x"}, id="acting on an alert"),
        pytest.param("POST", "/api/v1/dead-letters/discard?source=*", {"because": "x"}, id="discarding letters"),
        pytest.param(
            "POST", "/api/v1/people/link", {"first": "a", "second": "b", "because": "x"}, id="deciding about people"
        ),
    ],
)
async def test_whatever_reads_the_store_waits_for_its_turn_and_not_for_ever(
    app: FastAPI, api: httpx.AsyncClient, using: As, trail: Trail, method: str, path: str, sent: Any
) -> None:
    app.state.turns = turns = Turns(patience=SHORT)
    headers = using("admin")
    async with AsyncExitStack() as held:
        for _ in range(SHARE):
            await held.enter_async_context(turns.take(trail.organization))
        answer = await api.request(method, path, headers=headers, json=sent)
        assert f"waited {SHORT} s for its turn" in assert_problem(answer, 503)["detail"]
        assert answer.headers["retry-after"] == "5"


@pytest.mark.store
async def test_a_question_whose_client_has_gone_is_dropped(
    app: FastAPI, api: httpx.AsyncClient, using: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def listed(*_: object) -> Page:
        nonlocal asked
        asked += 1
        return Page([], None)

    monkeypatch.setattr(events, "list_events", listed)

    async def waits() -> dict[str, Any]:
        await asyncio.Future()
        raise AssertionError("unreachable")

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def nobody(message: object) -> None:
        pass

    await app(question(using()), waits, nobody)
    assert asked == 1
    await app(question(using()), gone, nobody)
    assert asked == 1


@pytest.mark.store
@pytest.mark.parametrize(
    ("stays", "statements"), [pytest.param(True, 2, id="stays"), pytest.param(False, 1, id="goes")]
)
async def test_a_question_ends_before_its_next_statement_when_its_client_goes(
    app: FastAPI, api: httpx.AsyncClient, using: As, monkeypatch: pytest.MonkeyPatch, stays: bool, statements: int
) -> None:
    ran, asking, told = 0, asyncio.Event(), Event()
    loop = asyncio.get_running_loop()

    def listed(store: Store, *_: object) -> Page:
        nonlocal ran
        while ran < 2:
            store.query("SELECT 1")
            ran += 1
            loop.call_soon_threadsafe(asking.set)
            told.wait(30)
        return Page([], None)

    async def receive() -> dict[str, Any]:
        await asking.wait()
        loop.call_soon(told.set)
        if stays:
            await asyncio.Future()
        return {"type": "http.disconnect"}

    async def nobody(message: object) -> None:
        pass

    monkeypatch.setattr(events, "list_events", listed)
    await app(question(using()), receive, nobody)
    assert ran == statements


def question(headers: dict[str, str]) -> dict[str, Any]:
    """As a server hands it to the app."""
    return {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/events",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": None,
    }


@pytest.mark.store
async def test_following_the_feed_holds_no_turn(app: FastAPI, api: httpx.AsyncClient, using: As, feed: Played) -> None:
    free: list[bool] = []
    feed.meanwhile = lambda: free.append(not app.state.turns._all.locked())
    app.state.turns = Turns(at_once=1, share=1)
    assert (await api.get("/api/v1/stream", headers=using())).status_code == 200
    assert free
    assert all(free)
