"""Shares the decoding of large portions with child processes: in Python it fills one core per process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic
from typing import Any, Final

import structlog

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from schemas.envelope import Header
from schemas.errors import Fatal
from schemas.metrics import DECODED_ASIDE
from streams.blocks import receive_blocks, send_blocks
from streams.child import Child
from streams.portion import Portion, Reading, join
from streams.rows import LogRecord, Produced, Record

FEW_RECORDS: Final = 4_000
"""So few records are decoded here: sharing them gains too little."""
PIECE_RECORDS: Final = 1_000
"""Records per piece at most: small enough that all processes end together."""
IDLE_SECONDS: Final = 60.0
"""Idle time after which children are ended: live events need none."""

_Read = Callable[[Sequence[LogRecord]], Portion]

log = structlog.get_logger(__name__)


class SharedReading:
    """Makes the same portions as its `reading`; children that are ready decode pieces of large ones too. Close it."""

    def __init__(self, reading: Reading, children: int) -> None:
        """`children` is the maximum. A child is started only when there is work for it, and never waited for."""
        self._reading = reading
        self._most = children
        self._threads = ThreadPoolExecutor(max(1, children), "idtrail-reading")
        self._ready: SimpleQueue[Child] = SimpleQueue()
        self._changing = Lock()
        self._children: set[Child] = set()
        self._tasks: list[Future[Any]] = []
        self._closed = False
        self._last_used = monotonic()

    @property
    def events(self) -> str:
        """The topic of events."""
        return self._reading.events

    def portion(self, records: Sequence[LogRecord]) -> Portion:
        """Decode records of one partition, at least one. Blocks: use a thread. Raises `Fatal` when a child has
        ended."""
        if not self._most or len(records) < FEW_RECORDS or records[0].topic != self._reading.events:
            return self._reading.portion(records)
        self._last_used = monotonic()
        self._start()
        work = _Work([records[at : at + PIECE_RECORDS] for at in range(0, len(records), PIECE_RECORDS)])
        helping = [self._task(self._help, child, work) for child in self._take_ready()]
        work.do(self._reading.portion)
        DECODED_ASIDE.inc(sum(one.result() for one in helping))
        return join(work.done())

    def rest(self, least_idle: float = IDLE_SECONDS) -> None:
        """End the children that have been idle for this many seconds. Returns at once."""
        if not self._closed and self._children and monotonic() - self._last_used >= least_idle:
            for child in self._take_ready():
                self._task(self._end, child)

    def close(self) -> None:
        """End the children, whatever they are doing."""
        with self._changing:
            self._closed = True
            children = list(self._children)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in children:
            child.kill()
        for child in children:
            child.close()

    def _start(self) -> None:
        with self._changing:
            # The caller may not look at the result: a rebalance drops what is being read.
            for task in self._tasks:
                if task.done():
                    task.result()
            self._tasks = [task for task in self._tasks if not task.done()]
            missing = 0 if self._closed else self._most - len(self._children)
            children = [Child(_serve, self._reading, "idtrail-reading") for _ in range(missing)]
            self._children.update(children)
        for child in children:
            self._task(self._greet, child)
        if children:
            log.info("decoding is shared", processes=self._most)

    def _task(self, call: Callable[..., Any], *args: object) -> Future[Any]:
        task = self._threads.submit(call, *args)
        with self._changing:
            self._tasks.append(task)
        return task

    def _greet(self, child: Child) -> None:
        child.receive()
        self._ready.put(child)

    def _take_ready(self) -> list[Child]:
        taken: list[Child] = []
        while True:
            try:
                taken.append(self._ready.get_nowait())
            except Empty:
                return taken

    def _help(self, child: Child, work: _Work) -> int:
        records = work.do(lambda piece: _ask(child, piece))
        self._ready.put(child)
        return records

    def _end(self, child: Child) -> None:
        with self._changing:
            self._children.discard(child)
        child.close()


class _Work:
    """Pieces, each decoded by whoever takes it."""

    def __init__(self, pieces: Sequence[Sequence[LogRecord]]) -> None:
        self._left: SimpleQueue[tuple[int, Sequence[LogRecord]]] = SimpleQueue()
        for numbered in enumerate(pieces):
            self._left.put(numbered)
        self._done: dict[int, Portion] = {}

    def do(self, read: _Read) -> int:
        """Decode pieces until none is left. Returns the number of records decoded."""
        count = 0
        while True:
            try:
                number, records = self._left.get_nowait()
            except Empty:
                return count
            self._done[number] = read(records)
            count += len(records)

    def done(self) -> list[Portion]:
        """Return the portions in the order of the pieces."""
        return [self._done[number] for number in sorted(self._done)]


def _ask(child: Child, records: Sequence[LogRecord]) -> Portion:
    child.send([(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in records])
    span, dead, forward, unreadable = child.receive()
    blocks = receive_blocks(child)
    return Portion(span, blocks, list(map(Produced._make, dead)), _whole(forward, records), unreadable)


def _serve(pipe: Connection, reading: Reading) -> None:
    batch([], EVENTS_ARROW_SCHEMA)  # the first batch loads what the others need
    pipe.send(None)
    while True:
        records = list(map(Record._make, pipe.recv()))
        try:
            portion = reading.portion(records)
        except Exception as error:
            first = records[0]
            pipe.send(Fatal(f"{first.topic}[{first.partition}] from offset {first.offset} on: {type(error).__name__}"))
            continue
        # Plain tuples: named ones are pickled with their class, each.
        pipe.send((portion.span, list(map(tuple, portion.dead)), _parts(portion, records), portion.unreadable))
        send_blocks(pipe, portion.blocks)


_Part = tuple[int, bytes, bytes | None, list[Header]]
"""A record that goes on to detection: its offset, its key, its value if that differs, and the added headers. The rest
never left the parent."""


def _parts(portion: Portion, records: Sequence[LogRecord]) -> list[_Part]:
    parts: list[_Part] = []
    known = {record.offset: record for record in records} if portion.forward else {}
    for one in portion.forward:
        record = known[int(dict(one.headers)["idtrail_offset"])]
        value = None if one.value == record.value else one.value
        parts.append((record.offset, one.key, value, one.headers[len(record.headers) :]))
    return parts


def _whole(parts: Sequence[_Part], records: Sequence[LogRecord]) -> list[Produced]:
    known = {record.offset: record for record in records} if parts else {}
    whole = []
    for offset, key, value, added in parts:
        record = known[offset]
        whole.append(Produced(key, record.value or b"" if value is None else value, [*record.headers, *added]))
    return whole
