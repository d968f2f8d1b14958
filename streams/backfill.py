"""Folds the failure windows and incidents of older events from the store, as live detection folds fresh ones.

The sink forwards only fresh events, so that an import of years does not delay live detection. The backfill looks for
minutes that hold older events and in which something new was stored, reads every copy in them, and folds. Its progress
is kept per partition of the log; repeating a stretch changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pyarrow as pa
import structlog

from queries.arrow import FAILURE_WINDOWS_ARROW_SCHEMA, batch
from queries.copies import DOUBTFUL, better_ways
from queries.store import BULK_LIMITS, Store
from schemas.errors import Away, UserError
from schemas.kafka import EVENTS
from schemas.metrics import BACKFILL_MINUTES, WINDOWS_WRITTEN
from streams.incident_writer import IncidentWriter
from streams.interest import Application
from streams.lag import Lag
from streams.windows import Copy, Unit, Window, fold, in_inserts

PAUSE_SECONDS: Final = 2.0
OFFSETS_AT_ONCE: Final = 200_000
STRETCHES_AT_ONCE: Final = 10
"""Stretches whose windows are folded before their incidents: an application's incidents are folded from its whole
history."""
FEWEST_OFFSETS_AT_ONCE: Final = 1_000
"""A stretch that is refused for its size is halved down to this, and doubled again afterwards."""
UNITS_AT_ONCE: Final = 2_000
COPIES_AT_ONCE: Final = 100_000
"""Copies read into memory at once, unless one minute alone holds more."""
REMEMBERED_EVERY: Final = 10_000
"""Offsets without older events after which progress is saved: looking at them again is cheap."""

log = structlog.get_logger(__name__)

PROGRESS: Final = (
    "SELECT log_partition, max(next_offset) FROM backfill_progress"
    " WHERE log_topic = {topic:String} GROUP BY log_partition"
)
_PROGRESS_TYPES: Final[dict[str, pa.DataType]] = {
    "log_topic": pa.string(),
    "log_partition": pa.uint16(),
    "next_offset": pa.uint64(),
}
_PROGRESS_SCHEMA: Final = pa.schema(_PROGRESS_TYPES)
# An event whose time is not credible belongs to no minute and is left out of windows.
_BOUNDS: Final = (
    "SELECT count(), toUnixTimestamp(min(occurred_at)), toUnixTimestamp(max(occurred_at)) + 1 FROM events"
    " WHERE ({stretch}) AND kind != 'other' AND time_quality = 'ok'"
)
# Minutes with fresh events only are the agent's. If an older one is among them, the agent has not seen all.
_TOUCHED: Final = (
    "SELECT organization, toUnixTimestamp(toStartOfMinute(occurred_at)) AS minute, count() FROM events"
    " WHERE kind != 'other' AND time_quality = 'ok'"
    " AND occurred_at >= toDateTime64({{begin:Int64}}, 6, 'UTC')"
    " AND occurred_at < toDateTime64({{end:Int64}}, 6, 'UTC')"
    " AND (organization, toStartOfMinute(occurred_at)) GLOBAL IN ("
    "SELECT DISTINCT organization, toStartOfMinute(occurred_at) FROM events"
    " WHERE ({stretch}) AND kind != 'other' AND time_quality = 'ok')"
    " GROUP BY organization, minute HAVING countIf(NOT fresh) > 0 ORDER BY organization, minute"
)
_APPLICATIONS: Final = (
    "SELECT DISTINCT organization, application_id FROM attempts_by_application WHERE ({stretch}) AND NOT fresh"
    # At another application an event may have counted until this better copy came.
    " OR {doubtful} AND event_id GLOBAL IN (SELECT event_id FROM events WHERE ({stretch}) AND NOT fresh)"
    " ORDER BY organization, application_id"
)
_ORGANIZATIONS: Final = "SELECT DISTINCT organization FROM attempts_by_application WHERE ({stretch})"
_COPIES: Final = (
    "SELECT toUnixTimestamp(toStartOfMinute(occurred_at)) AS minute, UUIDStringToNum(toString(event_id)) AS event,"
    " fingerprint, version, toUnixTimestamp64Micro(occurred_at) AS occurred_us, event_type, application_id,"
    " application_name, cause, outcome = 'failure' AS failed, subject_id FROM events"
    " WHERE organization = {organization:String} AND kind != 'other' AND time_quality = 'ok'"
    " AND occurred_at >= toDateTime64({begin:Int64}, 6, 'UTC')"
    " AND occurred_at < toDateTime64({end:Int64}, 6, 'UTC')"
    " AND toUnixTimestamp(toStartOfMinute(occurred_at)) IN {minutes:Array(UInt32)}"
)


class Stretch(NamedTuple):
    """Offsets of one partition of the log, the end excluded."""

    partition: int
    first: int
    end: int


class Backfill:
    """Folds the partitions that the sink holds; `run()` runs beside the sink."""

    def __init__(
        self,
        store: Store,
        read_lag: Callable[[], Awaitable[Sequence[Lag]]],
        incidents: IncidentWriter,
        topic: str = EVENTS,
    ) -> None:
        """`read_lag` returns up to where each partition held here is stored without a gap."""
        self._store = store
        self._incidents = incidents
        self._read_lag = read_lag
        self._topic = topic
        self._at_once = OFFSETS_AT_ONCE
        self._done: dict[int, int] = {}
        self._written: dict[int, int] = {}
        self._folded: list[Sequence[Stretch]] = []
        """Stretches folded into windows, but not yet into incidents."""
        self._applications: set[Application] = set()
        """Applications whose incidents must be folded for these stretches."""

    async def run(self) -> None:
        """Run until cancelled, at most half of the time. If the store or the broker is away, the next pass tries
        again."""
        while True:
            began = time.monotonic()
            try:
                await self.catch_up()
            except (Away, UserError) as error:
                # Background work: even the smallest query may exceed its limits, and that must not end the worker.
                log.warning("backfill waits", reason=str(error))
            await asyncio.sleep(max(PAUSE_SECONDS, time.monotonic() - began))

    async def catch_up(self) -> int:
        """Fold what was stored since the last call. Returns the number of minutes folded."""
        stored = {place.partition: place.stored for place in await self._read_lag() if place.topic == self._topic}
        await self._start_at(stored)
        folded = 0
        while stretches := next_stretches(self._done, stored, self._at_once):
            try:
                folded += await asyncio.to_thread(self._fold, stretches)
            except UserError as error:
                self._at_once = _smaller(stretches, error)
                log.info("backfill asks for less at once", offsets=self._at_once, reason=str(error))
            else:
                self._at_once = min(OFFSETS_AT_ONCE, self._at_once * 2)
            if len(self._folded) >= STRETCHES_AT_ONCE:
                await self._settle()
        await self._settle()
        return folded

    async def _start_at(self, stored: Mapping[int, int]) -> None:
        """Set the start of newly assigned partitions, and forget those that were taken away."""
        if stored.keys() - self._done.keys():
            written = dict(await asyncio.to_thread(self._store.query, PROGRESS, {"topic": self._topic}))
            for partition in stored.keys() - self._done.keys():
                self._done[partition] = self._written[partition] = written.get(partition, 0)
        for partition, done in list(self._done.items()):
            if partition not in stored:
                del self._done[partition]
            elif done > stored[partition]:
                self._done[partition] = 0  # the topic was made anew, and its offsets begin again

    def _fold(self, stretches: Sequence[Stretch]) -> int:
        """Fold the windows of these stretches; runs in a thread. A crash leaves the progress behind, never ahead."""
        units = self._touched(stretches)
        for some in _in_pieces(units):
            write_windows(self._store, fold_stored(self._store, [unit for unit, _ in some]))
        if units:
            BACKFILL_MINUTES.inc(len(units))
            log.info("windows backfilled", minutes=len(units), copies=sum(copies for _, copies in units))
            self._applications.update(self._touched_applications(stretches))
        self._done.update({stretch.partition: stretch.end for stretch in stretches})
        self._folded.append(stretches)
        return len(units)

    async def _settle(self) -> None:
        """Fold incidents, which need all that is stored and so are folded once for many stretches; then save the
        progress."""
        worked = bool(self._applications)
        while self._applications:
            application = min(self._applications)
            await self._incidents.settle(application)
            self._applications.discard(application)
        await asyncio.to_thread(self._remember, worked)
        self._folded.clear()

    def _remember(self, worked: bool) -> None:
        ends = {stretch.partition: stretch.end for stretches in self._folded for stretch in stretches}
        ends = {partition: end for partition, end in ends.items() if partition in self._done}
        if ends and (worked or any(ends[place] - self._written[place] > REMEMBERED_EVERY for place in ends)):
            rows = [(self._topic, partition, end) for partition, end in ends.items()]
            token = f"backfilled:{uuid4().hex}"
            self._store.insert_arrow("backfill_progress", batch(rows, _PROGRESS_SCHEMA), token)
            self._written.update(ends)

    def _touched_applications(self, stretches: Sequence[Stretch]) -> list[Application]:
        """Return the applications whose incidents older events may have changed."""
        stretch, parameters = self._within(stretches)
        organizations = self._store.query(_ORGANIZATIONS.format(stretch=stretch), parameters, BULK_LIMITS)
        parameters |= better_ways(self._store, (organization for (organization,) in organizations))
        asked = _APPLICATIONS.format(stretch=stretch, doubtful=DOUBTFUL)
        found = self._store.query(asked, parameters, BULK_LIMITS)
        return [(organization, application) for organization, application in found]

    def _within(self, stretches: Sequence[Stretch]) -> tuple[str, dict[str, object]]:
        """Return the condition that selects the stretches' rows, and its parameters."""
        conditions = " OR ".join(
            f"log_partition = {{p{n}:UInt16}} AND log_offset >= {{a{n}:UInt64}} AND log_offset < {{b{n}:UInt64}}"
            for n in range(len(stretches))
        )
        stretch = f"log_topic = {{topic:String}} AND ({conditions})"
        parameters: dict[str, object] = {"topic": self._topic}
        for n, (partition, first, end) in enumerate(stretches):
            parameters |= {f"p{n}": partition, f"a{n}": first, f"b{n}": end}
        return stretch, parameters

    def _touched(self, stretches: Sequence[Stretch]) -> list[tuple[Unit, int]]:
        """Return the minutes to fold, in order, with the number of copies in each."""
        stretch, parameters = self._within(stretches)
        ((count, begin, end),) = self._store.query(_BOUNDS.format(stretch=stretch), parameters, BULK_LIMITS)
        if not count:
            return []
        parameters |= {"begin": begin // 60 * 60, "end": (end + 59) // 60 * 60}
        found = self._store.query(_TOUCHED.format(stretch=stretch), parameters, BULK_LIMITS)
        return [(Unit(organization, minute), copies) for organization, minute, copies in found]


def fold_stored(store: Store, units: Sequence[Unit]) -> list[Window]:
    """Return the windows of some minutes of one organization, in order, from all stored copies."""
    if not units:
        return []
    copies: dict[int, list[Copy]] = {unit.minute: [] for unit in units}
    table = store.query_arrow(
        _COPIES,
        {
            "organization": units[0].organization,
            "begin": units[0].minute,
            "end": units[-1].minute + 60,
            "minutes": list(copies),
        },
        BULK_LIMITS,
    )
    columns: list[list[Any]] = [column.to_pylist() for column in table.columns]
    for minute, *told in zip(*columns, strict=True):
        copies[minute].append(Copy(*told))
    return [window for unit in units for window in fold(unit, copies[unit.minute])]


def write_windows(store: Store, windows: Iterable[Window]) -> None:
    """Insert windows. Each insert has its own token: of two rows, the one that knows more wins anyway."""
    for piece in in_inserts(list(windows)):
        store.insert_arrow("failure_windows", batch(piece, FAILURE_WINDOWS_ARROW_SCHEMA), f"windows:{uuid4().hex}")
        WINDOWS_WRITTEN.inc(len(piece))


def next_stretches(done: Mapping[int, int], stored: Mapping[int, int], at_once: int) -> list[Stretch]:
    """Return the next stretches to fold, of all partitions side by side because they hold events of the same
    minutes."""
    behind = [partition for partition in sorted(stored) if done[partition] < stored[partition]]
    step = max(1, at_once // max(1, len(behind)))
    return [Stretch(place, done[place], min(stored[place], done[place] + step)) for place in behind]


def _smaller(refused: Sequence[Stretch], error: UserError) -> int:
    """Return how many offsets to ask for after these were too many; raises `error` when fewer make no sense."""
    asked = sum(stretch.end - stretch.first for stretch in refused)
    if asked <= FEWEST_OFFSETS_AT_ONCE:
        raise error
    return max(FEWEST_OFFSETS_AT_ONCE, asked // 2)


def _in_pieces(units: Sequence[tuple[Unit, int]]) -> Iterator[Sequence[tuple[Unit, int]]]:
    """Yields pieces of one organization each that fit into memory and one query."""
    start = copies = 0
    for index, (unit, size) in enumerate(units):
        full = index - start == UNITS_AT_ONCE or (copies and copies + size > COPIES_AT_ONCE)
        if full or unit.organization != units[start][0].organization:
            yield units[start:index]
            start, copies = index, 0
        copies += size
    if units:
        yield units[start:]
