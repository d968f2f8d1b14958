"""Health: whether the process answers, whether the trail makes progress, and what it does not see."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from queries.api import models
from queries.api.access import Given, Organization, Reader
from queries.api.context import Context
from queries.api.problems import problem
from queries.checks.blindness import cut_logs, detection_behind, rising_letters, silent_sources, sink_behind
from queries.checks.habits import read_cuts, read_habits, read_letter_rates, read_newest
from queries.checks.lag_watch import EXAMINED, LagWatch, Place
from queries.store import PROMPT_LIMITS
from schemas.errors import Away, BrokerAway, BrokerRefuses, UserError
from schemas.metrics import LAG

router = APIRouter()

LOOK_SECONDS: Final = 15.0
"""Seconds between two looks at the lag. Judging the sink's progress takes several looks, whoever asks and when."""
ANSWER_SECONDS: Final = 5.0
"""Seconds for the broker and the store each: a health check gives up soon, and would not learn which of them hangs."""
FRESH_SECONDS: Final = 1.0
"""A look this recent is not repeated for questions to the store, however many come."""
STALE_SECONDS: Final = 2.0
"""After a look this recent, a question starts a new look without waiting for it: of many questions in a row none
waits."""
PATIENCE_SECONDS: Final = 0.5
"""How long a question waits for that look, which usually takes a tenth of it. After that the last result is used."""
RECENT_SECONDS: Final = 30.0
"""A slow look does not count against the broker for this long after one that it answered: the process is busy."""
PROBES: Final = 2
"""Looks at the store at once. They do not queue for a thread behind all questions."""
HABIT_SECONDS: Final = 60.0
"""How long an answer about habits is reused: it reads two weeks of events."""

log = structlog.get_logger(__name__)


class Vigil:
    """Looks at the lag regularly, and keeps the result."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._habits: dict[str | None, tuple[float, dict[str, Any]]] = {}
        self._begun = -math.inf
        self._asked: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[Sequence[Place]] | None = None
        self._lag: Sequence[Place] = ()
        self._looked = -math.inf
        self.probes = CapacityLimiter(PROBES)
        self.watch = LagWatch()
        self.detection = LagWatch(done=EXAMINED)

    async def look(self) -> Sequence[Place]:
        """Return the lag now; while a look takes long, a result at most `RECENT_SECONDS` old. Raises `BrokerAway`.

        One look serves all who ask meanwhile.
        """
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(_heard)
        looking = self._looking
        await asyncio.wait([looking], timeout=PATIENCE_SECONDS if self._is_recent() else None)
        return looking.result() if looking.done() else self._lag

    def _is_recent(self) -> bool:
        return time.monotonic() - self._looked < RECENT_SECONDS

    async def _look(self) -> Sequence[Place]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                lag = await self._context.read_lag()
        except TimeoutError:
            if self._is_recent():
                return self._lag
            raise BrokerAway(f"it did not answer within {ANSWER_SECONDS:g} s") from None
        self._lag, self._looked = lag, time.monotonic()
        self._record(self.watch, lag)
        return lag

    def _record(self, watch: LagWatch, lag: Sequence[Place]) -> None:
        watch.look(self._context.clock(), lag)
        for place in lag:
            LAG.labels(place.topic, str(place.partition)).set(place.end - place.stored)

    async def look_at_detection(self) -> None:
        """Look how far detection is. Raises `BrokerAway`."""
        self._record(self.detection, await self._context.read_detection_lag())

    async def run(self) -> None:
        """Look repeatedly, until cancelled."""
        while True:
            await self._glance(self.look)
            await self._glance(self.look_at_detection)
            await asyncio.sleep(LOOK_SECONDS)

    async def _glance(self, look: Callable[[], Awaitable[object]]) -> None:
        try:
            await look()
        except (Away, BrokerRefuses):
            pass  # callers get the error; the next look may succeed
        except Exception:
            # A failed look must not end the loop: nobody would notice a sink that stands still.
            log.exception("the lag cannot be looked at")

    async def waiting(self) -> int | None:
        """Return how many records are not stored yet, at most two seconds old; None before the first look.

        While the broker does not answer, it is the result of the last look.
        """
        age = time.monotonic() - self._begun
        done = self._asked is None or self._asked.done()
        if done and age > FRESH_SECONDS:
            self._begun = time.monotonic()
            self._asked = asyncio.create_task(self._glance(self.look))
            done = age <= STALE_SECONDS
        left = self._begun + PATIENCE_SECONDS - time.monotonic()
        if not done and self._asked is not None and left > 0:
            await asyncio.wait([self._asked], timeout=left)
        return self.watch.waiting

    def close(self) -> None:
        """Stop looking."""
        for task in (self._asked, self._looking):
            if task is not None:
                task.cancel()

    def seen_in_store(self, organization: str | None, now: datetime) -> dict[str, Any]:
        """Return the blind spots from habits, read at most once a minute for each organization."""
        kept = self._habits.get(organization)
        if kept is None or time.monotonic() - kept[0] > HABIT_SECONDS:
            store = self._context.store
            seen: dict[str, Any] = {"blind": [], "newest": None, "trouble": []}
            try:
                seen["blind"] += cut_logs(read_cuts(store))
                seen["newest"] = read_newest(store, organization, now)
                seen["blind"] += rising_letters(read_letter_rates(store, organization, now))
                seen["blind"] += silent_sources(read_habits(store, organization, now), now)
            except UserError as error:  # more events than a query may read: the rest is still known
                seen["trouble"].append(f"whether sources are silent is not known: {error}")
            kept = time.monotonic(), seen
            self._habits[organization] = kept
        return kept[1]


def _heard(looking: asyncio.Task[Sequence[Place]]) -> None:
    """Mark the error as retrieved: the one who asked may have stopped waiting, and the event loop would report it."""
    if not looking.cancelled():
        looking.exception()


@asynccontextmanager
async def vigilant(app: FastAPI) -> AsyncIterator[None]:
    """The app's lifespan: somebody always looks."""
    looking = asyncio.create_task(app.state.vigil.run())
    try:
        yield
    finally:
        app.state.vigil.close()
        looking.cancel()
        await asyncio.wait([looking])


def _vigil(request: Request) -> Vigil:
    vigil = request.app.state.vigil
    assert isinstance(vigil, Vigil)
    return vigil


@router.get("/healthz", tags=["health"])
async def healthz() -> dict[str, str]:
    """Report that the process answers."""
    return {"status": "ok"}


@router.get("/readyz", tags=["health"])
async def readyz(request: Request, context: Given) -> Response:
    """Report whether events are accepted, broker and store answer, the store takes events, and the sink makes progress;
    otherwise 503 with what does not."""
    if broken := context.ingest.broken():
        return problem(503, f"no event is accepted any more: {broken}")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            probes = _vigil(request).probes
            await to_thread.run_sync(
                context.store.query, "SELECT 1", None, PROMPT_LIMITS, abandon_on_cancel=True, limiter=probes
            )
    except Away as error:
        return problem(503, f"the store is away: {error}")
    except TimeoutError:
        return problem(503, f"the store is away, or busy: it did not answer within {ANSWER_SECONDS:g} s")
    if context.store.refusal:
        return problem(503, f"the store takes no events: {context.store.refusal}")
    vigil = _vigil(request)
    try:
        lag = await vigil.look()
    except Away as error:
        return problem(503, f"the broker is away: {error}")
    except BrokerRefuses as error:
        return problem(503, str(error))
    stalls = [*vigil.watch.stalls(), *vigil.detection.stalls()]
    if stalls:
        return problem(503, "; ".join(str(stall) for stall in stalls))
    return JSONResponse({"status": "ready", "behind": sum(place.end - place.stored for place in lag)})


@router.get("/api/v1/health", tags=["health"], response_model=models.Health)
async def health(request: Request, context: Given, token: Reader, organization: Organization) -> dict[str, Any]:
    """Report what the trail may be missing: silent sources, a lagging sink, lagging rules, rising dead letters, a cut
    log.

    `blind` is empty if all is as usual. `trouble` says that the broker is away; without the store the answer is 503.
    """
    vigil = _vigil(request)
    now = context.clock()
    every = token.only is None
    trouble: list[str] = []
    if context.store.refusal:
        trouble.append(f"the store takes no events: {context.store.refusal}")
    lag: Sequence[Place] = ()
    try:
        lag = await vigil.look()
    except Away as error:
        trouble.append(f"the broker is away: {error}")
    except BrokerRefuses as error:
        trouble.append(str(error))
    seen = await run_in_threadpool(vigil.seen_in_store, organization, now)
    blind = [*sink_behind(vigil.watch, now), *detection_behind(vigil.detection, now), *seen["blind"]]
    return {
        "at": now,
        "trouble": [*trouble, *seen["trouble"]],
        "blind": [found._asdict() for found in blind],
        "newest": seen["newest"],
        "lag": [
            {
                "topic": place.topic,
                "partition": place.partition,
                "end": place.end if every else None,
                "stored": place.stored if every else None,
                "behind": place.end - place.stored,
            }
            for place in lag
        ],
    }
