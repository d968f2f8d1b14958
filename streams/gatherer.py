"""Fetches what the sink lands next: a flight's worth of records, or exactly those of an unfinished intent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.chunk import Span
from streams.flight import Fetched

FLIGHT_BYTES: Final = 64 * 1024 * 1024
POLL_MS: Final = 200
BUSY_MS: Final = 20
"""How often to check whether the flight before has landed."""

log = structlog.get_logger(__name__)


class Gatherer:
    """Reads one consumer, for as long as its partitions are not `revoked`. One call at a time.

    Raises `KafkaError`, including `OffsetOutOfRangeError` where the log was cut.
    """

    def __init__(self, consumer: AIOKafkaConsumer, revoked: asyncio.Event, most_rows: int, flush: timedelta) -> None:
        self._consumer = consumer
        self._revoked = revoked
        self._most_rows = most_rows
        self._flush_seconds = flush.total_seconds()

    async def gather(self, busy: Callable[[], bool]) -> Fetched:
        """Return a flight's worth of records at most: those that come within the flush time after the first one, and
        for as long as `busy`, when a flight could not land. Empty after a while without any."""
        gathered: Fetched = {}
        rows = size = 0
        deadline: float | None = None
        now = asyncio.get_running_loop().time
        while rows < self._most_rows and size < FLIGHT_BYTES:
            wait = POLL_MS if deadline is None else max(BUSY_MS if busy() else 0, int((deadline - now()) * 1000))
            batch = await self._fetch(timeout_ms=wait, max_records=self._most_rows - rows)
            for place, records in batch.items():
                gathered.setdefault(place, []).extend(records)
                rows += len(records)
                size += sum(len(record.value or b"") for record in records)
            if not gathered:
                break
            if deadline is None:
                deadline = now() + self._flush_seconds
            elif now() >= deadline and not busy():
                break
        return gathered

    async def gather_again(self, intents: Mapping[TopicPartition, Span]) -> Fetched:
        """Return exactly the records of unfinished chunks, which the log must hold: the same rows under the same
        tokens. Empty once a rebalance has begun: whoever gets the partitions starts over."""
        gathered: Fetched = {place: [] for place in intents}
        for place, span in intents.items():
            self._consumer.seek(place, span.first)
        waiting = set(intents)
        while waiting:
            batch = await self._fetch(*waiting, timeout_ms=POLL_MS)
            for place, records in batch.items():
                last = intents[place].last
                gathered[place].extend(record for record in records if record.offset <= last)
                if records[-1].offset >= last:
                    waiting.discard(place)
                    self._consumer.seek(place, last + 1)
            if self._revoked.is_set():
                return {}
        log.info("sink resumes", intents={f"{p.topic}[{p.partition}]": str(s) for p, s in intents.items()})
        return gathered

    async def _fetch(self, *places: TopicPartition, **options: Any) -> Fetched:
        """Call `getmany`, but return nothing once a rebalance begins.

        In a rebalance aiokafka's `getmany` waits for the new assignment, whatever its time-out. The assignment waits
        for `on_partitions_revoked`, which waits for the lock that the sink holds around this call: a deadlock.
        """
        fetching = asyncio.ensure_future(self._consumer.getmany(*places, **options))
        revoked = asyncio.ensure_future(self._revoked.wait())
        try:
            await asyncio.wait((fetching, revoked), return_when=asyncio.FIRST_COMPLETED)
            return fetching.result() if fetching.done() else {}
        finally:
            fetching.cancel()
            revoked.cancel()
