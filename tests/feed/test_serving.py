"""The feed in a real server: a reader that goes away is forgotten, and a server that stops lets its readers go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from idtrail.emitting import now
from idtrail.http_server import listening, serve, url_of
from idtrail.serving import app_of, jobs_of
from idtrail.settings import load_settings
from producers.emitter import Emitter
from producers.spool import Spool
from queries.store import Store
from schemas.kafka import KafkaConnection
from streams.feed import STOPPED, Feed
from tests.feed.support import Log, feed_of
from tests.fixtures_kafka import Topics, until

pytestmark = [pytest.mark.kafka, pytest.mark.store]

TOKEN = "the deployment's own token"


@asynccontextmanager
async def served(
    kafka: KafkaConnection, store: Store, feed: Feed, directory: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.Task[None]]]:
    """A client, and the server's task."""
    settings = load_settings(api_port=0, admin_token=TOKEN)
    emitter = Emitter(kafka, Spool(directory / "spool.sqlite"), now)
    with listening(settings) as sock:
        sock.listen()  # whoever connects early waits
        app = app_of(settings, kafka, store, emitter, feed, jobs_of(settings, kafka, store))
        serving = asyncio.create_task(serve(app, sock, feed))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=url_of(sock), headers=headers, timeout=30) as client:
            yield client, serving
        if not serving.cancelling():  # a second time would tear it down
            serving.cancel()
        await asyncio.wait([serving])


async def test_a_reader_that_goes_away_is_forgotten(
    kafka: KafkaConnection, store: Store, topics: Topics, tmp_path: Path
) -> None:
    feed = feed_of(kafka, topics.events)
    async with served(kafka, store, feed, tmp_path) as (client, _):
        async with client.stream("GET", "/api/v1/stream") as answer:
            assert answer.status_code == 200
            assert feed.live is not None
        await until(lambda: feed.live is None)


async def test_a_server_that_stops_tells_its_readers_and_they_go_on_at_the_next(
    kafka: KafkaConnection, store: Store, topics: Topics, tmp_path: Path, producer: AIOKafkaProducer
) -> None:
    log = Log(producer, topics.events)
    lines: list[str] = []
    async with (
        served(kafka, store, feed_of(kafka, topics.events), tmp_path) as (client, serving),
        client.stream("GET", "/api/v1/stream") as answer,
    ):
        await log.put(3)
        async for line in answer.aiter_lines():
            lines.append(line)
            if line.startswith("data: ") and sum(line.startswith("data: ") for line in lines) == 3:
                serving.cancel()
    assert any(STOPPED in line for line in lines), lines
    last = [line.removeprefix("id: ") for line in lines if line.startswith("id: ")][-1]
    await log.put(2)
    async with (
        served(kafka, store, feed_of(kafka, topics.events), tmp_path) as (client, _),
        client.stream("GET", "/api/v1/stream", headers={"Last-Event-ID": last}) as answer,
    ):
        found: list[str] = []
        async for line in answer.aiter_lines():
            found += [line] if line.startswith("data: ") else []
            if len(found) == 2:
                break
    assert sorted(line.partition("@example.com")[0][-1] for line in found) == ["3", "4"]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has it")
def test_the_kernel_cuts_off_who_takes_nothing_for_two_minutes() -> None:
    with listening(load_settings(api_port=0)) as sock:
        sock.listen()
        with socket.create_connection(sock.getsockname()), sock.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 120_000
