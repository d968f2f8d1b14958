"""Reading of large portions, shared with child processes: decoding in Python fills one core a process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic
from typing import Final

from queries.arrow import bytes_of, table_of
from schemas.errors import Fatal
from streams.child import Child
from streams.portion import Block, Portion, Reading, join
from streams.rows import LogRecord, Produced, Record

FEW_RECORDS: Final = 4_000
"""Are read here: sharing them gains nothing worth a child."""
PIECE_RECORDS: Final = 1_000
"""At most are read at a time: small enough that all end together."""
IDLE_SECONDS: Final = 60.0
"""After which children are let go: what comes as it happens needs none."""

_Read = Callable[[Sequence[LogRecord]], Portion]


class SharedReading:
    """Makes the same portions as its `reading`; of large ones, children that are ready read pieces too. Close it."""

    def __init__(self, reading: Reading, children: int) -> None:
        """`children`: how many at most. None is started before there is work for it, and none is waited for."""
        self._reading = reading
        self._most = children
        self._threads = ThreadPoolExecutor(max(1, children), "idtrail-reading")
        self._starts: list[Future[None]] = []
        self._ready: SimpleQueue[Child] = SimpleQueue()
        self._children: set[Child] = set()
        self._changing = Lock()
        self._closed = False
        self._last_used = monotonic()
        self.helped = 0
        """How many pieces children have read."""

    @property
    def events(self) -> str:
        """The topic of events."""
        return self._reading.events

    def portion(self, records: Sequence[LogRecord]) -> Portion:
        """Records of one partition, one at least, decoded. Blocks: for a thread. Raises `Fatal` when a child ends."""
        if not self._most or len(records) < FEW_RECORDS or records[0].topic != self._reading.events:
            return self._reading.portion(records)
        self._last_used = monotonic()
        self._start()
        pieces = [records[at : at + PIECE_RECORDS] for at in range(0, len(records), PIECE_RECORDS)]
        work = _Work(pieces)
        helping = [self._threads.submit(self._help, child, work) for child in self._take_ready()]
        work.do(self._reading.portion)
        self.helped += sum(one.result() for one in helping)
        return join(work.done())

    def rest(self) -> None:
        """Let go of children that have had nothing to do for a while."""
        if self._children and monotonic() - self._last_used > IDLE_SECONDS:
            for child in self._take_ready():
                self._end(child)

    def children(self) -> int:
        """How many have been started and not let go."""
        return len(self._children)

    def close(self) -> None:
        """End the children, whatever they are at."""
        with self._changing:
            self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in list(self._children):
            self._end(child)

    def _start(self) -> None:
        for start in [start for start in self._starts if start.done()]:
            self._starts.remove(start)
            start.result()
        with self._changing:
            while len(self._children) < self._most and not self._closed:
                child = Child(_serve, self._reading, "idtrail-reading")
                self._children.add(child)
                self._starts.append(self._threads.submit(self._greet, child))

    def _greet(self, child: Child) -> None:
        try:
            child.pipe.recv()
        except (EOFError, OSError) as error:
            raise Fatal("a decoding process ended by itself while it started") from error
        self._ready.put(child)

    def _take_ready(self) -> list[Child]:
        taken: list[Child] = []
        while True:
            try:
                taken.append(self._ready.get_nowait())
            except Empty:
                return taken

    def _help(self, child: Child, work: _Work) -> int:
        pieces = work.do(lambda records: _ask(child, records))
        self._ready.put(child)
        return pieces

    def _end(self, child: Child) -> None:
        with self._changing:
            self._children.discard(child)
        child.close()


class _Work:
    """Pieces, each done by whoever takes it."""

    def __init__(self, pieces: Sequence[Sequence[LogRecord]]) -> None:
        self._left: SimpleQueue[tuple[int, Sequence[LogRecord]]] = SimpleQueue()
        for numbered in enumerate(pieces):
            self._left.put(numbered)
        self._done: dict[int, Portion] = {}

    def do(self, read: _Read) -> int:
        """As many as are left for this one; returns how many these were."""
        for count in itertools.count():
            try:
                number, records = self._left.get_nowait()
            except Empty:
                return count
            self._done[number] = read(records)
        raise AssertionError("counting does not end")

    def done(self) -> list[Portion]:
        """In the order of the pieces."""
        return [self._done[number] for number in sorted(self._done)]


def _ask(child: Child, records: Sequence[LogRecord]) -> Portion:
    try:
        child.pipe.send([(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in records])
        told = child.pipe.recv()
        if isinstance(told, BaseException):
            raise told
        span, tables, dead, forward, unreadable = told
        blocks = [Block(table, table_of(child.pipe.recv_bytes())) for table in tables]
    except (EOFError, OSError) as error:
        raise Fatal("a decoding process ended by itself") from error
    return Portion(span, blocks, list(map(Produced._make, dead)), list(map(Produced._make, forward)), unreadable)


def _serve(pipe: Connection, reading: Reading) -> None:
    pipe.send(None)
    while True:
        try:
            records = list(map(Record._make, pipe.recv()))
        except EOFError:
            return
        try:
            portion = reading.portion(records)
        except Exception as error:
            pipe.send(Fatal(f"records from offset {records[0].offset} on: {error!r}"))
            continue
        dead, forward = list(map(tuple, portion.dead)), list(map(tuple, portion.forward))
        pipe.send((portion.span, [block.table for block in portion.blocks], dead, forward, portion.unreadable))
        for block in portion.blocks:
            pipe.send_bytes(bytes_of(block.rows))
