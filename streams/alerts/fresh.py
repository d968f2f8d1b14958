"""Runs the rules over fresh events as they come.

Alerts are confirmed on `idtrail.alerts` before the table's entries are, and these before the events are acknowledged: a
kill in between repeats an alert in the same words, and never loses one.
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
"""Bytes of entries written per second: a busy group's entry is a megabyte and changes with every event. After a kill,
alerts that were published but not yet written are published again. The limit is lifted while too many events wait for
the write, or nothing more would be read."""
LATENESS: Final = timedelta(seconds=30)
"""How long the absence of an event is not believed: the event may be on its way."""
MARGIN: Final = timedelta(hours=1)
"""Events are awaited this much longer than they are fresh: partitions of the log are not read in step."""
_MICROS: Final = 1_000_000

log = structlog.get_logger(__name__)

Publish = Callable[[Sequence[Detected]], Awaitable[None]]
"""Return when the topic has confirmed all of them."""


class AlertDetection:
    """The part of the agent that detects alerts."""

    flush_seconds = 0.1
    tick_seconds = 1.0

    def __init__(
        self,
        app: Any,
        rules: Rules,
        *,
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
        self.table = app.Table(TABLE, key_type=bytes, value_type=bytes)
        self._live = Live(rules, self.table, horizon + MARGIN)
        self._left_out = Counter[str]()
        self._forgot = time.monotonic()
        self._write_at = 0.0
        self._writing: tuple[int, asyncio.Future[Any]] | None = None
        """The number of events whose entries are on their way to the log, with the future of their confirmation."""
        self._written = 0
        """The number of events whose entries are on the log."""
        self._read: dict[int, tuple[int, int]] = {}
        """The last offset of each partition, and when the log had its event, in microseconds."""

    def take(self, partition: int, offset: int, forwarded: Forwarded) -> None:
        """Take an event; nothing is written before the flush."""
        known = max(forwarded.known_ms * 1_000, self._read.get(partition, (0, 0))[1])
        self._read[partition] = offset, known
        seen = seen_of(forwarded)
        if seen is not None:
            self._live.take(partition, offset, seen)

    async def flush(self, taken: int) -> int:
        """Publish the alerts that changed, also by time alone, and write their entries if it is time for that.
        Publishing does not wait for entries in flight."""
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
            confirmed.result()  # raises the error that kept them from being confirmed
            self._written, self._writing = events, None
            self._checkpoint("groups")

    def _write(self, now: float) -> asyncio.Future[Any]:
        """Send the entries of published alerts; the future is done when the log has confirmed them."""
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
        """Return up to when all events have come, as far as can be known."""
        offset, known = self._read[partition]
        consumer, behind = self._app.consumer, False
        for place in consumer.assignment():
            if (place.topic, place.partition) == (self._source, partition):
                # After a takeover the end of the log is unknown until the first fetch is answered.
                end, to_come = consumer.highwater(place), max(offset + 1, consumer._committed_offset.get(place) or 0)
                behind = end is None or end > to_come
        now = int(self._clock() * _MICROS)
        return (known if behind else max(known, now)) - LATENESS // timedelta(microseconds=1)

    def restore(self, held: Collection[int]) -> Iterator[None]:
        """Rebuild the state from the table."""
        self._read.clear()
        yield from self._live.restore(held)
        self._read.update(dict.fromkeys(held, (-1, 0)))
