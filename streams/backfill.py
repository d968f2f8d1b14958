"""Windows of older events, from the store, by the same fold as the live ones.

The sink forwards only fresh events, so that an import of years does not hold live detection up. This
looks for the minutes that others have touched, reads every copy in them, and folds. Its progress is
kept per partition of the log; doing a stretch twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final
from uuid import uuid4

import structlog

from queries.arrow import FAILURE_WINDOWS_ARROW_SCHEMA, batch
from queries.store import BULK_LIMITS, Store
from schemas.errors import Away
from schemas.kafka import EVENTS
from streams.lag import Lag
from streams.windows import Copy, Unit, fold

UNITS_AT_ONCE: Final = 2_000
PAUSE_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)

_PROGRESS: Final = (
    "SELECT log_partition, max(next_offset) FROM backfill_progress"
    " WHERE log_topic = {topic:String} GROUP BY log_partition"
)
_ADVANCE: Final = (
    "INSERT INTO backfill_progress (log_topic, log_partition, next_offset)"
    " VALUES ({topic:String}, {partition:UInt16}, {next:UInt64})"
)
# Fresh events are the agent's, but for those whose time cannot be believed: it has no minute for them.
_TOUCHED: Final = (
    "SELECT DISTINCT organization, toUnixTimestamp(toStartOfMinute(occurred_at)) FROM events"
    " WHERE log_topic = {topic:String} AND log_partition = {partition:UInt16}"
    " AND log_offset >= {first:UInt64} AND log_offset < {end:UInt64}"
    " AND kind != 'other' AND (NOT fresh OR time_quality != 'ok')"
    " ORDER BY 1, 2"
)
_COPIES: Final = (
    "SELECT toUnixTimestamp(toStartOfMinute(occurred_at)) AS minute, event_id, fingerprint, version,"
    " toUnixTimestamp64Micro(occurred_at), event_type, application_id, application_name, cause,"
    " outcome = 'failure', subject_id FROM events"
    " WHERE organization = {organization:String}"
    " AND occurred_at >= toDateTime64({begin:Int64}, 6, 'UTC') AND occurred_at < toDateTime64({end:Int64}, 6, 'UTC')"
    " AND kind != 'other' AND toUnixTimestamp(toStartOfMinute(occurred_at)) IN {minutes:Array(UInt32)}"
)


class Backfill:
    """`run()` beside the sink, for the partitions that the sink holds."""

    def __init__(self, store: Store, read_lag: Callable[[], Awaitable[Sequence[Lag]]], topic: str = EVENTS) -> None:
        """`read_lag` tells up to where each of our partitions is stored without a gap."""
        self._store = store
        self._read_lag = read_lag
        self._topic = topic

    async def run(self) -> None:
        """Until cancelled. What is away is tried again at the next pass."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                await self.catch_up()
            except Away as error:
                log.warning("backfill waits", reason=str(error))

    async def catch_up(self) -> int:
        """Fold what was stored since the last time; how many minutes that touched."""
        touched = 0
        done = dict(await asyncio.to_thread(self._store.query, _PROGRESS, {"topic": self._topic}))
        for place in await self._read_lag():
            first = done.get(place.partition, 0)
            if place.topic == self._topic and first < place.stored:
                touched += await asyncio.to_thread(self._fold_range, place.partition, first, place.stored)
        return touched

    def _fold_range(self, partition: int, first: int, end: int) -> int:
        place: dict[str, Any] = {"topic": self._topic, "partition": partition}
        found = self._store.query(_TOUCHED, {**place, "first": first, "end": end}, BULK_LIMITS)
        units = [Unit(organization, minute) for organization, minute in found]
        for some in _in_pieces(units):
            self._fold(some)
        self._store.command(_ADVANCE, {**place, "next": end})
        if units:
            log.info("windows backfilled", partition=partition, minutes=len(units), offsets=f"{first}-{end}")
        return len(units)

    def _fold(self, units: Sequence[Unit]) -> None:
        """`units` are of one organization."""
        minutes = [unit.minute for unit in units]
        rows = self._store.query(
            _COPIES,
            {
                "organization": units[0].organization,
                "begin": minutes[0],
                "end": minutes[-1] + 60,
                "minutes": minutes,
            },
            BULK_LIMITS,
        )
        copies: dict[int, list[Copy]] = {}
        for minute, event_id, *rest in rows:
            copies.setdefault(minute, []).append(Copy(event_id.bytes, *rest))
        windows = [window for unit in units for window in fold(unit, copies.get(unit.minute, ()))]
        if windows:
            table = batch(windows, FAILURE_WINDOWS_ARROW_SCHEMA)
            self._store.insert_arrow("failure_windows", table, f"backfill:{uuid4().hex}")


def _in_pieces(units: Sequence[Unit]) -> Iterator[Sequence[Unit]]:
    """At most `UNITS_AT_ONCE`, of one organization, within four years (one insert, few months)."""
    start = 0
    for index in range(1, len(units) + 1):
        if (
            index == len(units)
            or index - start == UNITS_AT_ONCE
            or units[index].organization != units[start].organization
            or units[index].minute - units[start].minute > 4 * 365 * 86_400
        ):
            yield units[start:index]
            start = index
