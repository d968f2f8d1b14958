"""The Faust agent that runs the rules over fresh events, as they come.

What it finds is confirmed on `idtrail.alerts` before the table's entries are, and these before the events are
acknowledged: a kill in between tells an alert twice, in the same words, never not at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from schemas.alerts import Detected
from schemas.errors import RecordError
from schemas.kafka import PROVISIONING
from schemas.metrics import ALERT_RECORDS, ALERTS_SHED
from streams.acknowledging import Acknowledger
from streams.alerts.index import Rules
from streams.alerts.live import Live
from streams.alerts.seen import seen_of
from streams.forwarded import read_forwarded

TABLE: Final = "groups"
FLUSH_SECONDS: Final = 0.1
"""After the first event that waits."""
FLUSH_EVENTS: Final = 5_000
TICK_SECONDS: Final = 1.0
"""How often the time is looked at where nothing comes."""
FORGET_SECONDS: Final = 60.0
LATENESS: Final = timedelta(seconds=30)
"""So long the absence of an event is not believed: what shows it may be on its way."""
MARGIN: Final = timedelta(hours=1)
"""Events are waited for this much longer than they are fresh: partitions of the log are not read in step."""
RESTORE_STEP: Final = 500
_MICROS: Final = 1_000_000

Publish = Callable[[Sequence[Detected]], Awaitable[None]]
"""Returns when the topic has confirmed all of them."""


class AlertAgent:
    """Attaches the agent and its table to a Faust app; `run_flushes` must run beside the app."""

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
        checkpoint: Callable[[str], None] = lambda point: None,
    ) -> None:
        """`checkpoint` is called with the name of each step of a flush that is done."""
        self._app = app
        self._source = source
        self._publish = publish
        self._clock = clock
        self._checkpoint = checkpoint
        self._acknowledger = Acknowledger()
        self._waiting = asyncio.Event()
        self._lock = asyncio.Lock()
        topic = app.topic(source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self._table = app.Table(TABLE, partitions=partitions, key_type=bytes, value_type=bytes)
        self._table.on_recover(self._restore)
        self._live = Live(rules, self._table, horizon + MARGIN)
        self._read: dict[int, tuple[int, int]] = {}
        """By partition the last offset that came, and when the log had its event, in microseconds."""
        app.agent(topic, name="alerts")(self._consume)

    async def run_flushes(self) -> None:
        """Tell what has changed soon after it did, and what time alone brings. Ends only by an error, which must end
        the process."""
        took, forgot = 0.0, time.monotonic()
        while True:
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._waiting.wait()
                await asyncio.sleep(max(FLUSH_SECONDS, took))
            except TimeoutError:
                pass
            began = time.monotonic()
            await self.flush(forget=began - forgot >= FORGET_SECONDS)
            took = time.monotonic() - began
            forgot = began if began - forgot >= FORGET_SECONDS else forgot

    async def flush(self, *, forget: bool = False) -> None:
        """Tell the alerts that changed, confirm their entries, then acknowledge the events, in their order."""
        async with self._lock:
            pending = self._acknowledger.take()
            self._waiting.clear()
            for partition in self._read:
                self._live.advance(partition, self._time_of(partition))
            told = self._live.changes(time.monotonic())
            if forget:
                self._live.forget()
            sent, self._table.sent = self._table.sent, []
            if told:
                await self._publish(told)
                ALERT_RECORDS.inc(len(told))
            self._checkpoint("told")
            await asyncio.gather(*sent)
            self._checkpoint("confirmed")
            self._acknowledger.acknowledge(pending)
            self._checkpoint("acknowledged")
            ALERTS_SHED.set(self._live.shed)

    def _time_of(self, partition: int) -> int:
        """Up to when everything has come, as far as can be known."""
        offset, known = self._read[partition]
        consumer, behind = self._app.consumer, False
        for place in consumer.assignment():
            if (place.topic, place.partition) == (self._source, partition):
                done = max(offset, consumer._committed_offset.get(place) or -1)
                behind = (consumer.highwater(place) or 0) > done + 1
        now = int(self._clock() * _MICROS)
        return (known if behind else max(known, now)) - LATENESS // timedelta(microseconds=1)

    async def _restore(self) -> None:
        """After a restart or a rebalance the table is another one. Faust swallows what is raised here."""
        self._acknowledger.forget()
        self._read.clear()
        try:
            held = {place.partition for place in self._app.consumer.assignment() if place.topic == self._source}
            for number, _ in enumerate(self._live.restore(held)):
                if number % RESTORE_STEP == 0:
                    await asyncio.sleep(0)
            self._read.update(dict.fromkeys(held, (-1, 0)))
            self._waiting.set()
        except Exception as error:
            await self._app.crash(error)

    async def _consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            try:
                forwarded = read_forwarded(message.value, dict(message.headers or ()))
            except RecordError:
                pass  # the failure agent reads the same records, and has dead letters made of these
            else:
                known = max(forwarded.known_ms * 1_000, self._read.get(message.partition, (0, 0))[1])
                self._read[message.partition] = message.offset, known
                seen = seen_of(*forwarded)
                if seen is not None:
                    self._live.take(message.partition, message.offset, seen)
            self._acknowledger.add(event)
            self._waiting.set()
            if len(self._acknowledger) >= FLUSH_EVENTS:
                await self.flush()
