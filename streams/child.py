"""A child process for work that fills a core, and the pipe to it.

It ends when its pipe does, and that ends with its parent, however the parent ends.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

from streams.collecting import collect_rarely

MOST_CHILDREN: Final = 4


def children_at_once() -> int:
    """How many of them do the same work: one a core, up to a few, because the store and the live trail want cores
    too."""
    return min(MOST_CHILDREN, os.cpu_count() or 1)


class Child:
    """Started at once; `serve` runs in it with the other end of `pipe` and what it was `given`."""

    def __init__(self, serve: Callable[[Connection, Any], None], given: object, name: str) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the store's threads' locks
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(serve, theirs, given), daemon=True, name=name)
        self._process.start()
        theirs.close()

    def end(self) -> None:
        """Whatever it is at; who waits at the pipe is told."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """End it, and its pipe."""
        self.end()
        self._process.close()
        self.pipe.close()


def _run(serve: Callable[[Connection, Any], None], pipe: Connection, given: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends this
    collect_rarely()
    serve(pipe, given)
