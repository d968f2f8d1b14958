"""Brings accepted records to the log, or to the spool while the broker is away, in the order of acceptance.

One task, the pump, takes accepted records and either flies or spools them. While anything is spooled, newer records
queue behind it and only the drain flies, so the records of one key reach the log in order, whatever the broker does. A
record may reach the log twice (its confirmation was lost, or the process was killed before the spool forgot it); its
identity makes a repeat harmless.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from typing import Any, Final, Literal

import structlog

from producers.spool import Record, Spool
from producers.uplink import Place, Uplink
from schemas.errors import BrokerAway, BrokerRefuses, Fatal, SpoolFull
from schemas.metrics import RECEIPTS, SPOOL_BYTES, SPOOL_RECORDS

FLIGHT_RECORDS: Final = 8_192
FLIGHT_BYTES: Final = 8 * 1024 * 1024
WAITING_BYTES: Final = 16 * 1024 * 1024
"""Above this, callers wait for room before their records are accepted."""
CONTEXT_BYTES: Final = 1024
"""Approximate size of key and headers; exact sums are not worth their cost here."""
DRAIN_LOOK_SECONDS: Final = 0.5
DRAIN_LOOKS: Final = 12
"""Checks without progress before callers stop waiting for the spool to drain: longer than a broker's answer may
take."""
WAITS: Final = (0, 0.25, 0.5, 1, 2, 5)
"""Seconds before each attempt to reach the broker; the last value repeats."""

log = structlog.get_logger(__name__)

_LOGGED: Final = RECEIPTS.labels("logged")
_SPOOLED: Final = RECEIPTS.labels("spooled")

Outcome = Place | int | str
"""A place on the log, a position in the spool, or the reason why there was no room for it."""


@dataclass(frozen=True, slots=True)
class Status:
    """Whether records go to the log or to the spool, and the spool's content."""

    state: Literal["logging", "spooling"]
    trouble: str
    """Why records are spooled; empty while they are logged."""
    depth: int
    bytes: int
    max_bytes: int
    oldest: datetime | None


class _Parcel:
    """Records accepted together, and the caller who waits for their outcomes."""

    __slots__ = ("answer", "records", "size")

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.size = sum([len(value) for _, _, value, _ in records]) + CONTEXT_BYTES * len(records)
        self.answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()


class Delivery:
    """Owns the uplink and the spool between `start` and `stop`."""

    def __init__(
        self, connect: Callable[[], Coroutine[Any, Any, Uplink]], spool: Spool, clock: Callable[[], datetime]
    ) -> None:
        self._connect = connect
        self._spool = spool
        self._clock = clock
        self._uplink: Uplink | None = None
        self._trouble = ""
        self._parcels: deque[_Parcel] = deque()
        self._waiting_bytes = 0
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._turn = asyncio.Lock()
        self._running = False
        self.broken: Fatal | None = None
        """The error that stopped acceptance, if any."""
        self._breaking = asyncio.Event()
        self._pump_task: asyncio.Task[None] | None = None
        self._drain_task: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    def status(self) -> Status:
        spool = self._spool
        state: Literal["logging", "spooling"] = "spooling" if self._trouble else "logging"
        return Status(state, self._trouble, spool.depth(), spool.bytes(), spool.max_bytes, spool.oldest())

    async def died(self) -> None:
        """Raise the error that broke the delivery when it happens; otherwise wait forever."""
        await self._breaking.wait()
        assert self.broken is not None
        raise self.broken

    async def let_drain(self) -> None:
        """Wait while the spool drains; returns if the broker is away or confirms nothing."""
        looks = 0
        before = self._spool.depth()
        while before and self._uplink is not None and looks < DRAIN_LOOKS:
            await asyncio.sleep(DRAIN_LOOK_SECONDS)
            depth = self._spool.depth()
            looks = looks + 1 if depth >= before else 0
            before = depth

    async def start(self) -> None:
        """Open the spool, try the broker once, and accept records from now on, with or without the broker.

        Raises `BrokerRefuses` when the broker refuses us, which waiting cannot fix.
        """
        await self._spool.__aenter__()
        self._measure_spool()
        try:
            self._uplink = await self._connect()
        except BrokerAway as error:
            self._start_draining(str(error))
        except BaseException:
            await self._spool.__aexit__(None, None, None)
            raise
        else:
            if self._spool.depth():
                self._start_draining("the records of an earlier run are drained first")
        self._running = True
        self._pump_task = asyncio.create_task(self._guard(self._pump()))

    async def stop(self) -> None:
        """Log or spool what was accepted, then end. Spooled records wait for the next start."""
        self._running = False
        self._work.set()
        if self._pump_task is not None:
            await asyncio.wait([self._pump_task])
        if self._drain_task is not None:
            self._drain_task.cancel()
            await asyncio.wait([self._drain_task])
        self._retire()
        if self._retiring:
            await asyncio.wait(self._retiring)
        await self._spool.__aexit__(None, None, None)

    async def accept(self, records: Sequence[Record]) -> asyncio.Future[list[Outcome]]:
        """Queue records; the future returns their outcomes. Waits for room while too much is queued."""
        while self._waiting_bytes > WAITING_BYTES and self.broken is None:
            self._room.clear()
            await self._room.wait()
        if self.broken is not None:
            raise self.broken
        if not self._running:
            raise Fatal("the emitter is not running: emit inside its `async with` block")
        parcel = _Parcel(records)
        self._parcels.append(parcel)
        self._waiting_bytes += parcel.size
        self._work.set()
        return parcel.answer

    async def _pump(self) -> None:
        while self._running or self._parcels:
            if not self._parcels:
                self._work.clear()
                await self._work.wait()
                continue
            async with self._turn:
                parcels = self._take()
                try:
                    outcomes = await self._deliver(list(chain.from_iterable(p.records for p in parcels)))
                except BaseException:
                    self._parcels.extendleft(reversed(parcels))  # where the guard finds them
                    raise
            start = 0
            for parcel in parcels:
                end = start + len(parcel.records)
                if not parcel.answer.done():  # its caller may have been cancelled
                    parcel.answer.set_result(outcomes[start:end])
                start = end

    def _take(self) -> list[_Parcel]:
        parcels: list[_Parcel] = []
        count = size = 0
        while self._parcels and count < FLIGHT_RECORDS and size < FLIGHT_BYTES:
            parcel = self._parcels.popleft()
            count += len(parcel.records)
            size += parcel.size
            parcels.append(parcel)
        self._waiting_bytes -= size
        if self._waiting_bytes <= WAITING_BYTES:
            self._room.set()
        return parcels

    async def _deliver(self, records: list[Record]) -> list[Outcome]:
        if self._trouble:
            return await self._spool_all(records)
        assert self._uplink is not None
        places, trouble = await self._uplink.fly(records)
        outcomes: list[Outcome] = ["" if place is None else place for place in places]
        _LOGGED.inc(len(records) - places.count(None))
        if trouble:
            self._retire()
            # It is unknown whether these are on the log: spooled, they may come a second time.
            rest = [index for index, place in enumerate(places) if place is None]
            spooled = await self._spool_all([records[index] for index in rest])
            for index, outcome in zip(rest, spooled, strict=True):
                outcomes[index] = outcome
            self._start_draining(trouble)
        return outcomes

    async def _spool_all(self, records: list[Record]) -> list[Outcome]:
        spool = self._spool
        try:
            positions = await spool.append(records, self._clock())
            full = f"its spool {spool.path} has no room ({spool.bytes()} of {spool.max_bytes} bytes)"
            mend = "allow the spool more bytes"
        except SpoolFull as error:
            positions, full, mend = [], str(error), "make room there"
            log.error("the spool has no room on its disk", reason=full)
        _SPOOLED.inc(len(positions))
        self._measure_spool()
        refusal = f"Kafka is away and {full}: the record was not accepted. Bring the broker back, or {mend}"
        return [*positions, *repeat(refusal, len(records) - len(positions))]

    def _measure_spool(self) -> None:
        SPOOL_RECORDS.set(self._spool.depth())
        SPOOL_BYTES.set(self._spool.bytes())

    def _start_draining(self, trouble: str) -> None:
        self._tell(trouble)
        self._drain_task = asyncio.create_task(self._guard(self._drain()))

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("records are spooled", reason=trouble, spool=str(self._spool.path))

    async def _drain(self) -> None:
        """Fly spooled records, oldest first, until none is left; then the pump flies again."""
        attempt = 0
        while True:
            await asyncio.sleep(WAITS[min(attempt, len(WAITS) - 1)])
            attempt += 1
            try:
                if self._uplink is None:
                    self._uplink = await self._connect()
                while waiting := await self._spool.peek(FLIGHT_RECORDS, FLIGHT_BYTES):
                    await self._fly_spooled(self._uplink, waiting)
                    attempt = 1
            except (BrokerAway, BrokerRefuses) as error:
                # Refused after it had accepted us: a password was changed, or is being changed. What was accepted is
                # safe in the spool, so log the refusal and keep trying instead of rejecting callers.
                self._tell(str(error))
                continue
            async with self._turn:  # the pump is not in the middle of an append
                if not self._spool.depth():
                    self._trouble = ""
                    log.info("the spool is empty, records are logged", spool=str(self._spool.path))
                    return
            attempt = 0  # records came in between: no trouble, and no reason to wait

    async def _fly_spooled(self, uplink: Uplink, waiting: list[tuple[int, Record]]) -> None:
        places, trouble = await uplink.fly([record for _, record in waiting])
        confirmed = [seq for (seq, _), place in zip(waiting, places, strict=True) if place is not None]
        # Only now: a process killed before this sends them again.
        await self._spool.delete(confirmed)
        self._measure_spool()
        if trouble:
            self._retire()
            raise BrokerAway(trouble)

    def _retire(self) -> None:
        """Close the uplink in the background: that may take as long as a frozen broker lets it."""
        uplink, self._uplink = self._uplink, None
        if uplink is not None:
            task = asyncio.create_task(uplink.close())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Run pump or drain: an error that neither expects ends both, and every caller gets it."""
        try:
            await work
        except Exception as error:
            self.broken = error if isinstance(error, Fatal) else Fatal(f"the emitter stopped: {error!r}")
            self._breaking.set()
            log.exception("the emitter stopped")
            for parcel in self._parcels:
                if not parcel.answer.done():
                    parcel.answer.set_exception(self.broken)
                    parcel.answer.exception()  # its caller may be gone; asyncio should not complain
            self._parcels.clear()
            self._room.set()
