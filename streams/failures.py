"""Folds fresh provisioning events into failure windows and incidents as they come.

The Faust table holds the set of copies. Windows are in ClickHouse before the table's entries are confirmed, and these
before incidents are folded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import uuid4

from queries.arrow import FAILURE_WINDOWS_ARROW_SCHEMA
from queries.store import Store
from schemas.events import Kind
from schemas.metrics import WINDOWS_WRITTEN
from schemas.outcome import Outcome
from schemas.signature import NONE
from streams.agent import Check
from streams.backfill import UNITS_AT_ONCE, fold_stored
from streams.copies import Copies
from streams.forwarded import Forwarded
from streams.incident_writer import LiveIncidents
from streams.interest import Attempt
from streams.windows import Copy, Unit, Window, copy_of, in_inserts, unit_of
from streams.writer import insert_patiently

TABLE: Final = "copies"
MARGIN: Final = timedelta(hours=1)
"""Minutes are kept this much longer than events are fresh: partitions of the log are not read in step."""


class Placed(NamedTuple):
    """One forwarded event, decoded for windows and incidents."""

    unit: Unit | None
    """None where its time is not credible: it belongs to no window, but may replace a copy that counted."""
    copy: Copy
    known_ms: int
    attempt: Attempt


def place(forwarded: Forwarded) -> Placed | None:
    """Return what the event means for windows and incidents; None if it is not about provisioning."""
    organization, event_id, fingerprint, version, known_ms, found, _ = forwarded
    facts = found.facts
    if facts.kind == Kind.OTHER:
        return None
    copy = copy_of(facts, event_id, fingerprint, version, found.at)
    attempt = Attempt(
        event_id,
        (organization, facts.application_id),
        found.incident_id if found.timed else NONE,
        facts.kind,
        facts.subject_id,
        found.timed and facts.outcome == Outcome.SUCCESS,
        found.at,
    )
    return Placed(unit_of(organization, found.at) if found.timed else None, copy, known_ms, attempt)


class FailureDetection:
    """The part of the agent that detects windows and incidents."""

    flush_seconds = 0.15
    tick_seconds = None

    def __init__(
        self,
        app: Any,
        store: Store,
        *,
        horizon: timedelta,
        retry_seconds: float,
        incidents: LiveIncidents,
        checkpoint: Check = lambda point: None,
    ) -> None:
        self._store = store
        self._retry_seconds = retry_seconds
        self._incidents = incidents
        self._checkpoint = checkpoint
        self._attempts: list[Attempt] = []
        self.table = app.Table(TABLE, key_type=bytes, value_type=bytes)
        self._copies = Copies(self.table, horizon + MARGIN)

    def take(self, partition: int, offset: int, forwarded: Forwarded) -> None:
        """Take an event; nothing is written before the flush."""
        placed = place(forwarded)
        if placed is not None:
            if placed.unit is not None:
                self._copies.take(partition, placed.unit, placed.copy, placed.known_ms)
            self._attempts.append(placed.attempt)

    async def flush(self, taken: int) -> int:
        """Insert the changed windows, confirm their copies, fold the changed incidents."""
        attempts, self._attempts = self._attempts, []
        windows = self._copies.changed()
        sent, self.table.sent = self.table.sent, []
        late = self._copies.late()
        if late:
            windows += await asyncio.to_thread(self._fold_late, late)
        for piece in in_inserts(windows):
            # A token of its own for each insert: which windows come together depends on the clock, and of two rows the
            # one that knows more wins anyway.
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
        self._checkpoint("copies")
        await self._incidents.take(attempts)
        self._checkpoint("incidents")
        return taken

    def _fold_late(self, late: Sequence[Unit]) -> list[Window]:
        """Fold these units from the store, which has their events: the sink inserts before it forwards."""
        windows = []
        for _, units in groupby(late, key=lambda unit: unit.organization):
            some = list(units)
            for start in range(0, len(some), UNITS_AT_ONCE):
                windows += fold_stored(self._store, some[start : start + UNITS_AT_ONCE])
        return windows

    def restore(self, held: Collection[int]) -> Iterator[None]:
        """Rebuild the state from the table."""
        self._incidents.forget()
        return self._copies.restore(held)
