"""A Faust consumer that hands every record to the agent: Faust's own loses some at a recovery.

When a table is restored, Faust resumes the agent's partitions before it seeks to the committed offsets. Records fetched
until the flow is resumed count as read, and Faust then empties the agent's queue: the record in it is lost, and later
ones are committed over it. This consumer fetches nothing in between.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Mapping, Set
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from mode.services import WaitResults
from mode.threads import WorkerThread

LONGEST_FETCH_SECONDS: Final = 0.2
"""The longest that a seek waits for a fetch that finds nothing."""
LEAVE_SECONDS: Final = 10.0
"""Time limit for leaving the group; a member that leaves without a word is missed a session later."""


class _Thread(WorkerThread):  # type: ignore[misc]  # because mode ships no types
    """The consumer's thread. It keeps no process alive: if the app is stopped in the middle of its start, nobody ends
    it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.daemon = True


class _ConsumerThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # because faust ships no types
    """Cancels whatever aiokafka is doing at a stop: otherwise Faust's stop waits a minute for it."""

    logger = logging.getLogger("faust.consumer")
    """As quiet as Faust's other loggers; mode would name one after this module."""
    Worker = _Thread

    async def on_thread_stop(self) -> None:
        """Leave the group and close the connections."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await super().on_thread_stop()
        except (TimeoutError, asyncio.CancelledError):
            # When closing, aiokafka cancels a fetch that waits for its next try, and takes that for its own end.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await self._consumer._client.close()


class SteadyConsumer(Consumer):  # type: ignore[misc]  # because faust ships no types
    """Never fetches and seeks at the same time, and drops what was fetched before a seek."""

    logger = logging.getLogger("faust.consumer")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._running: asyncio.Future[Any] | None = None
        self._seeks = 0
        self._seeks_at_fetch = 0
        self._resumed = asyncio.Event()

    def _new_consumer_thread(self) -> Any:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:  # noqa: ASYNC109  because Faust calls it so
        """Yields records by partition, up to the next seek, after which they come again."""
        async with aclosing(super().getmany(timeout)) as fetched:
            async for place, message in fetched:
                if self._seeks != self._seeks_at_fetch:
                    return
                yield place, message

    async def wait_first(self, *waited: Any, timeout: Any = None) -> Any:  # noqa: ASYNC109  because Faust calls it so
        """Wait as mode does, but without its four tasks for each record that Faust hands on. Usually the agent's queue
        has room, and nothing needs to wait."""
        first, *others = waited
        if not asyncio.iscoroutine(first) or self._stopped.is_set() or self._crashed.is_set():
            return await super().wait_first(*waited, timeout=timeout)
        try:
            waits_for = first.send(None)
        except StopIteration as done:
            for other in others:
                other.close()
            return WaitResults([first], [done.value], False)
        return await super().wait_first(_rest(first, waits_for), *others, timeout=timeout)

    async def _getmany(self, active_partitions: Set[Any], timeout: float) -> Any:  # noqa: ASYNC109  because Faust calls it so
        await self._resumed.wait()
        # Copied: aiokafka takes a set that is emptied while it waits for "all", paused ones too.
        places = frozenset(active_partitions)
        return await self._alone(lambda: self._fetch(places, min(timeout, LONGEST_FETCH_SECONDS)))

    async def _fetch(self, places: Set[Any], seconds: float) -> Any:
        self._seeks_at_fetch = self._seeks
        return await super()._getmany(places, seconds) if places else {}

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, or to the beginning where there are none: Faust does not move those.

        Nothing is fetched from here on until the flow is resumed.
        """
        self._resumed.clear()
        await self._alone(self._seek_to_committed)

    async def _seek_to_committed(self) -> None:
        self._seeks += 1
        await super().perform_seek()
        new = [
            place
            for place in self.assignment()
            if not self._is_changelog_tp(place) and not self._committed_offset[place]
        ]
        if new:
            await super().seek_wait(await self.earliest_offsets(*new))

    def resume_flow(self) -> None:
        """Resume fetching; Faust has just emptied its queues."""
        super().resume_flow()
        self._resumed.set()

    async def seek_wait(self, partitions: Mapping[Any, int]) -> None:
        """Seek to these offsets."""
        await self._alone(lambda: self._seek_to(partitions))

    async def _seek_to(self, partitions: Mapping[Any, int]) -> None:
        self._seeks += 1
        await super().seek_wait(partitions)

    async def _alone(self, start: Callable[[], Awaitable[Any]]) -> Any:
        """Run a call after the previous one has ended: that one continues in its thread when its caller is
        cancelled."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])
        self._running = asyncio.ensure_future(start())
        self._running.add_done_callback(_look_at)
        return await asyncio.shield(self._running)

    async def on_stop(self) -> None:
        """Nothing answers once the thread has stopped."""
        await super().on_stop()
        if self._running is not None:
            self._running.cancel()


async def _rest(begun: Coroutine[Any, Any, Any], waits_for: Any) -> Any:
    """Run the rest of a coroutine that was started up to its first wait."""
    return await _go_on(begun, waits_for)


@types.coroutine
def _go_on(begun: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    while True:
        try:
            answer = yield waits_for
        except BaseException as error:
            step = partial(begun.throw, error)
        else:
            step = partial(begun.send, answer)
        try:
            waits_for = step()
        except StopIteration as done:
            return done.value


def _look_at(done: asyncio.Future[Any]) -> None:
    """Retrieve the error for asyncio: it is for whoever waits for it, and nobody may."""
    if not done.cancelled():
        done.exception()
