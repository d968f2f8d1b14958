"""The live feed: one reader of the log for all watchers, with a bounded queue for each.

No reader waits for another. A reader that does not empty its queue is dropped, and told where to continue. One that
begins in the past reads the log alone until it has caught up, then joins the others without gap or repeat.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from aiokafka.errors import OffsetOutOfRangeError

from queries.feed import Batch, Message, Start
from schemas.errors import BrokerAway, FeedAway, Gone
from schemas.kafka import ALERTS, EVENTS, INCIDENTS, KafkaConnection
from schemas.metrics import FEED_DROPPED, FEED_READERS
from schemas.times import to_microseconds
from streams.follower import FETCH_RECORDS, PIECE, Follower, Pace
from streams.position import Offsets, parse_position

TOPICS: Final = (EVENTS, INCIDENTS, ALERTS)
HEARTBEAT_SECONDS: Final = 15.0
QUEUE_MESSAGES: Final = 10_000
"""Per reader: five seconds at 2,000 messages a second."""
BATCH_MESSAGES: Final = 200
JOIN_RECORDS: Final = 1_000
"""A reader that catches up starts to queue live messages this close to the others."""
GATHER_SECONDS: Final = 0.1
"""Seconds between two looks at the log: readers wake ten times a second at most."""
LIVE_SHARE, PAST_SHARE = 0.5, 0.25
"""Fractions of one core that decoding may take, for live readers and for those that catch up."""

STOPPED: Final = "the API is being stopped"
LOST: Final = "the log does not hold the next records any more"
SLOW: Final = "too slow: more came than this reader took"
SHARED: Final = "another organization wants to follow the feed too, and yours had the most readers: try again later"

log = structlog.get_logger(__name__)


class Feed:
    """Opens readers, at most `most_readers` at a time. The log is read while there is at least one."""

    def __init__(
        self,
        connection: KafkaConnection,
        most_readers: int,
        topics: Sequence[str] = TOPICS,
        *,
        queue_messages: int = QUEUE_MESSAGES,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._connection = connection
        self.most_readers = most_readers
        self._topics = topics
        self.queue_messages = queue_messages
        self.heartbeat_seconds = heartbeat_seconds
        self.live: Follower | None = None
        self.joined: set[Reader] = set()
        self._open: list[Reader] = []
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._live_pace, self.past_pace = Pace(LIVE_SHARE), Pace(PAST_SHARE)
        self._stopped = False

    @asynccontextmanager
    async def open(
        self, wants: Callable[[Message], object], start: Start, organization: str = ""
    ) -> AsyncIterator[Reader]:
        """Open a reader of the messages that `wants` accepts, counted for `organization`. Raises `Gone`, `BadUsage`,
        `Away`."""
        if self._stopped:
            raise FeedAway(STOPPED)
        self._make_room(organization)
        reader = Reader(self, wants, organization)
        self._open.append(reader)
        FEED_READERS.inc()
        try:
            await self._begin(reader, start)
            yield reader
        finally:
            self.leave(reader)
            await reader.close()
            await self._stop_if_alone()

    def _make_room(self, organization: str) -> None:
        """Make room so that no organization keeps another out: the newest reader of the one with the most is ended,
        unless the asking organization would then have more."""
        if len(self._open) < self.most_readers:
            return
        readers = Counter(reader.organization for reader in self._open)
        [(largest, most)] = readers.most_common(1)
        if most < readers[organization] + 2:
            raise FeedAway(f"{self.most_readers} readers follow the feed, as many as it takes: try again later")
        FEED_DROPPED.inc()
        next(reader for reader in reversed(self._open) if reader.organization == largest).end(SHARED)

    async def stop(self) -> None:
        """End every reader, and open no more."""
        self._stopped = True
        for reader in list(self._open):
            reader.end(STOPPED)

    def leave(self, reader: Reader) -> None:
        """Free the reader's place."""
        self.joined.discard(reader)
        if reader in self._open:
            self._open.remove(reader)
            FEED_READERS.dec()

    def past(self) -> Follower:
        """Return a follower for a reader that catches up."""
        return Follower(self._connection, self._topics)

    async def _begin(self, reader: Reader, start: Start) -> None:
        live = await self._running()
        if start.after is None and start.since is None:
            reader.join(live)
            return
        begin = await _offsets_of(live, self._topics, start)
        await reader.catch_up(begin)

    async def _running(self) -> Follower:
        async with self._starting:
            if self.live is not None and self._task is not None and self._task.done():
                await self._let_go()
            if self.live is None:
                live = Follower(self._connection, self._topics)
                try:
                    await live.connect()
                    _, ends = await live.bounds()
                    if not ends:
                        raise BrokerAway(f"there is no topic {self._topics[0]} at {self._connection.bootstrap}")
                    live.begin(ends)
                except BaseException:
                    await live.stop()
                    raise
                self.live = live
                self._task = asyncio.create_task(self._run(live))
            return self.live

    async def _run(self, live: Follower) -> None:
        try:
            while True:
                records = await live.fetch()
                for start in range(0, len(records), PIECE):
                    async with self._live_pace:
                        # No await in between: `live` stands exactly at what all joined readers were offered.
                        messages = live.decode(records[start : start + PIECE])
                        for reader in list(self.joined):
                            reader.offer(messages)
                if len(records) < FETCH_RECORDS:
                    await asyncio.sleep(GATHER_SECONDS)
        except Exception as error:
            log.exception("the feed stops", error=repr(error))
            for reader in list(self._open):
                reader.end("the log cannot be followed any more")

    async def _stop_if_alone(self) -> None:
        async with self._starting:
            if not self._open:
                await self._let_go()

    async def _let_go(self) -> None:
        live, task = self.live, self._task
        self.live = self._task = None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if live is not None:
            await live.stop()


async def _offsets_of(live: Follower, topics: Sequence[str], start: Start) -> Offsets:
    beginnings, ends = await live.bounds()
    if start.after is None:
        assert start.since is not None
        return await live.at_time(to_microseconds(start.since) // 1000, ends)
    found = parse_position(start.after, topics, ends)
    for place, offset in found.items():
        if not beginnings[place] <= offset <= ends[place]:
            raise Gone(
                f"the log no longer holds the position, {place.topic}[{place.partition}] at {offset}: "
                "start again without it, or with `since`"
            )
    return beginnings | found


class Reader:
    """One reader. `next` is for one caller at a time."""

    def __init__(self, feed: Feed, wants: Callable[[Message], object], organization: str) -> None:
        self._feed = feed
        self._wants = wants
        self.organization = organization
        self._queue: deque[Message] = deque()
        self._filled = asyncio.Event()
        self._past: Follower | None = None
        self._targets: Offsets = {}
        self._ended = ""
        self.position = ""
        """The position after what was handed out."""

    def join(self, live: Follower) -> None:
        """Receive live messages from now on."""
        self.position = self.position or live.position.text()
        self._targets = dict(live.position.offsets)
        self._feed.joined.add(self)

    async def catch_up(self, begin: Offsets) -> None:
        """Begin at these offsets. Raises `BrokerAway`, `BrokerRefuses`."""
        self._past = self._feed.past()
        await self._past.connect()
        self._past.begin(begin)
        self.position = self._past.position.text()

    def offer(self, messages: Sequence[Message]) -> None:
        """Queue the wanted messages. An overflow ends the reader or, while it catches up, its queueing."""
        self._queue.extend([message for message in messages if self._wants(message)])
        if len(self._queue) > self._feed.queue_messages:
            if self._past is None:
                FEED_DROPPED.inc()
                self.end(SLOW)
            else:
                self._feed.joined.discard(self)
                self._queue.clear()
        self._filled.set()

    def end(self, why: str) -> None:
        """Hand out nothing more except the reason. Queued messages are dropped: the reader's position is before
        them."""
        self._ended = self._ended or why
        self._queue.clear()
        self._feed.leave(self)
        self._filled.set()

    async def next(self) -> Batch:
        """Return the next batch: soon after there is something, or an empty one as a heartbeat."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._feed.heartbeat_seconds
        while not self._ended and clock() < deadline:
            if self._past is not None:
                if messages := await self._from_the_past(self._past):
                    return self._batch(messages)
            elif self._queue:
                count = min(len(self._queue), BATCH_MESSAGES)
                return self._batch([self._queue.popleft() for _ in range(count)])
            else:
                self._filled.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline):
                        await self._filled.wait()
        live = self._feed.live
        if not self._ended and live is not None and self._past is None and not self._queue:
            self.position = live.position.text()  # nothing before it was wanted
        return Batch([], self.position, self._ended)

    def _batch(self, messages: list[Message]) -> Batch:
        self.position = messages[-1].position
        return Batch(messages, self.position)

    async def _from_the_past(self, past: Follower) -> list[Message]:
        offsets = past.position.offsets
        if all(offsets[place] >= target for place, target in self._targets.items()):
            if self in self._feed.joined:
                self._past = None
                await past.stop()
                return []
            live = self._feed.live
            assert live is not None, "the log is read while there is a reader"
            self._targets = {**offsets, **live.position.offsets}
            if sum(self._targets.values()) - sum(offsets.values()) <= JOIN_RECORDS:
                self._queue.clear()
                self.join(live)
        try:
            records = await past.fetch_until(self._targets)
        except OffsetOutOfRangeError:
            self.end(LOST)
            return []
        async with self._feed.past_pace:
            messages = past.decode(records)
        self.position = past.position.text()
        return [message for message in messages if self._wants(message)]

    async def close(self) -> None:
        """Release everything."""
        if self._past is not None:
            await self._past.stop()
