"""A receiver of webhooks on loopback that can be away, answer what it is told to, and remembers everything."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson


@dataclass
class Receiver:
    """`start` and `stop`; between two starts it has one port."""

    answer: str = "204 No Content"
    port: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """First line, headers in small letters, and body."""
    answers: list[tuple[datetime, str]] = field(default_factory=list)
    """When each of them came, and what it was answered."""
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def told(self) -> list[tuple[str, str]]:
        """Alert and occasion of every request, in order."""
        return [(data["alert_id"], data["occasion"]) for data in (self.body(n)["data"] for n in self._numbers())]

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.requests]

    def body(self, number: int) -> Any:
        return orjson.loads(self.requests[number][2])

    def _numbers(self) -> range:
        return range(len(self.requests))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            answer = self.answer
            self.requests.append((head[0], self._as_sent(head), body))
            self.answers.append((datetime.now(UTC), answer))
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _as_sent(self, head: list[str]) -> dict[str, str]:
        parts = (line.split(": ", 1) for line in head[1:] if line)
        return {name.lower(): value for name, value in parts}


@asynccontextmanager
async def receiving(**how: Any) -> AsyncIterator[Receiver]:
    receiver = Receiver(**how)
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()
