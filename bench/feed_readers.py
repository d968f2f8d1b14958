"""The other side of `bench.feed`: emits numbered events, and reads them from the API with many bare connections.

Prints one JSON object: what each reader got, and how long it took.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from bench.emitter import pretend_records
from idtrail.logs import configure_logs
from producers.emitter import Emitter
from producers.spool import Spool
from schemas.envelope import Source, Trust
from schemas.kafka import KafkaConnection

NUMBER: Final = re.compile(rb'"subject_email":"(\d+)@')
LAST_ID: Final = re.compile(rb'"resume":"([^"]+)"')
SLICE_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 30.0
SOURCE: Final = Source("bench", Trust.EXPORT)


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
        self.resume = ""

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
            if self._latencies is not None:
                self._latencies.append(now - self._sent[number])
        if b"event: dropped" in whole:
            self.resume = LAST_ID.findall(whole)[-1].decode()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def result(self) -> tuple[int, int, bool]:
        return self.received, self.distinct, bool(self.resume)

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


async def emit(
    emitter: Emitter, events: list[bytes], rate: int, sent: list[float], readers: list[Reader], most_ahead: int
) -> None:
    """So many a second, a slice at a time, and none while the slowest reader is so many behind."""
    began = time.monotonic()
    done = 0
    while done < len(events):
        due = min(int((time.monotonic() - began + SLICE_SECONDS) * rate), len(events), done + most_ahead)
        for number in range(done, due):
            sent[number] = time.monotonic()
        batch = await emitter.emit_many(events[done:due], SOURCE)
        assert batch.logged + batch.spooled == due - done, batch  # a busy broker: the spool hands it on
        done = due
        while done - min(reader.distinct for reader in readers) > most_ahead:  # noqa: ASYNC110  because events would disturb the measure
            await asyncio.sleep(0.01)
        await asyncio.sleep(SLICE_SECONDS)


def numbered(count: int) -> list[bytes]:
    """Events that carry their number where the feed shows it."""
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    found = []
    for number, raw in enumerate(pretend_records(count)):
        event = orjson.loads(raw)
        event["resource"]["email"] = f"{number}@example.com"
        found.append(orjson.dumps(event | {"timestamp": stamp}))
    return found


async def main(
    url: str, token: str, bootstrap: str, topic: str, readers: int, rate: int, seconds: float, most_ahead: int
) -> None:
    events = numbered(int(rate * seconds))
    most, sent, latencies = len(events), [0.0] * len(events), list[float]()
    stuck = Reader(request(token), most, sent, None, True)
    others = [Reader(request(token), most, sent, latencies, False) for _ in range(readers - 1)]
    await connect(url, token, stuck, small=True)
    for reader in others:
        await connect(url, token, reader)
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory, "spool.sqlite"))
        async with Emitter(
            KafkaConnection(bootstrap), spool, lambda: datetime.now(UTC), topic, topic, topic
        ) as emitter:
            if events:
                await emit(emitter, events, rate, sent, others, most_ahead)
            else:
                await asyncio.sleep(seconds)
            await all_read(others, most * len(others))
    resumed = await look_again(url, token, stuck, most, sent) if events else 0
    latencies.sort()
    found: dict[str, Any] = {
        "emitted": most,
        "readers": [reader.result() for reader in others],
        "stuck": stuck.result(),
        "resumed": resumed,
        "p50_ms": latencies[len(latencies) // 2] * 1000 if latencies else 0.0,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000 if latencies else 0.0,
    }
    sys.stdout.buffer.write(orjson.dumps(found))


async def all_read(readers: Sequence[Reader], most: int) -> None:
    """Wait until the readers have so many together, or nothing more comes for as long as patience lasts."""
    had, since = -1, time.monotonic()
    while had < most and time.monotonic() - since < PATIENCE_SECONDS:
        has = sum(reader.distinct for reader in readers)
        if has > had:
            had, since = has, time.monotonic()
        await asyncio.sleep(0.1)  # an event for each number would be in the way of what is measured


async def look_again(url: str, token: str, stuck: Reader, most: int, sent: list[float]) -> int:
    """What the stuck reader has when it takes bytes again, and goes on from where it is told to."""
    stuck.go_on()
    try:
        await asyncio.wait_for(stuck.closed.wait(), PATIENCE_SECONDS)
    except TimeoutError:
        return stuck.distinct
    again = Reader(request(token, stuck.resume), most, sent, None, False)
    await connect(url, token, again)
    await all_read([stuck, again], most)
    assert again.received == again.distinct, "events came twice"
    return stuck.distinct + again.distinct


if __name__ == "__main__":
    configure_logs(level="warning")
    url, token, bootstrap, topic, readers, rate, seconds, most_ahead = sys.argv[1:]
    asyncio.run(main(url, token, bootstrap, topic, int(readers), int(rate), float(seconds), int(most_ahead)))
