"""The Faust agent that folds fresh provisioning events into failure windows, as they come.

The Faust table holds the set of copies. An event is acknowledged after its windows are in ClickHouse and
its table entry is confirmed on the changelog: Faust by itself sends changelog records without looking
whether they arrived, and commits. Faust decodes nothing: values are bytes here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import uuid4

from queries.arrow import FAILURE_WINDOWS_ARROW_SCHEMA
from queries.store import Store
from schemas.errors import RecordError
from schemas.events import Kind
from schemas.facts import facts
from schemas.kafka import PROVISIONING
from schemas.metrics import WINDOWS_WRITTEN
from schemas.outcome import Outcome
from schemas.signature import NONE, incident_id
from schemas.times import TimeQuality, to_microseconds
from streams.acknowledging import Acknowledger
from streams.backfill import UNITS_AT_ONCE, fold_stored
from streams.copies import Copies
from streams.forwarded import Forwarded, read_forwarded
from streams.incident_writer import LiveIncidents
from streams.interest import Attempt
from streams.rows import version_of
from streams.windows import Copy, Unit, Window, copy_of, in_inserts, unit_of
from streams.writer import insert_patiently

TABLE: Final = "copies"
FLUSH_SECONDS: Final = 0.15
"""After the first event that waits; an insert takes some 20 ms more."""
FLUSH_EVENTS: Final = 5_000
MARGIN: Final = timedelta(hours=1)
"""Minutes are kept this much longer than events are fresh: partitions of the log are not read in step."""
RESTORE_STEP: Final = 2_000


class Placed(NamedTuple):
    """One forwarded event, read."""

    unit: Unit | None
    """None where its time cannot be believed: it belongs into no window, but may replace a copy that counted."""
    copy: Copy
    known_ms: int
    attempt: Attempt


def place(forwarded: Forwarded) -> Placed | None:
    """What it tells of windows and incidents; None when it is about no provisioning."""
    sealed, event, moment, known_ms = forwarded
    if event.kind is Kind.OTHER:
        return None
    timed = moment.quality is TimeQuality.OK
    occurred_us = to_microseconds(moment.at)
    version = version_of(sealed.trust, known_ms, sealed.fingerprint)
    found = facts(event)
    copy = copy_of(found, sealed.event_id, sealed.fingerprint, version, occurred_us)
    attempt = Attempt(
        sealed.event_id,
        (sealed.organization, found.application_id),
        incident_id(sealed.organization, event, found) if timed else NONE,
        found.kind,
        found.subject_id,
        timed and found.outcome == Outcome.SUCCESS,
        occurred_us,
    )
    return Placed(unit_of(sealed.organization, occurred_us) if timed else None, copy, known_ms, attempt)


class FailureAgent:
    """Attaches the agent and its table to a Faust app; `run_flushes` must run beside the app."""

    def __init__(
        self,
        app: Any,
        store: Store,
        *,
        partitions: int,
        horizon: timedelta,
        retry_seconds: float,
        dead_letter: Callable[[Any, RecordError], Awaitable[None]],
        incidents: LiveIncidents,
        source: str = PROVISIONING,
        checkpoint: Callable[[str], None] = lambda point: None,
    ) -> None:
        """`dead_letter` returns when the message is confirmed to be among the dead letters.

        `checkpoint` is called with the name of each step of a flush that is done.
        """
        self._app = app
        self._store = store
        self._retry_seconds = retry_seconds
        self._source = source
        self._checkpoint = checkpoint
        self._incidents = incidents
        self._acknowledger = Acknowledger()
        self._attempts: list[Attempt] = []
        self._waiting = asyncio.Event()
        self._lock = asyncio.Lock()
        self._dead_letter = dead_letter
        topic = app.topic(source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self._table = app.Table(TABLE, partitions=partitions, key_type=bytes, value_type=bytes)
        self._table.on_recover(self._restore)
        self._copies = Copies(self._table, horizon + MARGIN)
        app.agent(topic, name="failure-windows")(self._consume)

    @property
    def acknowledged(self) -> int:
        """Events whose windows are stored, since the start."""
        return self._acknowledger.count

    async def run_flushes(self) -> None:
        """Write what has changed soon after it did, at most half of the time. Ends only by an error, which must
        end the process."""
        took = 0.0
        while True:
            await self._waiting.wait()
            await asyncio.sleep(max(FLUSH_SECONDS, took))
            began = time.monotonic()
            await self.flush()
            took = time.monotonic() - began

    async def flush(self) -> None:
        """Insert the changed windows, then acknowledge the events that changed them, in their order."""
        async with self._lock:
            pending = self._acknowledger.take()
            attempts, self._attempts = self._attempts, []
            self._waiting.clear()
            windows = self._copies.changed()
            sent, self._table.sent = self._table.sent, []
            late = self._copies.late()
            if late:
                windows += await asyncio.to_thread(self._fold_late, late)
            for piece in in_inserts(windows):
                # A name of its own for each insert: which windows come together depends on the clock, and
                # of two rows the one that knows more wins anyway.
                await insert_patiently(
                    self._store,
                    "failure_windows",
                    piece,
                    FAILURE_WINDOWS_ARROW_SCHEMA,
                    f"windows:{uuid4().hex}",
                    self._retry_seconds,
                )
                WINDOWS_WRITTEN.inc(len(piece))
            self._checkpoint("windows")
            await asyncio.gather(*sent)
            self._checkpoint("confirmed")
            await self._incidents.take(attempts)
            self._acknowledger.acknowledge(pending)
            self._checkpoint("acknowledged")

    def _fold_late(self, late: Sequence[Unit]) -> list[Window]:
        """The store has them: the sink inserts before it forwards."""
        windows = []
        for _, units in groupby(late, key=lambda unit: unit.organization):
            some = list(units)
            for start in range(0, len(some), UNITS_AT_ONCE):
                windows += fold_stored(self._store, some[start : start + UNITS_AT_ONCE])
        return windows

    async def _restore(self) -> None:
        """After a restart or a rebalance the table is another one. Faust swallows what is raised here."""
        self._acknowledger.forget()
        self._incidents.forget()
        try:
            held = {place.partition for place in self._app.consumer.assignment() if place.topic == self._source}
            for number, _ in enumerate(self._copies.restore(held)):
                if number % RESTORE_STEP == 0:
                    await asyncio.sleep(0)
        except Exception as error:
            await self._app.crash(error)

    async def _consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            try:
                placed = place(read_forwarded(message.value, dict(message.headers or ())))
            except RecordError as error:
                await self._dead_letter(message, error)
                placed = None
            if placed is not None:
                if placed.unit is not None:
                    self._copies.take(message.partition, placed.unit, placed.copy, placed.known_ms)
                self._attempts.append(placed.attempt)
            self._acknowledger.add(event)
            self._waiting.set()
            if len(self._acknowledger) >= FLUSH_EVENTS:
                await self.flush()
