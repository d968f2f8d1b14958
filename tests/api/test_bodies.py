"""Bodies that never end, and many of them at once."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import ExitStack

import httpx
import orjson
import pytest
from fastapi import FastAPI

from queries.api import bodies
from queries.api.bodies import EVENTS_PATH, Budget
from schemas.errors import Busy
from tests.api.conftest import As
from tests.api.support import assert_problem
from tests.queries.support import Trail
from tests.records import event


@pytest.mark.parametrize(
    ("taken", "refused"),
    [
        pytest.param([("A", 60), ("B", 40)], None, id="up to the budget"),
        pytest.param([("A", 60), ("A", 1)], "this organization has 60 bytes", id="one's share"),
        pytest.param([("A", 60), ("B", 41)], "as many bytes of events", id="beyond the budget"),
    ],
)
def test_memory_is_shared_and_comes_back(taken: list[tuple[str, int]], refused: str | None) -> None:
    budget = Budget(most=100, share=60)
    with ExitStack() as held:
        *given, (whose, size) = taken
        for one, bytes_of_it in given:
            held.enter_context(budget.room(one)).take(bytes_of_it)
        last = held.enter_context(budget.room(whose))
        if refused:
            with pytest.raises(Busy, match=refused):
                last.take(size)
        else:
            last.take(size)
    for whose in "AB":
        with budget.room(whose) as room:
            room.take(60)


@pytest.mark.store
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_events_beyond_the_share_are_to_be_sent_later(
    app: FastAPI, api: httpx.AsyncClient, using: As, trail: Trail, encoding: str
) -> None:
    app.state.budget = Budget(most=10_000, share=5_000)
    headers = {**using("ingest"), "Content-Encoding": encoding}
    for number, status in (1, 200), (20, 503), (1, 200):
        body = orjson.dumps([event(organization=trail.organization, id=str(each)) for each in range(number)])
        assert (len(body) > 5_000) is (status == 503)
        content = gzip.compress(body) if encoding == "gzip" else body
        answer = await api.post(EVENTS_PATH, headers=headers, content=content)
        assert answer.status_code == status, answer.text
        assert answer.headers.get("retry-after") == ("5" if status == 503 else None)


async def paused() -> AsyncIterator[bytes]:
    """A body that stops."""
    yield b"{"
    await asyncio.Future()


async def trickling() -> AsyncIterator[bytes]:
    """A body that goes on and on."""
    while True:
        yield b" "
        await asyncio.sleep(0.01)


@pytest.mark.store
@pytest.mark.parametrize(
    ("path", "limit", "body"),
    [
        pytest.param(EVENTS_PATH, "BLOCK_SECONDS", paused, id="events that stop"),
        pytest.param(EVENTS_PATH, "EVENTS_SECONDS", trickling, id="events a little at a time"),
        pytest.param("/api/v1/tokens", "OTHER_SECONDS", trickling, id="anything else a little at a time"),
    ],
)
async def test_a_body_that_does_not_come_is_cut_off(
    api: httpx.AsyncClient, using: As, monkeypatch: pytest.MonkeyPatch, path: str, limit: str, body: object
) -> None:
    monkeypatch.setattr(bodies, limit, 0.1)
    assert callable(body)
    answer = await api.post(path, headers=using("admin"), content=body())
    assert "send it again" in assert_problem(answer, 408)["detail"]
    assert answer.headers["connection"] == "close"
