"""Filling a database from stretches of the log: children decode, this process inserts, in large blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final

from queries.store import Store
from streams.decoders import Decoder, Decoding, Piece
from streams.span_reader import Place, Stretch, stretches
from streams.writer import patiently

STRETCH_RECORDS: Final = 25_000
"""Of one partition; one insert, unless it holds decades."""
RETRY_SECONDS: Final = 300.0
SAVED_SECONDS: Final = 1.0
"""How often progress is told at most, but for the end."""

Reached = Callable[[Mapping[Place, int]], Awaitable[None]]


class Filler:
    """A context: its children end with it."""

    def __init__(self, store: Store, how: Decoding, decoders: int, name: str) -> None:
        """`name` is part of every token: the same stretch by the same name is inserted once."""
        self._store = store
        self._how = how
        self._count = decoders
        self._name = name
        self._decoders: list[Decoder] = []

    def __enter__(self) -> Filler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for decoder in self._decoders:
            decoder.close()
        self._decoders.clear()

    async def fill(self, begins: Mapping[Place, int], ends: Mapping[Place, int], reached: Reached) -> None:
        """Insert everything between. `reached` is told up to where each partition is filled without a gap."""
        work = Work(stretches(begins, ends, STRETCH_RECORDS))
        if not work.waiting:
            return
        while len(self._decoders) < min(self._count, work.waiting):
            self._decoders.append(await asyncio.to_thread(Decoder, self._how))
        try:
            async with asyncio.TaskGroup() as tasks:
                for decoder in self._decoders:
                    tasks.create_task(self._keep_busy(decoder, work))
                tasks.create_task(self._tell(work, begins, reached))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _keep_busy(self, decoder: Decoder, work: Work) -> None:
        """The next stretch is decoded while this one is inserted."""
        last: Stretch | None = None
        pieces: list[Piece] = []
        while True:
            stretch = work.take(last)
            if stretch is not None:
                await asyncio.to_thread(decoder.start, stretch)
            if last is not None:
                for piece in pieces:
                    await patiently(lambda last=last, piece=piece: self._insert(last, piece), RETRY_SECONDS)  # type: ignore[misc]  # because of the defaults
                work.finish(last)
            if stretch is None:
                return
            pieces = await asyncio.to_thread(decoder.finish)
            last = stretch

    def _insert(self, stretch: Stretch, piece: Piece) -> None:
        topic, partition, first, end = stretch
        token = f"{self._name}:{topic}:{partition}:{first}-{end - 1}:{piece.name}"
        self._store.insert_arrow(piece.table, piece.rows, token)

    async def _tell(self, work: Work, begins: Mapping[Place, int], reached: Reached) -> None:
        while not work.finished.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(work.finished.wait(), SAVED_SECONDS)
            await reached(dict(begins) | work.reached)


class Work:
    """Stretches to be done: those of one partition by one child, as far as there are others left."""

    def __init__(self, wanted: Iterable[Stretch]) -> None:
        self._left: dict[Place, list[Stretch]] = {}
        for stretch in wanted:
            self._left.setdefault((stretch.topic, stretch.partition), []).append(stretch)
        self._taken: dict[Place, list[Stretch]] = {place: [] for place in self._left}
        self._mine: set[Place] = set()
        self._undone = self.waiting
        self.reached: dict[Place, int] = {}
        self.finished = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many nobody has taken."""
        return sum(map(len, self._left.values()))

    def take(self, last: Stretch | None) -> Stretch | None:
        """The next one for whoever did `last`; None when all are taken."""
        place = (last.topic, last.partition) if last else None
        if place is None or not self._left[place]:
            full = [place for place, left in self._left.items() if left]
            if not full:
                return None
            # One that nobody reads, else the longest.
            place = max(full, key=lambda place: (place not in self._mine, len(self._left[place])))
        self._mine.add(place)
        stretch = self._left[place].pop(0)
        self._taken[place].append(stretch)
        return stretch

    def finish(self, stretch: Stretch) -> None:
        """It is in the store."""
        place = (stretch.topic, stretch.partition)
        taken, left = self._taken[place], self._left[place]
        taken.remove(stretch)
        gap = min(taken + left[:1], default=None)
        self.reached[place] = gap.first if gap else max(stretch.end, self.reached.get(place, 0))
        self._undone -= 1
        if not self._undone:
            self.finished.set()
