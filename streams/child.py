"""A child process for work that fills a core, and the pipe to it.

It ends when its pipe does, and that ends with its parent, however the parent ends.
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
    """How many of them do the same work: one a core, up to a few, because the store and the live trail want cores
    too."""
    return min(MOST_CHILDREN, os.cpu_count() or 1)


class Child:
    """Started at once; `serve` runs in it with the other end of the pipe and what it was `given`.

    What is asked of one that has ended raises `Fatal`.
    """

    def __init__(self, serve: Callable[[Connection, Any], None], given: object, name: str) -> None:
        context = multiprocessing.get_context(START)
        self._name = name
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(serve, theirs, given), daemon=True, name=name)
        self._process.start()
        theirs.close()

    def send(self, what: object) -> None:
        """Blocks until most of it is read: for a thread, unless it is small."""
        with self._alive():
            self._pipe.send(what)

    def receive(self) -> Any:
        """The next thing that it sends; an error is raised. Blocks: for a thread."""
        with self._alive():
            told = self._pipe.recv()
        if isinstance(told, BaseException):
            raise told
        return told

    def receive_bytes(self) -> bytes:
        """The same of `send_bytes`."""
        with self._alive():
            return self._pipe.recv_bytes()

    def kill(self) -> None:
        """Whatever it is at; `close` it then."""
        self._process.kill()

    def close(self) -> None:
        """End it, whatever it is at."""
        self.kill()
        self._process.join()  # and not closed: that fails where another thread has just reaped it
        self._pipe.close()

    @contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            raise Fatal(f"the process {self._name} ended by itself") from error


def _run(serve: Callable[[Connection, Any], None], pipe: Connection, given: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends this
    tune_interpreter()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent has ended
        serve(pipe, given)
