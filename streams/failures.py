"""The Faust agent that folds fresh provisioning events into failure windows, as they come.

The Faust table holds the set of copies, one small entry each; the minutes in memory are derived from it.
An event is acknowledged after its windows are in ClickHouse and its table entry is confirmed on the
changelog: Faust by itself sends changelog records without looking whether they arrived, and commits.
Faust decodes nothing: values are bytes here.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import faust
import orjson
import structlog

from queries.arrow import FAILURE_WINDOWS_ARROW_SCHEMA
from queries.store import Store
from schemas.envelope import unseal
from schemas.errors import RecordError
from schemas.events import parse
from schemas.facts import facts
from schemas.kafka import PROVISIONING
from schemas.times import TimeQuality, believed, parse_timestamp, to_microseconds
from streams.rows import TRUST_STEP
from streams.windows import Copy, Minute, Unit, copy_of, fold, unit_of
from streams.writer import insert_patiently

TABLE: Final = "copies"
FLUSH_SECONDS: Final = 0.2
FLUSH_EVENTS: Final = 5_000
MARGIN: Final = timedelta(hours=1)
"""Kept beyond the horizon, before a minute is forgotten."""

log = structlog.get_logger(__name__)


class Placed:
    """One forwarded event, read: its unit and its copy."""

    __slots__ = ("copy", "known_ms", "unit")

    def __init__(self, unit: Unit, copy: Copy, known_ms: int) -> None:
        self.unit = unit
        self.copy = copy
        self.known_ms = known_ms


def read_forwarded(value: bytes, headers: Mapping[str, bytes], appended_ms: int) -> Placed | None:
    """What a record of `idtrail.provisioning` tells; None for events without a believable time.

    Those are left to the backfill. Raises `RecordError` for a record that the sink did not write.
    """
    known_ms = int(headers.get("idtrail_known_at", str(appended_ms).encode()))
    known_at = datetime.fromtimestamp(known_ms / 1000, UTC)
    sealed = unseal(value, list(headers.items()), known_at)
    event = parse(value, sealed.event_type)
    moment = believed(parse_timestamp(event.timestamp), known_at)
    if moment.quality is not TimeQuality.OK:
        return None
    occurred_us = to_microseconds(moment.at)
    version = sealed.trust * TRUST_STEP - known_ms * 1000
    copy = copy_of(facts(event), sealed.event_id, sealed.fingerprint, version, occurred_us)
    return Placed(unit_of(sealed.organization, occurred_us), copy, known_ms)


class Windows:
    """The minutes in memory, and which of them have changed since they were last written."""

    def __init__(self, keep: timedelta) -> None:
        self._keep_seconds = int(keep.total_seconds())
        self._minutes: dict[Unit, Minute] = {}
        self._by_age: dict[str, list[int]] = {}
        self._dirty: set[Unit] = set()

    def add(self, unit: Unit, copy: Copy) -> bool:
        """Whether it told anything new."""
        minute = self._minutes.get(unit)
        if minute is None:
            minute = self._minutes[unit] = Minute()
            heapq.heappush(self._by_age.setdefault(unit.organization, []), unit.minute)
        if not minute.add(copy):
            return False
        self._dirty.add(unit)
        return True

    def forget(self, organization: str, known_ms: int) -> Iterable[tuple[Unit, Copy]]:
        """Drop the organization's minutes that no fresh event can fall into any more; what was in them.

        By the log's time, not the clock's: a replay forgets at the same place.
        """
        ages = self._by_age.get(organization, [])
        while ages and ages[0] < known_ms // 1000 - self._keep_seconds:
            unit = Unit(organization, heapq.heappop(ages))
            if unit in self._dirty:  # not written yet: its turn comes after the next flush
                heapq.heappush(ages, unit.minute)
                return
            for copy in self._minutes.pop(unit).copies():
                yield unit, copy

    def take_dirty(self) -> list[Unit]:
        """The units that have changed; they count as written from now on."""
        dirty, self._dirty = list(self._dirty), set()
        return dirty

    def rows(self, units: Iterable[Unit]) -> list[tuple[object, ...]]:
        """The windows of some units, as rows of the store."""
        return [window for unit in units for window in fold(unit, self._minutes[unit].copies())]


def table_key(unit: Unit, copy: Copy) -> bytes:
    """One entry for each copy."""
    return b"|".join((unit.organization.encode(), copy.event_id.hex().encode(), copy.fingerprint.hex().encode()))


def table_value(copy: Copy) -> bytes:
    """The rest of it."""
    return orjson.dumps(copy[2:])


def read_entry(key: bytes, value: bytes) -> tuple[Unit, Copy]:
    """An entry of the table, back."""
    organization, event_id, fingerprint = key.rsplit(b"|", 2)
    copy = Copy(bytes.fromhex(event_id.decode()), bytes.fromhex(fingerprint.decode()), *orjson.loads(value))
    return unit_of(organization.decode(), copy.occurred_us), copy


class ConfirmedTable(faust.Table):  # type: ignore[misc]  # because faust ships no types
    """A table that keeps the futures of what it sends to its changelog."""

    logger = logging.getLogger("faust.tables")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sent: list[Any] = []

    def send_changelog(self, *arguments: Any, **options: Any) -> Any:
        """As the inherited one; the future is kept until somebody has looked at it."""
        future = super().send_changelog(*arguments, **options)
        self.sent.append(future)
        return future


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
        dead_letter: Callable[[Any, RecordError], Any],
        source: str = PROVISIONING,
    ) -> None:
        self._store = store
        self._retry_seconds = retry_seconds
        self._windows = Windows(horizon + MARGIN)
        self._pending: list[Any] = []
        self._lock = asyncio.Lock()
        self._dead_letter = dead_letter
        topic = app.topic(source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self._table = app.Table(
            TABLE,
            partitions=partitions,
            key_type=bytes,
            value_type=bytes,
            on_changelog_event=self._on_recovered,
        )
        app.agent(topic, name="failure-windows")(self._consume)

    async def run_flushes(self) -> None:
        """Write what has changed every `FLUSH_SECONDS`. Ends only by an error, which must end the process."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Insert the changed windows, then acknowledge the events that changed them, in their order."""
        async with self._lock:
            pending, self._pending = self._pending, []
            if not pending:
                return
            sent, self._table.sent = self._table.sent, []
            rows = self._windows.rows(self._windows.take_dirty())
            if rows:
                # A name of its own for each insert: which rows come together depends on the clock here,
                # and the row that has seen more wins anyway.
                await insert_patiently(
                    self._store,
                    "failure_windows",
                    rows,
                    FAILURE_WINDOWS_ARROW_SCHEMA,
                    f"windows:{uuid4().hex}",
                    self._retry_seconds,
                )
            await asyncio.gather(*sent)
            for event in pending:
                event.ack()

    async def _on_recovered(self, event: Any) -> None:
        """An entry that comes back from the changelog after a restart or a rebalance."""
        if event.message.value is not None:
            unit, copy = read_entry(event.message.key, event.message.value)
            self._windows.add(unit, copy)

    async def _consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            try:
                placed = read_forwarded(message.value, dict(message.headers or ()), int(message.timestamp * 1000))
            except RecordError as error:
                await self._dead_letter(message, error)
                placed = None
            if placed is not None:
                self._take(placed)
            self._pending.append(event)
            if len(self._pending) >= FLUSH_EVENTS:
                await self.flush()

    def _take(self, placed: Placed) -> None:
        unit, copy = placed.unit, placed.copy
        if self._windows.add(unit, copy):
            self._table[table_key(unit, copy)] = table_value(copy)
        for old_unit, old in self._windows.forget(unit.organization, placed.known_ms):
            self._table.pop(table_key(old_unit, old), None)
