"""The HTTP server with clients that ask for nothing, or never to the end."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI

from idtrail import http_server
from idtrail.http_server import listening, raise_descriptors, serve
from idtrail.logs import FLOOD_SECONDS, Seldom
from idtrail.settings import load_settings
from schemas.errors import BadUsage
from schemas.kafka import KafkaConnection
from streams.feed import Feed

READY = b"GET /ready HTTP/1.1\r\nHost: idtrail\r\n\r\n"


@dataclass
class Served:
    """A server with a route that answers at once, and one that answers when it is told to."""

    address: tuple[str, int]
    release: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self.address)
        self.writers.append(writer)
        writer.write(sent)
        return reader, writer


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    """Serve until the block ends."""
    app = FastAPI()
    with listening(load_settings(api_port=0)) as sock:
        found = Served(sock.getsockname())

        @app.get("/ready")
        async def ready() -> str:
            return "ready"

        @app.get("/slow")
        async def slow() -> str:
            found.begun.set()
            await found.release.wait()
            return "done"

        serving = asyncio.create_task(serve(app, sock, Feed(KafkaConnection("127.0.0.1:1"), 0)))
        async with asyncio.timeout(20):
            yield found
        for writer in found.writers:
            writer.close()
        serving.cancel()
        await asyncio.wait([serving])


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the server closes the connection."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


def test_a_second_process_is_refused_a_port_before_the_first_one_serves() -> None:
    with listening(load_settings(api_port=0)) as sock:
        port = sock.getsockname()[1]
        refused = pytest.raises(BadUsage, match=f"the API cannot listen on 127.0.0.1:{port} ")
        with refused, listening(load_settings(api_port=port)):
            pass


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /ready HTTP/1.1\r\n", id="half a head"),
        pytest.param(READY + b"GET", id="half a head after an answer"),
        pytest.param(
            b"POST /nowhere HTTP/1.1\r\nHost: idtrail\r\nContent-Length: 9\r\n\r\nhalf",
            id="half a body after an answer",
        ),
    ],
)
async def test_a_connection_without_a_request_is_cut_off(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.1)
    async with served() as server:
        reader, _ = await server.connect(sent)
        await rest_of(reader)


async def test_sending_a_little_now_and_then_gains_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.1)
    async with served() as server:
        reader, writer = await server.connect(b"GET /ready HTTP/1.1\r\nX: ")
        over = asyncio.create_task(rest_of(reader))
        while not over.done():
            writer.write(b"x")
            await asyncio.sleep(0.01)


async def test_a_request_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.1)
    async with served() as server:
        reader, _ = await server.connect(b"GET /slow HTTP/1.1\r\nHost: idtrail\r\nConnection: close\r\n\r\n")
        await server.begun.wait()
        silent, _ = await server.connect()
        await rest_of(silent)  # who came later and asked for nothing is gone
        server.release.set()
        assert (await reader.read()).startswith(b"HTTP/1.1 200")


async def test_a_flood_of_idle_connections_displaces_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 3)
    async with served() as server:
        reader, _ = await server.connect(b"GET /slow HTTP/1.1\r\nHost: idtrail\r\nConnection: close\r\n\r\n")
        await server.begun.wait()
        idle = [await server.connect(b"GET /ready HTTP/1.1\r\n") for _ in range(5)]
        for first, _ in idle[:3]:
            await rest_of(first)
        asking, _ = await server.connect(READY)
        assert (await asking.readline()).startswith(b"HTTP/1.1 200")
        server.release.set()
        assert (await reader.read()).startswith(b"HTTP/1.1 200")


async def test_when_all_are_at_work_a_new_connection_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 1)
    async with served() as server:
        reader, _ = await server.connect(b"GET /slow HTTP/1.1\r\nHost: idtrail\r\nConnection: close\r\n\r\n")
        await server.begun.wait()
        refused, _ = await server.connect()
        assert await rest_of(refused) == b""
        server.release.set()
        assert (await reader.read()).startswith(b"HTTP/1.1 200")


ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "granted", "found", "asked"),
    [
        pytest.param((1024, 4096), True, 4096, [(4096, 4096)], id="raised to the hard limit"),
        pytest.param((1024, 524_288), True, 65_536, [(65_536, 524_288)], id="no higher than useful"),
        pytest.param((1024, ENDLESS), True, 65_536, [(65_536, ENDLESS)], id="no hard limit"),
        pytest.param((1024, ENDLESS), False, 1024, [(65_536, ENDLESS)], id="not granted"),
        pytest.param((4096, 4096), True, 4096, [], id="already as high"),
        pytest.param((100_000, 200_000), True, 100_000, [], id="already higher"),
        pytest.param((ENDLESS, ENDLESS), True, 65_536, [], id="no limit"),
    ],
)
def test_the_process_may_open_as_many_files_as_the_system_allows(
    monkeypatch: pytest.MonkeyPatch,
    limits: tuple[int, int],
    granted: bool,
    found: int,
    asked: Sequence[tuple[int, int]],
) -> None:
    calls: list[tuple[int, int]] = []

    def grant(which: int, wanted: tuple[int, int]) -> None:
        calls.append(wanted)
        if not granted:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda which: limits)
    monkeypatch.setattr(resource, "setrlimit", grant)
    assert raise_descriptors() == found
    assert calls == asked


def test_what_strangers_can_cause_is_logged_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("idtrail.logs.time.monotonic", lambda: now)
    seldom = Seldom("no more files")
    shown: list[str] = []
    for now in (0.0, FLOOD_SECONDS / 2, FLOOD_SECONDS):
        lines = (f"no more files\nsocket at {now:g}", "no more files", "another")
        shown += [line for line in lines if seldom.filter(logging.makeLogRecord({"msg": line}))]
    assert shown == ["no more files\nsocket at 0", "another", "another", "no more files\nsocket at 60", "another"]
