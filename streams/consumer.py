"""Faust's consumer, so that it hands every record to the agent: as it is, it loses some at a recovery.

When a table is restored it lets the agent's partitions go before it seeks to what is committed. What is
fetched until the flow is resumed counts as read, and Faust empties the agent's queue at that moment: the
record that was in it is lost, and later ones are committed over it. Here nothing is fetched in between.
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
"""So long may a seek have to wait for a fetch that finds nothing."""
LEAVE_SECONDS: Final = 10.0
"""So long may leaving the group take; whoever is gone without a word is missed a session later."""


class _Thread(WorkerThread):  # type: ignore[misc]  # because mode ships no types
    """The consumer's own. It keeps no process: where the app is stopped in the middle of its start, nobody ends it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.daemon = True


class _ConsumerThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # because faust ships no types
    """Ends whatever aiokafka is at: when it does not, Faust's stop waits a minute for it."""

    logger = logging.getLogger("faust.consumer")
    """As quiet as the rest of Faust's; mode would name one after this module."""
    Worker = _Thread

    async def on_thread_stop(self) -> None:
        """Leave the group and close the connections."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await super().on_thread_stop()
        except (TimeoutError, asyncio.CancelledError):
            # Closing, aiokafka cancels a fetch that waits for its next try, and takes that for its own end.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await self._consumer._client.close()


class SteadyConsumer(Consumer):  # type: ignore[misc]  # because faust ships no types
    """Fetches and seeks one after the other, and forgets what was fetched before a seek."""

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
        """Records by partition, up to the next seek: from there on they come again."""
        async with aclosing(super().getmany(timeout)) as fetched:
            async for place, message in fetched:
                if self._seeks != self._seeks_at_fetch:
                    return
                yield place, message

    async def wait_first(self, *waited: Any, timeout: Any = None) -> Any:  # noqa: ASYNC109  because Faust calls it so
        """As mode's, which makes four tasks for each record that Faust hands on. Mostly the agent's queue has room, and
        nothing needs to wait."""
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
        # As they are now: aiokafka takes a set that is emptied while it waits for "all", paused ones too.
        places = frozenset(active_partitions)
        return await self._alone(lambda: self._fetch(places, min(timeout, LONGEST_FETCH_SECONDS)))

    async def _fetch(self, places: Set[Any], seconds: float) -> Any:
        self._seeks_at_fetch = self._seeks
        return await super()._getmany(places, seconds) if places else {}

    async def perform_seek(self) -> None:
        """To what is committed, and to the beginning where nothing is: Faust leaves those where they are.

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
        """Let records come again; Faust has just emptied its queues."""
        super().resume_flow()
        self._resumed.set()

    async def seek_wait(self, partitions: Mapping[Any, int]) -> None:
        """To these offsets."""
        await self._alone(lambda: self._seek_to(partitions))

    async def _seek_to(self, partitions: Mapping[Any, int]) -> None:
        self._seeks += 1
        await super().seek_wait(partitions)

    async def _alone(self, start: Callable[[], Awaitable[Any]]) -> Any:
        """Not before the last one has ended: it goes on in its thread when whoever waited for it is cancelled."""
        while self._running is not None and not self._running.done():
            await asyncio.wait([self._running])
        self._running = asyncio.ensure_future(start())
        self._running.add_done_callback(_look_at)
        return await asyncio.shield(self._running)

    async def on_stop(self) -> None:
        """Nobody answers any more once the thread has stopped."""
        await super().on_stop()
        if self._running is not None:
            self._running.cancel()


async def _rest(begun: Coroutine[Any, Any, Any], waits_for: Any) -> Any:
    """What is left of a coroutine that has run up to its first wait."""
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
    """Its error is for whoever waits for it; nobody may."""
    if not done.cancelled():
        done.exception()
