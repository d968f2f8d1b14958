"""The API's HTTP server: its socket, and how many connections are open, for how long.

Uvicorn bounds neither the connections nor the time in which a request's head must come, so anybody without a token
could take every file descriptor of the process, and with them the broker's and the store's.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import Iterator
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from idtrail.settings import Settings
from schemas.errors import BadUsage
from streams.feed import Feed

STUCK_MILLISECONDS: Final = 120_000
HEAD_SECONDS: Final = 15.0
"""How long a connection may be open without a request: until the first head has come whole, and between requests."""
MOST_CONNECTIONS: Final = 2_000
"""Open connections, besides those of the feed's readers."""
BACKLOG: Final = 128
"""Connections accepted at once, before any of them is counted; others wait in the kernel."""
MOST_DESCRIPTORS: Final = 65_536
"""More than a process of idtrail uses; some systems name a hard limit that they do not grant."""
TOLD_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """Open the API's socket. Raises `BadUsage` if the address is taken."""
    sock = socket.socket(socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; connections inherit it
        # A reader of the feed that takes nothing and does not disconnect is cut off by the kernel: no server can do
        # that.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_MILLISECONDS)
    try:
        try:
            sock.bind((settings.api_host, settings.api_port))
            sock.listen()  # two processes may bind one address, until one of them listens
        except OSError as error:
            raise BadUsage(
                f"the API cannot listen on {settings.api_host}:{settings.api_port} ({error.strerror}): "
                "stop what does, or set IDTRAIL_API_PORT (0 takes a free one)"
            ) from None
        yield sock
    finally:
        sock.close()


def url_of(sock: socket.socket) -> str:
    """Return the URL of a listening socket on this machine."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  because it is compared, not bound
    return f"http://{host}:{port}"


def raise_descriptors() -> int:
    """Let this process open as many files as the system allows; return how many.

    The usual soft limit is 1,024, for programs that call `select`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS grants fewer than it names
        return soft
    return wanted


async def serve(app: FastAPI, sock: socket.socket, feed: Feed) -> None:
    """Serve the API on a listening socket until cancelled; then end the feed's readers at once."""
    most = min(MOST_CONNECTIONS + feed.most_readers, raise_descriptors() // 2)
    server = _Server(app, most)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        await feed.stop()  # its responses would not end by themselves
        server.should_exit = True
        await serving
        raise


class _Server(uvicorn.Server):
    """Leaves signals to the role instead of its HTTP server, and bounds its connections."""

    def __init__(self, app: FastAPI, most: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                backlog=BACKLOG,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=5,
            )
        )
        self.server_state = _Connections(most)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Connections(ServerState):
    """All open connections, at most `most`."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.waiting: dict[_Connection, None] = {}
        """Those without a request, the one that has waited longest first."""
        self._most = most
        self._told = -TOLD_SECONDS

    def make_room(self) -> None:
        """Beyond the limit, cut off the connection that has waited longest; if all others are at work, the newest.

        So a flood of connections that ask for nothing displaces itself, and hardly anybody who asks.
        """
        if len(self.connections) <= self._most:
            return
        if time.monotonic() - self._told >= TOLD_SECONDS:
            self._told = time.monotonic()
            log.warning("the API has as many connections as it may: it cuts off idle ones", most=self._most)
        next(iter(self.waiting)).cut_off()


class _Connection(H11Protocol):
    """A connection that is cut off if it has no request for `HEAD_SECONDS`, whatever it sends meanwhile."""

    server_state: _Connections
    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # because uvicorn's has it
        super().connection_made(transport)
        self._watch()
        self.server_state.make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def cut_off(self) -> None:
        """Close the connection now, without sending what its peer does not take."""
        self._forget()
        self.transport.abort()

    def _watch(self) -> None:
        # Before the first request there is no cycle, although uvicorn's types promise one.
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]  # see above
            self._forget()
        elif self._overdue is None and not self.transport.is_closing():
            self._overdue = self.loop.call_later(HEAD_SECONDS, self.cut_off)
            self.server_state.waiting[self] = None

    def _forget(self) -> None:
        self.server_state.waiting.pop(self, None)
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
