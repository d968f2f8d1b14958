"""The other side of `bench.feed`: emits numbered events, and reads them from the API with many bare connections.

Prints `BEGUN` when all readers follow, and at the end one JSON object: what each reader got, and how long it took.
Ends early when its standard input is closed.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from bench.emitter import PEOPLE, pretend_records
from idtrail.logs import configure_logs
from producers.emitter import Emitter
from producers.spool import Spool
from schemas.envelope import Source, Trust
from schemas.kafka import KafkaConnection

BEGUN: Final = b"begun\n"
NUMBER: Final = re.compile(rb'"subject_email":"(\d+)@')
DROPPED: Final = re.compile(rb"event: dropped\ndata: (.+)")
SLICE_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 30.0
TIMED: Final = 10
"""One event in so many: millions of times would be in the way."""
SOURCE: Final = Source("bench", Trust.EXPORT)
KINDS: Final = [orjson.loads(raw) for raw in pretend_records(50)]
"""One of each that there is."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the feed."""

    readers: int = 50
    rate: int = 2_000
    """Events a second."""
    seconds: float = 90.0
    """At most."""
    stuck: bool = True
    """Whether one of the readers takes nothing."""
    most_ahead: int = sys.maxsize
    """Events that may be emitted before the slowest of the others has them: for where speed is of no interest."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader got."""

    received: int
    distinct: int
    reason: str
    """What it was told when it was dropped; empty: it was not."""


class Reader(asyncio.Protocol):
    """Counts what one connection brings; `stuck` stops taking bytes after the answer's head."""

    def __init__(
        self, request: bytes, most: int, sent: list[float], latencies: list[float] | None, stuck: bool
    ) -> None:
        self._request, self._sent, self._latencies, self._stuck = request, sent, latencies, stuck
        self._seen = bytearray(most)
        self._rest = b""
        self.transport: asyncio.Transport | None = None
        self.begun = asyncio.Event()
        self.closed = asyncio.Event()
        self.received = self.distinct = 0
        self.resume = self.reason = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.begun.is_set() and b"id: " in data:
            self.begun.set()
            if self._stuck:
                self._stuck = False
                assert self.transport is not None
                self.transport.pause_reading()
        whole, _, self._rest = (self._rest + data).rpartition(b"\n\n")
        now = time.monotonic()
        for found in NUMBER.findall(whole):
            number = int(found)
            self.received += 1
            self.distinct += not self._seen[number]
            self._seen[number] = 1
            if self._latencies is not None and number % TIMED == 0:
                self._latencies.append(now - self._sent[number])
        if dropped := DROPPED.search(whole):
            told = orjson.loads(dropped[1])
            self.resume, self.reason = told["resume"], told["reason"]

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def reading(self) -> Reading:
        """So far."""
        return Reading(self.received, self.distinct, self.reason)

    def go_on(self) -> None:
        """Take bytes again."""
        assert self.transport is not None
        self.transport.resume_reading()


async def connect(url: str, token: str, reader: Reader, *, small: bool = False) -> None:
    """Wait until the stream has begun."""
    address = urlsplit(url)
    assert address.hostname
    sock = socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (address.hostname, address.port))
    await asyncio.get_running_loop().create_connection(lambda: reader, sock=sock)
    await asyncio.wait_for(reader.begun.wait(), PATIENCE_SECONDS)


def request(token: str, last_id: str = "") -> bytes:
    """Of the stream, from now on or after a position."""
    resume = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
    return f"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{resume}\r\n".encode()


async def emit(emitter: Emitter, load: Load, sent: list[float], readers: list[Reader], stopped: asyncio.Event) -> int:
    """So many a second, a slice at a time, and none while the slowest reader is so many behind. Returns how many."""
    began, done = time.monotonic(), 0
    while done < len(sent) and not stopped.is_set():
        most = min(len(sent), done + load.most_ahead)
        due = min(int((time.monotonic() - began + SLICE_SECONDS) * load.rate), most)
        events = [numbered(number) for number in range(done, due)]
        sent[done:due] = [time.monotonic()] * len(events)
        batch = await emitter.emit_many(events, SOURCE)
        assert batch.logged + batch.spooled == len(events), batch  # a busy broker: the spool hands it on
        done = due
        while any(done - reader.distinct > load.most_ahead for reader in readers):  # noqa: ASYNC110  because events would disturb the measure
            await asyncio.sleep(0.01)
        await asyncio.sleep(SLICE_SECONDS)
    return done


def numbered(number: int) -> bytes:
    """An event that carries its number where the feed shows it."""
    kind = KINDS[number % len(KINDS)]
    who = {**kind["resource"], "id": f"{number % PEOPLE:024x}", "email": f"{number}@example.com"}
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return orjson.dumps(kind | {"id": f"{number:024x}", "resource": who, "timestamp": stamp})


async def main(url: str, token: str, bootstrap: str, topic: str, load: Load) -> None:
    most = int(load.rate * load.seconds)
    sent, latencies = [0.0] * most, list[float]()
    stuck = Reader(request(token), most, sent, None, True) if load.stuck else None
    others = [Reader(request(token), most, sent, latencies, False) for _ in range(load.readers - load.stuck)]
    if stuck:
        await connect(url, token, stuck, small=True)
    for reader in others:
        await connect(url, token, reader)
    stopped = asyncio.Event()
    waiting = asyncio.create_task(_until_closed(stopped))
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory, "spool.sqlite"))
        async with Emitter(
            KafkaConnection(bootstrap), spool, lambda: datetime.now(UTC), topic, topic, topic
        ) as emitter:
            _say(BEGUN)
            if load.rate:
                emitted = await emit(emitter, load, sent, others, stopped)
            else:
                emitted = 0
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), load.seconds)
            ended = time.monotonic()
            await all_read(others, emitted * len(others))
    waiting.cancel()
    resumed = await look_again(url, token, stuck, emitted, sent) if stuck else 0
    latencies.sort()
    found: dict[str, Any] = {
        "emitted": emitted,
        "ended": ended,
        "readers": [reader.reading() for reader in others],
        "stuck": stuck and stuck.reading(),
        "resumed": resumed,
        "p50_ms": latencies[len(latencies) // 2] * 1000 if latencies else 0.0,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000 if latencies else 0.0,
    }
    _say(orjson.dumps(found))


async def _until_closed(stopped: asyncio.Event) -> None:
    """Of standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    stopped.set()


def _say(told: bytes) -> None:
    sys.stdout.buffer.write(told)
    sys.stdout.buffer.flush()


async def all_read(readers: Sequence[Reader], most: int) -> None:
    """Wait until the readers have so many together or all are closed, or patience ends with nothing new."""
    had, since = -1, time.monotonic()
    while had < most and not all(reader.closed.is_set() for reader in readers):
        if time.monotonic() - since > PATIENCE_SECONDS:
            return
        has = sum(reader.distinct for reader in readers)
        if has > had:
            had, since = has, time.monotonic()
        await asyncio.sleep(0.1)  # an event for each number would be in the way of what is measured


async def look_again(url: str, token: str, stuck: Reader, emitted: int, sent: list[float]) -> int:
    """What the stuck reader has when it takes bytes again, and goes on from where it is told to."""
    stuck.go_on()
    await all_read([stuck], emitted)
    if not stuck.resume:
        return stuck.distinct
    again = Reader(request(token, stuck.resume), len(sent), sent, None, False)
    await connect(url, token, again)
    await all_read([stuck, again], emitted)
    assert again.received == again.distinct, "events came twice"
    return stuck.distinct + again.distinct


if __name__ == "__main__":
    configure_logs(level="warning")
    url, token, bootstrap, topic, load = sys.argv[1:]
    asyncio.run(main(url, token, bootstrap, topic, Load(**orjson.loads(load))))
