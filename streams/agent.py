"""The Faust agent that reads fresh provisioning events once for all detection.

An event is acknowledged when every part has stored its results and the changelog has confirmed the part's table
entries. Faust by itself sends changelog records and commits without checking that they arrived. Faust decodes nothing:
values are bytes here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import Any, Final, Protocol

from schemas.errors import RecordError
from schemas.kafka import PROVISIONING
from streams.acknowledging import Acknowledger
from streams.forwarded import Forwarded, read_forwarded

FLUSH_EVENTS: Final = 5_000
PRESSED_SECONDS: Final = 0.01
"""Pause between two flushes while too many events wait."""
RESTORE_STEP: Final = 500
Check = Callable[[str], None]
"""Called with the name of each completed step; tests kill the process there."""


class Part(Protocol):
    """One kind of detection, which folds events into a table of its own."""

    @property
    def table(self) -> Any:
        """The Faust table, with as many partitions as the topic that events are read from."""

    @property
    def flush_seconds(self) -> float:
        """Seconds from the first waiting event to the flush."""

    @property
    def tick_seconds(self) -> float | None:
        """Seconds between flushes when no events come; None for no such flushes."""

    def take(self, partition: int, offset: int, forwarded: Forwarded) -> None:
        """Take an event. Nothing is written before the flush."""

    async def flush(self, taken: int) -> int:
        """Store and confirm the results of the first `taken` events since the start.

        Returns for how many events the results are stored and confirmed; if it is fewer than `taken`, the flush is soon
        repeated. Flushes of a part never overlap.
        """

    def restore(self, held: Collection[int]) -> Iterator[None]:
        """Rebuild the state from the table, which has been replaced; yields so that other tasks can run."""


class _Lane:
    """The flush state of one part."""

    def __init__(self, number: int, part: Part) -> None:
        self.number = number
        self.part = part
        self.waiting = asyncio.Event()
        self.lock = asyncio.Lock()


class DetectionAgent:
    """Attaches itself to the Faust app of its parts' tables; `run_flushes` must run beside the app."""

    def __init__(
        self,
        app: Any,
        parts: Sequence[Part],
        *,
        dead_letter: Callable[[Any, RecordError], Awaitable[None]],
        source: str = PROVISIONING,
        checkpoint: Check = lambda point: None,
    ) -> None:
        """`dead_letter` returns when the message is confirmed on the dead letters topic."""
        self._app = app
        self._source = source
        self._dead_letter = dead_letter
        self._checkpoint = checkpoint
        self._acknowledger = Acknowledger(len(parts))
        self._lanes = [_Lane(number, part) for number, part in enumerate(parts)]
        topic = app.topic(source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        parts[0].table.on_recover(self._restore)  # called when all tables have recovered
        app.agent(topic, name="detection")(self._consume)

    @property
    def acknowledged(self) -> int:
        """The number of events that every part has processed since the start."""
        return self._acknowledger.count

    async def run_flushes(self) -> None:
        """Write changes soon after they happen; each part flushes at most half of the time. Ends only with an error,
        which must end the process."""
        flushes = [asyncio.create_task(self._run_flushes(lane)) for lane in self._lanes]
        try:
            await asyncio.gather(*flushes)
        finally:
            for flush in flushes:
                flush.cancel()

    async def _run_flushes(self, lane: _Lane) -> None:
        took = 0.0
        while True:
            try:
                async with asyncio.timeout(lane.part.tick_seconds):
                    await lane.waiting.wait()
                await asyncio.sleep(max(lane.part.flush_seconds, took))
            except TimeoutError:
                pass
            began = time.monotonic()
            await self._flush(lane)
            took = time.monotonic() - began

    async def _flush(self, lane: _Lane) -> None:
        async with lane.lock:
            added = self._acknowledger.added
            lane.waiting.clear()
            confirmed = await lane.part.flush(added)
            self._acknowledger.done(lane.number, confirmed)
            self._checkpoint("acknowledged")
            if confirmed < added:
                lane.waiting.set()

    async def _restore(self) -> None:
        """Restore every part after a restart or a rebalance. Faust swallows whatever is raised here."""
        self._acknowledger.forget()
        try:
            held = {place.partition for place in self._app.consumer.assignment() if place.topic == self._source}
            for lane in self._lanes:
                for number, _ in enumerate(lane.part.restore(held)):
                    if number % RESTORE_STEP == 0:
                        await asyncio.sleep(0)
                lane.waiting.set()
        except Exception as error:
            await self._app.crash(error)

    async def _consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            try:
                forwarded = read_forwarded(message.value, dict(message.headers or ()))
            except RecordError as error:
                await self._dead_letter(message, error)
            else:
                for lane in self._lanes:
                    lane.part.take(message.partition, message.offset, forwarded)
            self._acknowledger.add(event)
            for lane in self._lanes:
                lane.waiting.set()
            while len(self._acknowledger) >= FLUSH_EVENTS:
                await asyncio.gather(*(self._flush(lane) for lane in self._lanes))
                await asyncio.sleep(PRESSED_SECONDS)
