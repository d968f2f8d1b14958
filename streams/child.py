"""A child process for work that fills a core, and the pipe to it.

The child ends when its pipe closes, which happens when the parent ends, however it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Final

from schemas.errors import Fatal
from streams.interpreter import tune_interpreter

MOST_CHILDREN: Final = 4
START: Final = "spawn"
"""A fork would copy the locks of the store's threads."""


def children_at_once() -> int:
    """Return how many children share one kind of work: one per core up to a few, because the store and the live trail
    need cores too."""
    return min(MOST_CHILDREN, os.cpu_count() or 1)


class Child:
    """Starts at once; `serve` runs in the child with the other end of the pipe and the values of `given`.

    Any use of a child that has ended raises `Fatal`.
    """

    def __init__(self, serve: Callable[[Connection, Any], None], given: object, name: str) -> None:
        context = multiprocessing.get_context(START)
        self._name = name
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(serve, theirs, given), daemon=True, name=name)
        self._process.start()
        theirs.close()

    def send(self, what: object) -> None:
        """Send an object. Blocks until most of it is read: use a thread unless it is small."""
        with self._alive():
            self._pipe.send(what)

    def receive(self) -> Any:
        """Return the next object that the child sends; raises it if it is an error. Blocks: use a thread."""
        with self._alive():
            told = self._pipe.recv()
        if isinstance(told, BaseException):
            raise told
        return told

    def receive_bytes(self) -> bytes:
        """Return the next bytes sent with `send_bytes`; otherwise as `receive`."""
        with self._alive():
            return self._pipe.recv_bytes()

    def kill(self) -> None:
        """Kill the child, whatever it is doing; call `close` afterwards."""
        self._process.kill()

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self.kill()
        self._process.join()  # `close` would fail where another thread has just reaped it
        self._pipe.close()

    @contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            raise Fatal(f"the process {self._name} ended by itself") from error


def _run(serve: Callable[[Connection, Any], None], pipe: Connection, given: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets the signal, and ends this process
    tune_interpreter()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent has ended
        serve(pipe, given)
