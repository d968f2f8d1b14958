"""Replays every stretch of the log: child processes decode it, and this process hands it over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final

from aiokafka.errors import KafkaError

from broker.refusal import failure
from streams.decoders import Decoder, Decoding, Read, decode
from streams.span_reader import Place, SpanReader, Stretch, stretches

STRETCH_RECORDS: Final = 20_000
"""Records of one partition per stretch, done by one child; `reached` reports whole stretches. Memory holds parts of
it."""
FEW_RECORDS: Final = 5_000
"""So few records are decoded in this process: a child takes longer to start."""
TOLD_SECONDS: Final = 1.0
"""The shortest time between two reports of progress, except for the end."""

Handle = Callable[[Stretch, Read], Awaitable[None]]
Reached = Callable[[Mapping[Place, int]], Awaitable[None]]


class Replay:
    """A context manager: its children end with it."""

    def __init__(self, how: Decoding, decoders: int) -> None:
        self._how = how
        self._count = decoders
        self._decoders: list[Decoder] = []

    def __enter__(self) -> Replay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for decoder in self._decoders:
            decoder.close()
        self._decoders.clear()

    async def each(
        self, begins: Mapping[Place, int], ends: Mapping[Place, int], handle: Handle, reached: Reached
    ) -> None:
        """Call `handle` on everything in between, several stretches at once, each in parts of bounded size. `reached`
        is told up to where each partition is handled without a gap."""
        wanted = list(stretches(begins, ends, STRETCH_RECORDS))
        work = Work(wanted)
        if not wanted:
            return
        if not self._decoders and sum(stretch.end - stretch.first for stretch in wanted) < FEW_RECORDS:
            await self._each_here(work, begins, handle, reached)
            return
        while len(self._decoders) < min(self._count, work.waiting):
            self._decoders.append(await asyncio.to_thread(Decoder, self._how))
        try:
            async with asyncio.TaskGroup() as tasks:
                for decoder in self._decoders:
                    tasks.create_task(_keep_busy(decoder, work, handle))
                tasks.create_task(tell(work, begins, reached))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _each_here(self, work: Work, begins: Mapping[Place, int], handle: Handle, reached: Reached) -> None:
        async with SpanReader(self._how.connection) as reader:
            last: Stretch | None = None
            while (last := work.take(last)) is not None:
                try:
                    async for part, records in reader.parts(last):
                        await handle(part, await asyncio.to_thread(decode, records, self._how.reading))
                except KafkaError as error:
                    raise await failure(self._how.connection, error) from error
                work.finish(last)
        await reached(dict(begins) | work.reached)


async def _keep_busy(decoder: Decoder, work: Work, handle: Handle) -> None:
    """Keep the decoder one part and one stretch ahead while `handle` runs."""
    stretch = work.take(None)
    if stretch is not None:
        await asyncio.to_thread(decoder.start, stretch)
    while stretch is not None:
        following = work.take(stretch)
        if following is not None:
            await asyncio.to_thread(decoder.start, following)
        while (part := await asyncio.to_thread(decoder.take)) is not None:
            await handle(*part)
        work.finish(stretch)
        stretch = following


async def tell(work: Work, begins: Mapping[Place, int], reached: Reached) -> None:
    """Call `reached` repeatedly, and once more at the end, even if the end comes during a call."""
    ended = False
    while not ended:
        with suppress(TimeoutError):
            await asyncio.wait_for(work.finished.wait(), TOLD_SECONDS)
        ended = work.finished.is_set()
        await reached(dict(begins) | work.reached)


class Work:
    """The stretches to do: as far as possible, each partition's go to one child."""

    def __init__(self, wanted: Iterable[Stretch]) -> None:
        self._left: dict[Place, list[Stretch]] = {}
        for stretch in wanted:
            self._left.setdefault((stretch.topic, stretch.partition), []).append(stretch)
        self._taken: dict[Place, list[Stretch]] = {place: [] for place in self._left}
        self._begun: set[Place] = set()
        self._done_to: dict[Place, int] = {}
        self._undone = self.waiting
        self.reached: dict[Place, int] = {}
        self.finished = asyncio.Event()

    @property
    def waiting(self) -> int:
        """The number of stretches that nobody has taken."""
        return sum(map(len, self._left.values()))

    def take(self, last: Stretch | None) -> Stretch | None:
        """Return the next stretch for whoever did `last`; None when all are taken."""
        place = (last.topic, last.partition) if last else None
        if place is None or not self._left[place]:
            full = [place for place, left in self._left.items() if left]
            if not full:
                return None
            # a partition that nobody reads, else the longest one
            place = max(full, key=lambda place: (place not in self._begun, len(self._left[place])))
        self._begun.add(place)
        stretch = self._left[place].pop(0)
        self._taken[place].append(stretch)
        return stretch

    def finish(self, stretch: Stretch) -> None:
        """Record that the stretch is handled."""
        place = (stretch.topic, stretch.partition)
        taken, left = self._taken[place], self._left[place]
        taken.remove(stretch)
        self._done_to[place] = max(stretch.end, self._done_to.get(place, 0))
        gap = min(taken + left[:1], default=None)
        self.reached[place] = gap.first if gap else self._done_to[place]
        self._undone -= 1
        if not self._undone:
            self.finished.set()
