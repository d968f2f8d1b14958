"""What the screen asks and follows, over HTTP: a canned server on the loopback, one answer a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from idtrail.cli.client import Api
from idtrail.cli.watch.source import ApiSource, Message, waits
from idtrail.settings import Settings
from schemas.errors import Denied, FeedAway, IdtrailError
from tests.watch.support import failure, health, incident, integration

Answer = Callable[[str], tuple[int, str, bytes]]
"""Status, content type and body for a path."""


class Canned:
    """A server that closes after each answer."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[str] = []
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(request)
        status, kind, body = self._answer(request.split(" ")[1])
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def canned(answer: Answer) -> AsyncIterator[tuple[ApiSource, Canned]]:
    server = Canned(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    settings = Settings(api_url=f"http://127.0.0.1:{port}", token=SecretStr("t"))
    try:
        yield ApiSource(lambda: Api(settings)), server
    finally:
        listening.close()


def stream(body: bytes) -> Answer:
    return lambda path: (200, "text/event-stream", body)


def refusal(status: int, detail: str) -> Answer:
    return lambda path: (status, "application/problem+json", orjson.dumps({"title": "x", "detail": detail}))


async def test_the_feed_is_followed_after_the_last_id() -> None:
    body = (
        b": still here\nid: p1\n\n"
        b'id: p2\nevent: failure\ndata: {"event_id":"e"}\n\n'
        b'id: p3\nevent: dropped\ndata: {"reason":"too slow","resume":"p3"}\n\n'
    )
    async with canned(stream(body)) as (source, server):
        messages = [message async for message in source.follow("p0")]
    assert messages == [
        Message("", {}, "p1"),
        Message("failure", {"event_id": "e"}, "p2"),
        Message("dropped", {"reason": "too slow", "resume": "p3"}, "p3"),
    ]
    (request,) = server.requests
    assert request.startswith("GET /api/v1/stream?kinds=failures&kinds=incidents ")
    assert "last-event-id: p0" in request.lower()
    assert "authorization: bearer t" in request.lower()


async def test_the_first_connection_has_no_last_id() -> None:
    async with canned(stream(b"id: p1\n\n")) as (source, server):
        assert [message async for message in source.follow("")] == [Message("", {}, "p1")]
    assert "last-event-id" not in server.requests[0].lower()


async def test_a_position_that_is_gone_is_a_gap_and_what_comes_now_follows() -> None:
    async with canned(refusal(410, "the log does not hold p0")) as (source, _):
        messages = [message async for message in source.follow("p0")]
    assert messages == [Message("gap", {"reason": "the log does not hold p0"}, "")]


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        pytest.param(refusal(503, "no room for another reader"), FeedAway, "no room for another reader", id="full"),
        pytest.param(refusal(401, "the token is revoked"), Denied, "the token is revoked", id="denied"),
        pytest.param(lambda path: (200, "text/html", b"<p>"), FeedAway, "does not answer", id="something else there"),
    ],
)
async def test_what_goes_wrong_is_told(answer: Answer, error: type[IdtrailError], told: str) -> None:
    async with canned(answer) as (source, _):
        with pytest.raises(error, match=told):
            await anext(source.follow(""))


async def test_nobody_there_is_told() -> None:
    async with canned(stream(b"")) as (source, _):
        pass
    with pytest.raises(FeedAway, match="does not answer"):
        await anext(source.follow(""))


async def test_all_lists_are_asked_for_and_one_that_fails_hides_no_other() -> None:
    given: dict[str, Any] = {
        "/api/v1/incidents": {"items": [incident("a")], "next": "more"},
        "/api/v1/events": {"items": [failure(1)], "next": None},
        "/api/v1/health": health(3),
        "/api/v1/integrations": {"items": [integration("slack")], "total": 1},
    }

    def answer(path: str) -> tuple[int, str, bytes]:
        found = given.get(path.split("?")[0])
        return (200, "application/json", orjson.dumps(found)) if found else refusal(503, "the store is away")(path)

    async with canned(answer) as (source, server):
        whole = await source.ask()
        assert (whole.incidents, whole.more_incidents) == ([incident("a")], True)
        assert (whole.failures, whole.integrations) == ([failure(1)], [integration("slack")])
        assert (whole.health, whole.failed) == (health(3), {})
        asked = "".join(server.requests)
        assert "/api/v1/incidents?state=open&state=regressed" in asked
        assert "outcome=failure&kind=integration&kind=user&kind=group&since=24h" in asked
        del given["/api/v1/health"], given["/api/v1/incidents"]
        part = await source.ask()
    assert (part.incidents, part.health, part.integrations) == (None, None, [integration("slack")])
    assert part.failed == {"incidents": "the store is away", "health": "the store is away"}


def test_waits_grow_up_to_half_a_minute() -> None:
    wait = waits()
    assert [wait() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
