"""The rules, run over fresh events as they come.

What they find is confirmed on `idtrail.alerts` before the table's entries are, and these before the events are
acknowledged: a kill in between tells an alert twice, in the same words, never not at all.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog

from schemas.alerts import Detected
from schemas.kafka import PROVISIONING
from schemas.metrics import ALERT_RECORDS, ALERTS_SHED, EXPRESSION_ERRORS
from streams.agent import FLUSH_EVENTS, Check
from streams.alerts.index import Rules
from streams.alerts.live import Live
from streams.alerts.seen import seen_of
from streams.forwarded import Forwarded

TABLE: Final = "groups"
FORGET_SECONDS: Final = 60.0
WRITE_BYTES: Final = 1_000_000
"""A second, of entries: that of a busy group is a megabyte, and changes with every event. What was told and is not yet
written is told again after a kill. Not while too many events wait for it: nothing more would be read."""
LATENESS: Final = timedelta(seconds=30)
"""So long the absence of an event is not believed: what shows it may be on its way."""
MARGIN: Final = timedelta(hours=1)
"""Events are waited for this much longer than they are fresh: partitions of the log are not read in step."""
_MICROS: Final = 1_000_000

log = structlog.get_logger(__name__)

Publish = Callable[[Sequence[Detected]], Awaitable[None]]
"""Returns when the topic has confirmed all of them."""


class AlertDetection:
    """A part of the agent: alerts."""

    flush_seconds = 0.1
    tick_seconds = 1.0

    def __init__(
        self,
        app: Any,
        rules: Rules,
        *,
        partitions: int,
        horizon: timedelta,
        publish: Publish,
        source: str = PROVISIONING,
        clock: Callable[[], float] = time.time,
        checkpoint: Check = lambda point: None,
    ) -> None:
        self._rules = rules
        self._publish = publish
        self._clock = clock
        self._checkpoint = checkpoint
        self._app = app
        self._source = source
        self.table = app.Table(TABLE, partitions=partitions, key_type=bytes, value_type=bytes)
        self._live = Live(rules, self.table, horizon + MARGIN)
        self._left_out = Counter[str]()
        self._forgot = time.monotonic()
        self._write_at = 0.0
        self._writing: tuple[int, asyncio.Future[Any]] | None = None
        """Of how many events entries are on their way to the log."""
        self._written = 0
        """Of how many they are there."""
        self._read: dict[int, tuple[int, int]] = {}
        """By partition the last offset that came, and when the log had its event, in microseconds."""

    def take(self, partition: int, offset: int, forwarded: Forwarded) -> None:
        """An event; nothing is written before the flush."""
        known = max(forwarded.known_ms * 1_000, self._read.get(partition, (0, 0))[1])
        self._read[partition] = offset, known
        seen = seen_of(forwarded)
        if seen is not None:
            self._live.take(partition, offset, seen)

    async def flush(self, taken: int) -> int:
        """Tell the alerts that changed, also by time alone, and write their entries, if it is time for that. What is
        told next does not wait for entries that are on their way."""
        for partition in self._read:
            self._live.advance(partition, self._time_of(partition))
        told = self._live.changes(time.monotonic())
        if told:
            await self._publish(told)
            ALERT_RECORDS.inc(len(told))
        self._checkpoint("told")
        self._settle()
        now = time.monotonic()
        pressed = taken - self._written >= FLUSH_EVENTS
        if self._writing is None and (pressed or now >= self._write_at):
            self._writing = taken, self._write(now)
            self._settle()  # there may have been nothing to write
        return self._written

    def _settle(self) -> None:
        if self._writing is not None and self._writing[1].done():
            events, confirmed = self._writing
            confirmed.result()  # raises what kept them from getting there
            self._written, self._writing = events, None
            self._checkpoint("groups")

    def _write(self, now: float) -> asyncio.Future[Any]:
        """Send the entries of what was told; done when the log has them."""
        if now - self._forgot >= FORGET_SECONDS:
            self._live.forget()
            self._forgot = now
            self._tell_what_is_left_out()
        self._write_at = now + self._live.write() / WRITE_BYTES
        sent, self.table.sent = self.table.sent, []
        ALERTS_SHED.set(self._live.shed.total())
        return asyncio.gather(*sent)

    def _tell_what_is_left_out(self) -> None:
        left_out, self._left_out = self._left_out, Counter(self._live.shed)
        for rule_id, events in (self._left_out - left_out).items():
            log.warning(
                "events are left out: the rule follows too many groups; match less, or group by what has fewer values",
                rule=rule_id,
                events=events,
            )
        for watched in self._rules:
            if watched.errors:
                EXPRESSION_ERRORS.labels(watched.rule.id).set(watched.errors)

    def _time_of(self, partition: int) -> int:
        """Up to when everything has come, as far as can be known."""
        offset, known = self._read[partition]
        consumer, behind = self._app.consumer, False
        for place in consumer.assignment():
            if (place.topic, place.partition) == (self._source, partition):
                # Whoever takes over does not know the end of the log before the first answer to a fetch.
                end, to_come = consumer.highwater(place), max(offset + 1, consumer._committed_offset.get(place) or 0)
                behind = end is None or end > to_come
        now = int(self._clock() * _MICROS)
        return (known if behind else max(known, now)) - LATENESS // timedelta(microseconds=1)

    def restore(self, held: Collection[int]) -> Iterator[None]:
        """Derive everything anew from the table."""
        self._read.clear()
        yield from self._live.restore(held)
        self._read.update(dict.fromkeys(held, (-1, 0)))
