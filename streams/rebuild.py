"""The rebuild: makes every table that derives from the log anew from it, while the trail goes on.

A new generation is filled beside the store's tables, the sinks are held still at their offsets, the rest is filled up
to there, and all tables are exchanged. The store has the state at each step: a rebuild that was killed continues.
Nothing is forwarded, published or sent anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final
from uuid import uuid4

import structlog

from queries.checks.habits import read_cuts
from queries.checks.verification import Reader
from queries.generation import Generation, add_lacking, carry_over, differences
from queries.migrate import Deployment
from queries.store import Store
from schemas.errors import BrokerAway, Fatal, UserError
from schemas.kafka import KafkaConnection
from schemas.letters import LOST_END
from streams.decoders import Decoding
from streams.filling import inserting
from streams.hold import Held, hold
from streams.lag import Bounds, read_bounds, read_lag
from streams.rebuild_state import RebuildState, States, Step
from streams.refolding import fold_incidents, fold_windows, touched_applications
from streams.replaying import Handle, Replay
from streams.sink import SinkOptions
from streams.span_reader import Place
from streams.verify import MOST_NAMED, find_outside

CLOSE_RECORDS: Final = 20_000
"""Hold the sinks once this close behind them: filling the rest then takes a moment."""
ROUNDS: Final = 5
"""How often newly stored records are filled before the sinks are held anyway."""

log = structlog.get_logger(__name__)


class Rebuild:
    """One rebuild: call `run()` once. It raises what stopped it; another run continues from there."""

    def __init__(
        self,
        connection: KafkaConnection,
        store: Store,
        deployment: Deployment,
        options: SinkOptions,
        *,
        decoders: int,
        code: str,
        checkpoint: Callable[[str], None] = lambda point: None,
    ) -> None:
        """`code` is the version of the decoding code; a rebuild begun by another version starts over.

        `checkpoint` is called with the name of each completed step; tests kill the process there.
        """
        self._connection = connection
        self._store = store
        self._generation = Generation(store, deployment)
        self._rest = Generation(store, deployment, "settle")
        self._options = options
        self._topics = options.stored
        self._how = Decoding(connection, options.reading)
        self._decoders = decoders
        self._code = code
        self._checkpoint = checkpoint
        self._states = States(store)
        self.state = RebuildState(code=code)
        """The rebuild's current state."""

    async def run(self, *, accept_loss: bool) -> RebuildState:
        """Rebuild everything, or continue what was begun. Raises `UserError` rather than lose rows."""
        finished = await self.finish()
        if finished is not None:
            return finished
        found = await self._begun()
        if found is not None and found.unfinished(self._code):
            self.state = found.taken_over(uuid4().hex)
            log.info("rebuild goes on", step=self.state.step)
        else:
            await asyncio.to_thread(self._generation.drop)
            self.state = RebuildState(rebuild_id=uuid4().hex, owner=uuid4().hex, code=self._code)
        await self._save()
        if self.state.step in (Step.FILLING, Step.FOLDING):
            await self._fill(accept_loss)
        return await self._finish()

    async def finish(self) -> RebuildState | None:
        """At a start, complete the exchange of a rebuild that was killed during it. Returns None if there was none."""
        found = await self._begun()
        if found is None or found.step not in (Step.SWAPPING, Step.SETTLING):
            return None
        if found.step is Step.SWAPPING:
            if not await self._swap():
                return None
        else:
            self.state = found.taken_over(uuid4().hex)
            await self._save()
        return await self._finish()

    async def _begun(self) -> RebuildState | None:
        """Return the last rebuild; None also where the new tables of a half exchanged generation are gone, so that
        nothing can continue."""
        found = await asyncio.to_thread(self._states.latest)
        if found is None or found.step is not Step.SWAPPING:
            return found
        if await asyncio.to_thread(self._generation.can_finish, found.tables):
            return found
        log.error("tables of a half exchanged generation are gone: rebuild again", rebuild=found.rebuild_id)
        return None

    # Before the barrier ------------------------------------------------------------------------------

    async def _fill(self, accept_loss: bool) -> None:
        bounds = await read_bounds(self._connection, self._topics)
        if not accept_loss:
            await self._refuse_loss()
        made = await self._make()
        self._checkpoint("made")
        async with AsyncExitStack() as stack:
            stack.callback(made.close)
            replay = stack.enter_context(Replay(self._how, self._decoders))
            insert = inserting(made, self.state.rebuild_id)
            await self._fill_to(
                replay, insert, bounds, {place: at for place, at in self.state.goal.items() if place in bounds}
            )
            for _ in range(ROUNDS):
                ends = await self._stored()
                if not await self._fill_to(replay, insert, bounds, ends):
                    break
            self._checkpoint("filled")
            await self._fold(made, {place: 0 for place in bounds if place[0] == self._topics[0]})
            folded_to = dict(self.state.next)
            self._checkpoint("folded")
            held = await stack.enter_async_context(
                hold(self._connection, self._options.group, self._topics, self._options.session)
            )
            self._checkpoint("held")
            await self._save(step=Step.HOLDING)
            await self._fill_to(replay, insert, bounds, held.barrier)
            begins = {
                partition: bound.begin for (topic, partition), bound in bounds.items() if topic == self._topics[1]
            }
            await asyncio.to_thread(
                carry_over, self._store, made.database, ("dead_letters", "letter_decisions"), self._topics[1], begins
            )
            await self._fold(made, {place: at for place, at in folded_to.items() if place[0] == self._topics[0]})
            different = await asyncio.to_thread(differences, self._store, made)
            self._checkpoint("compared")
            if not await held.still():
                await self._save(step=Step.FILLING)
                raise BrokerAway(
                    "a sink resumed before the tables were swapped; nothing was changed, run the rebuild again"
                )
            await self._save(step=Step.SWAPPING, barrier=held.barrier, differences=different)
            self._checkpoint("swapping")
            await self._exchange(held)

    async def _make(self) -> Store:
        """Return the generation that was begun, or an empty one."""
        made = await asyncio.to_thread(self._generation.make)
        tables = await asyncio.to_thread(self._generation.tables)
        if self.state.tables and self.state.tables != tables:
            made.close()
            await asyncio.to_thread(self._generation.drop)
            await self._save(next={}, goal={}, tables={}, done=0)
            return await self._make()
        await self._save(tables=tables)
        return made

    async def _refuse_loss(self) -> None:
        reader = await asyncio.to_thread(Reader, self._store)
        kept = {"events": self._options.topics[0], "alert_records": self._options.alerts}
        lost = sum([len(await find_outside(self._connection, reader, table, topic)) for table, topic in kept.items()])
        if lost:
            count = f"{lost:,}" if lost < MOST_NAMED else f"{lost:,} or more"
            raise UserError(
                f"rows of the store whose places the log does not hold (any more): {count}; a rebuild would lose "
                "them. `idtrail verify` names them; `idtrail rebuild --accept-loss` goes on without them"
            )
        # The store alone has what the log held then, at places that now hold other records.
        for cut in await asyncio.to_thread(read_cuts, self._store):
            if cut.reason == LOST_END:
                raise UserError(
                    f"{cut.message}. Then `idtrail dead-letters discard {cut.letter_id} --because ...`, or "
                    "`idtrail rebuild --accept-loss`"
                )

    async def _stored(self) -> dict[Place, int]:
        """Return up to where the sinks have stored."""
        lag = await read_lag(self._connection, self._options.group, self._topics)
        return {(place.topic, place.partition): min(place.stored, place.end) for place in lag}

    async def _fill_to(
        self, replay: Replay, insert: Handle, bounds: Mapping[Place, Bounds], ends: Mapping[Place, int]
    ) -> bool:
        """Fill up to these ends. Returns whether it was so much that more may have come meanwhile."""
        begins = {place: max(self.state.next.get(place, 0), bounds[place].begin) for place in ends}
        missing = sum(max(0, ends[place] - begins[place]) for place in ends)
        done = self.state.done
        await self._save(goal=ends)

        async def reached(next_offsets: Mapping[Place, int]) -> None:
            filled = sum(at - begins[place] for place, at in next_offsets.items())
            await self._save(next={**self.state.next, **next_offsets}, done=done + filled, total=done + missing)
            self._checkpoint("reached")

        await replay.each(begins, ends, insert, reached)
        return missing > CLOSE_RECORDS

    async def _fold(self, store: Store, since: Mapping[Place, int]) -> None:
        before = self.state.step
        if before is Step.FILLING:
            await self._save(step=Step.FOLDING)
        await asyncio.to_thread(fold_windows, store, since)
        for number, application in enumerate(await asyncio.to_thread(touched_applications, store, since)):
            token = f"rebuild:{self.state.owner}:{before}:{number}"
            await asyncio.to_thread(fold_incidents, store, application, token)

    # From the barrier on -----------------------------------------------------------------------------

    async def _swap(self) -> bool:
        """Hold the sinks and complete an exchange that was begun. Returns whether there was one; waits for another
        process that is completing it, because that one holds the sinks."""
        async with hold(self._connection, self._options.group, self._topics, self._options.session) as held:
            found = await self._begun()
            if found is None or found.step is not Step.SWAPPING:
                return False
            self.state = found.taken_over(uuid4().hex)
            await self._save()
            await self._exchange(held)
            return True

    async def _exchange(self, held: Held) -> None:
        """Exchange the tables under the hold. If it is killed, the next start continues here; if the hold is lost, the
        next holder does, because somebody else may be exchanging then, and two exchanges undo each other."""
        for name, identity in self.state.tables.items():
            if not await held.still():
                return
            if await asyncio.to_thread(self._generation.exchange, {name: identity}):
                self._checkpoint("exchanged")
        still = await held.still()
        self._checkpoint("swapped")
        if await asyncio.to_thread(self._generation.waiting, self.state.tables):
            return
        if still and held.barrier == self.state.barrier:
            await self._save(step=Step.DROPPING)
        else:
            await self._save(step=Step.SETTLING)

    async def _finish(self) -> RebuildState:
        while self.state.step is Step.SWAPPING:
            if not await self._swap():
                raise UserError("another process has ended this rebuild")
        if self.state.step is Step.SETTLING:
            await self._settle()
            await self._save(step=Step.DROPPING)
        if self.state.step is not Step.DROPPING:
            raise Fatal(f"a rebuild cannot finish from the step {self.state.step}")
        await asyncio.to_thread(self._generation.drop)
        self._checkpoint("dropped")
        await self._save(step=Step.DONE)
        log.info("rebuild done", records=self.state.done, differences=len(self.state.differences))
        return self.state

    async def _settle(self) -> None:
        """Read again what the sinks stored since the barrier, and add what the tables lack: sinks were not held all the
        time, and may have inserted into either generation."""
        # Flights in the air when the tables were exchanged land before a hold begins; later ones find the new tables.
        async with hold(self._connection, self._options.group, self._topics, self._options.session) as held:
            ends = dict(held.barrier)
        begins = {place: min(self.state.barrier.get(place, 0), end) for place, end in ends.items()}
        await asyncio.to_thread(self._rest.drop)
        rest = await asyncio.to_thread(self._rest.make)
        try:
            with Replay(self._how, 1) as replay:
                await replay.each(begins, ends, inserting(rest, self.state.owner), _nothing)
            await self._save()
            between = {place: (begins[place], end) for place, end in ends.items()}
            await asyncio.to_thread(add_lacking, self._store, rest.database, between)
        finally:
            await asyncio.to_thread(rest.close)
        await self._fold(
            self._store, {place: at for place, at in self.state.barrier.items() if place[0] == self._topics[0]}
        )
        await asyncio.to_thread(self._rest.drop)

    async def _save(self, **changes: Any) -> None:
        """Save the changed state. Raises `UserError` when another process has taken over."""
        self.state = await asyncio.to_thread(self._states.save, self.state.changed(**changes))


async def _nothing(next_offsets: Mapping[Place, int]) -> None:
    return None
