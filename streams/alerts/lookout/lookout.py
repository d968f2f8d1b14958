"""Examines the trail as a whole at intervals, and publishes what it finds as alerts.

One worker of the group does it: the one that holds the first partition of the events. Published alerts are on the log,
so a restart or another worker continues from there and pages nobody twice. A look that fails opens and ends no alert.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import structlog

from queries.checks.habits import read_habits, read_letter_rates
from queries.checks.lag_watch import EXAMINED, LagWatch
from queries.integrations.reports import read_healths
from queries.store import Store
from schemas.alerts import Detected
from schemas.errors import Away, UserError
from schemas.kafka import KafkaConnection
from schemas.metrics import ALERT_RECORDS
from streams.alerts.lookout.backlog import live_waits
from streams.alerts.lookout.contradicting import CONFLICTING, Contradicting
from streams.alerts.lookout.expiring import EXPIRING, expiring
from streams.alerts.lookout.left_open import LEFT_OPEN, LeftOpen
from streams.alerts.lookout.memory import Memory
from streams.alerts.lookout.pipeline import BEHIND, LETTERS, SILENT, UNEXAMINED, late, rises, silences, unexamined
from streams.alerts.lookout.sighting import Concern, Key, Sighting, changes
from streams.lag import read_lag
from streams.sink import SinkOptions

TICK_SECONDS: Final = 30.0
"""Seconds between two looks at the lag, and before the first."""
LETTER_SECONDS: Final = 60.0
DELETION_SECONDS: Final = 60.0
HABIT_SECONDS: Final = 300.0
"""Habits cover two weeks of events; nothing counts as silent before a quarter of an hour."""
COPY_SECONDS: Final = 300.0
EXPIRY_SECONDS: Final = 900.0
MOST_INTEGRATIONS: Final = 10_000
STOP_SECONDS: Final = 5.0
"""How long a stop waits for a look."""

CONCERNS: Final = (BEHIND, UNEXAMINED, SILENT, LETTERS, LEFT_OPEN, EXPIRING, CONFLICTING)
"""All concerns that are watched."""

Told = Mapping[Key, Detected]
Publish = Callable[[Sequence[Detected]], Awaitable[None]]
"""Return when the topic has confirmed all of them."""

log = structlog.get_logger(__name__)


class _Watch(NamedTuple):
    concern: Concern
    seconds: float
    look: Callable[[Told, datetime], Awaitable[Sequence[Sighting] | None]]
    """Return all that stands; None where that is not known."""


class Lookout:
    """Run with `run()` until cancelled. Raises whatever must end the worker."""

    def __init__(
        self,
        connection: KafkaConnection,
        store: Store,
        options: SinkOptions,
        *,
        detection: str,
        leads: Callable[[], bool],
        publish: Publish,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        """`detection` is the group of the rules; `leads` says whether this worker is the one to look."""
        self._connection = connection
        self._store = store
        self._options = options
        self._detection = detection
        self._leads = leads
        self._publish = publish
        self._clock = clock
        self.tick_seconds = tick_seconds
        self._store_turn = asyncio.Lock()
        self._forget()
        self._watches = (
            _Watch(BEHIND, 0, self._late),
            _Watch(UNEXAMINED, 0, self._unexamined),
            _Watch(LETTERS, LETTER_SECONDS, self._rises),
            _Watch(SILENT, HABIT_SECONDS, self._silences),
            _Watch(LEFT_OPEN, DELETION_SECONDS, self._left_open),
            _Watch(EXPIRING, EXPIRY_SECONDS, self._expiring),
            _Watch(CONFLICTING, COPY_SECONDS, self._conflicts),
        )
        self._memory = Memory(connection, options.alerts, [watch.concern.rule_id for watch in self._watches])

    async def run(self) -> None:
        """Run each concern by itself: a store that hangs must not prevent the alert that says so."""
        tasks = [asyncio.create_task(self._repeat(watch)) for watch in self._watches]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                if not task.cancelling():  # a second cancellation would cut its look off
                    task.cancel()
            await asyncio.wait(tasks)

    async def _repeat(self, watch: _Watch) -> None:
        due = 0.0
        while True:
            await asyncio.sleep(self.tick_seconds)
            if not self._leads():
                due = 0.0
                self._forget()
            elif time.monotonic() >= due:
                due = time.monotonic() + watch.seconds
                try:
                    await _to_its_end(self._look(watch))
                except (Away, UserError) as error:
                    log.warning("the lookout does not know", of=watch.concern.rule_id, reason=str(error))

    def _forget(self) -> None:
        """Forget all state: another worker looks now, and what was seen before says nothing about later."""
        self._since = self._clock()
        self._lag = LagWatch()
        self._detection_lag = LagWatch(done=EXAMINED)
        self._deletions = LeftOpen(self._store, self._options.horizon)
        self._copies = Contradicting(self._store, self._options.horizon)

    async def _look(self, watch: _Watch) -> None:
        told = await self._memory.told(watch.concern.rule_id)
        now = self._clock()
        seen = await watch.look(told, now)
        if seen is None or not self._leads():
            return
        records = changes(watch.concern, told, seen, now)
        if records:
            await self._publish(records)
            ALERT_RECORDS.inc(len(records))

    async def _late(self, told: Told, now: datetime) -> Sequence[Sighting] | None:
        lag = await read_lag(self._connection, self._options.group, self._options.stored)
        self._lag.look(now, lag)
        live = False
        if self._lag.behind() is not None:
            events = [place for place in lag if place.topic == self._options.topics[0]]
            live = await live_waits(self._connection, events, self._options.horizon)
        return late(self._lag, now, live=live)

    async def _unexamined(self, told: Told, now: datetime) -> Sequence[Sighting] | None:
        self._detection_lag.look(now, await read_lag(self._connection, self._detection, [self._options.topics[2]]))
        return unexamined(self._detection_lag, now)

    async def _rises(self, told: Told, now: datetime) -> Sequence[Sighting]:
        async with self._store_turn:
            return rises(await asyncio.to_thread(read_letter_rates, self._store, None, now, files=False))

    async def _silences(self, told: Told, now: datetime) -> Sequence[Sighting]:
        async with self._store_turn:
            habits = await asyncio.to_thread(read_habits, self._store, None, now)
        return silences(habits, told.values(), now, self._since)

    async def _left_open(self, told: Told, now: datetime) -> Sequence[Sighting] | None:
        async with self._store_turn:
            return await asyncio.to_thread(self._deletions.look, list(told.values()), now)

    async def _expiring(self, told: Told, now: datetime) -> Sequence[Sighting]:
        async with self._store_turn:
            healths = await asyncio.to_thread(read_healths, self._store, now, MOST_INTEGRATIONS)
        return expiring(healths, told.values(), now)

    async def _conflicts(self, told: Told, now: datetime) -> Sequence[Sighting]:
        async with self._store_turn:
            return await asyncio.to_thread(self._copies.look, list(told.values()), now)


async def _to_its_end(look: Coroutine[Any, Any, None]) -> None:
    """Finish the coroutine even when cancelled: aiokafka leaves open a connection that it was just making."""
    looking = asyncio.create_task(look)
    try:
        await asyncio.shield(looking)
    except asyncio.CancelledError:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(looking, return_exceptions=True)
        raise
