"""Jobs of the serving process, one at a time: rebuild, verify, backtest. A failed job ends alone; the process goes
on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import structlog

from queries.jobs import JobState
from queries.migrate import Deployment
from queries.release import RELEASE, upgraded_beneath
from queries.store import Store
from schemas.alerts import utc
from schemas.errors import Away, IdtrailError, UserError
from schemas.kafka import KafkaConnection
from streams.alerts.alert import NEVER, Alert
from streams.alerts.backtest import Backtest, Question
from streams.alerts.comparison import compare
from streams.child import children_at_once
from streams.rebuild import Rebuild
from streams.sink import SinkOptions
from streams.verify import Verification

MOST_LISTED: Final = 1_000
"""How many alerts of each kind a backtest names."""
AGAIN_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class Maintenance:
    """Implements `queries.jobs.Jobs`. `run()` must run in the event loop in which its methods are called."""

    def __init__(
        self,
        connection: KafkaConnection,
        store: Store,
        deployment: Deployment,
        options: SinkOptions,
        clock: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._store = store
        self._deployment = deployment
        self._options = options
        self._clock = clock
        self._states: dict[str, JobState] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Finish an exchange that a kill interrupted; then run jobs until cancelled."""
        try:
            while True:
                try:
                    if await self._rebuild().finish() is not None:
                        log.info("an interrupted rebuild was finished")
                    break
                except Away as error:
                    log.warning("the end of a rebuild waits", reason=str(error))
                    await asyncio.sleep(AGAIN_SECONDS)
                except IdtrailError as error:
                    log.error("an interrupted rebuild cannot be finished: rebuild again", reason=str(error))
                    break
            await asyncio.Event().wait()
        finally:
            for job in self._tasks:
                await self.stop(job)

    def start_rebuild(self, *, accept_loss: bool) -> JobState:
        """Start a rebuild, or continue one that was started."""
        rebuild = self._rebuild()

        async def work() -> dict[str, Any]:
            state = await rebuild.run(accept_loss=accept_loss)
            return {"records": state.done, "differences": state.differences}

        def look(state: JobState) -> JobState:
            at = rebuild.state
            return replace(state, step=str(at.step), done=at.done, total=max(at.total, at.done))

        return self._start("rebuild", work(), look)

    def start_verify(self) -> JobState:
        """Compare the store with the log."""
        verification = Verification(self._connection, self._store, self._options, decoders=children_at_once())

        def look(state: JobState) -> JobState:
            return replace(state, step=verification.step, done=verification.done, total=verification.total)

        return self._start("verify", verification.run(), look)

    def start_backtest(
        self, rules: Sequence[str], against: Sequence[str], organization: str, since: datetime, until: datetime
    ) -> JobState:
        """Run rules over what is stored."""
        backtest = Backtest(self._store, Question(tuple(rules), tuple(against), organization, since, until))

        def look(state: JobState) -> JobState:
            return replace(state, step="evaluating", done=backtest.done, total=backtest.total)

        return self._start("backtest", _backtested(backtest), look)

    def state(self, job: str) -> JobState | None:
        """Return the last job of this kind in this process."""
        return self._states.get(job)

    async def stop(self, job: str) -> JobState | None:
        """Stop the job; returns when it has stopped."""
        task = self._tasks.get(job)
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return self.state(job)

    def _rebuild(self) -> Rebuild:
        return Rebuild(
            self._connection,
            self._store,
            self._deployment,
            self._options,
            decoders=children_at_once(),
            code=RELEASE,
        )

    def _start(
        self, job: str, work: Coroutine[Any, Any, dict[str, Any]], look: Callable[[JobState], JobState]
    ) -> JobState:
        for other, task in self._tasks.items():
            if not task.done():
                work.close()
                if other == job:
                    return self._states[job]  # a second request follows the running job
                raise UserError(f"{other} runs: wait for it, or stop it")
        self._states[job] = JobState(job, True, "starting", 0, 0, self._clock())
        self._tasks[job] = asyncio.create_task(self._run(job, work, look))
        return self._states[job]

    async def _run(
        self, job: str, work: Coroutine[Any, Any, dict[str, Any]], look: Callable[[JobState], JobState]
    ) -> None:
        task = asyncio.create_task(work)
        error = ""
        result: dict[str, Any] = {}
        try:
            while not (await asyncio.wait([task], timeout=0.25))[0]:
                self._states[job] = look(self._states[job])
            result = task.result()
        except asyncio.CancelledError:
            task.cancel()
            with suppress(asyncio.CancelledError, IdtrailError):
                await task
            error = "it was stopped"
            raise
        except IdtrailError as failed:
            error = str(failed)
        except Exception as failed:
            log.exception("a job failed", job=job)
            error = upgraded_beneath() or f"a defect: {failed!r}"
        finally:
            if error:
                log.warning("job ended early", job=job, reason=error)
            self._states[job] = replace(
                look(self._states[job]), running=False, ended_at=self._clock(), error=error, result=result
            )


async def _backtested(backtest: Backtest) -> dict[str, Any]:
    found = await backtest.run()
    compared = compare(found.after, found.against)
    return {
        "events": found.events,
        "fresh": found.fresh,
        "alerts": len(found.alerts),
        "rules": Counter(alert.rule_id for alert in found.alerts),
        "left_out": {rule_id: left._asdict() for rule_id, left in found.left_out.items()},
        "against": found.before,
        "same": compared.same,
        "gained": len(compared.gained),
        "lost": len(compared.lost),
        "moved": len(compared.moved),
        "listed": [
            *({"change": "gained", **_listed(alert)} for alert in compared.gained[:MOST_LISTED]),
            *({"change": "lost", **_listed(alert)} for alert in compared.lost[:MOST_LISTED]),
            *(
                {"change": "moved", **_listed(moved.after), "before": _listed(moved.before)}
                for moved in compared.moved[:MOST_LISTED]
            ),
        ],
    }


def _listed(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "rule_id": alert.rule_id,
        "organization": alert.organization,
        "title": alert.title,
        "group": alert.group,
        "opened_at": utc(alert.opened_at),
        "ended_at": None if alert.ended_at == NEVER else utc(alert.ended_at),
        "events": alert.events,
        "people": len(alert.people),
    }
