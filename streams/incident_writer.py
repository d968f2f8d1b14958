"""Folds stored events into the rows of `incidents`: live as events come, and for older ones.

Both fold the same way, from everything that is stored, so it makes no difference which came first. Changes are
published on `idtrail.incidents` before they are stored: a kill in between publishes them twice, and never loses one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from queries.arrow import INCIDENTS_ARROW_SCHEMA
from queries.copies import better_ways
from queries.incidents.runs import copies_sql
from queries.pieces import ACCOUNTS_AT_ONCE, IDS_AT_ONCE, pieces
from queries.store import BULK_LIMITS, Store
from streams.incidents import Incident
from streams.interest import Application, Attempt, Interest, Known
from streams.runs import Refolded, refold, stored_incidents
from streams.writer import insert_patiently, patiently

SETTLE_US: Final = 10 * 60 * 1_000_000
"""How far back to look for other workers' rows: longer than a worker takes from reading the clock to its insert."""

Publish = Callable[[Sequence[Incident]], Awaitable[None]]
"""Return when the topic has confirmed all of them."""


class IncidentWriter:
    """Folds incidents anew and writes those that changed."""

    def __init__(self, store: Store, retry_seconds: float, publish: Publish) -> None:
        self._store = store
        self._retry_seconds = retry_seconds
        self._publish = publish

    async def fold(
        self, applications: Collection[Application], ids: Collection[bytes] | None = None
    ) -> tuple[list[Known], bool]:
        """Fold the given incidents of the applications, or all. Returns them as they are now, and whether any had
        changed."""
        found: list[Known] = []
        changed = False
        for some in pieces(sorted(applications), ACCOUNTS_AT_ONCE):
            for own in [None] if ids is None else pieces(sorted(ids), IDS_AT_ONCE):
                folded = await patiently(partial(refold, self._store, some, own), self._retry_seconds)
                found += folded.found
                if folded.changed:
                    changed = True
                    await self._write(folded)
        return found, changed

    async def _write(self, folded: Refolded) -> None:
        await self._publish(folded.changed)
        rows = [(*incident, folded.at) for incident in folded.changed]
        token = f"incidents:{uuid4().hex}"
        await insert_patiently(self._store, "incidents", rows, INCIDENTS_ARROW_SCHEMA, token, self._retry_seconds)

    async def settle(self, application: Application) -> None:
        """Fold all incidents of an application until a fold finds nothing new.

        The worker that follows the application live learns about a row when it is written. An event that it saw
        earlier, without knowing that it mattered, is in the store by then: the fold after the write finds it.
        """
        changed = True
        while changed:
            _, changed = await self.fold([application])

    async def copies(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Return what the stored copies of the same events say, where they do not all agree."""
        found: list[Attempt] = []
        for some in pieces(sorted(attempts, key=lambda attempt: attempt.application), ACCOUNTS_AT_ONCE):
            found += await patiently(partial(_copies, self._store, some), self._retry_seconds)
        return found

    async def read(self, organizations: Collection[str], folded_since: int) -> list[tuple[Incident, int]]:
        """Return the rows of these organizations that were folded since, each with the time of its fold."""
        return await patiently(lambda: stored_incidents(self._store, organizations, folded_since), self._retry_seconds)


def _copies(store: Store, attempts: Sequence[Attempt]) -> list[Attempt]:
    applications = sorted({attempt.application for attempt in attempts})
    parameters: dict[str, object] = {
        **better_ways(store, (organization for organization, _ in applications)),
        "ours": applications,
        "events": sorted({str(UUID(bytes=attempt.event_id)) for attempt in attempts}),
    }
    return [
        Attempt(event_id, (organization, application), *told)
        for event_id, organization, application, *told in store.query(copies_sql(), parameters, BULK_LIMITS)
    ]


class LiveIncidents:
    """Folds what fresh events change. One organization's events come to one worker."""

    def __init__(self, writer: IncidentWriter) -> None:
        self._writer = writer
        self._interest = Interest()
        self._told: dict[str, int] = {}
        """The fold up to which the stored rows are known, by organization."""

    def forget(self) -> None:
        """Forget everything after a restart or a rebalance: other workers may have folded since."""
        self._interest.clear()
        self._told.clear()

    async def take(self, attempts: Sequence[Attempt]) -> None:
        """Write every incident that these attempts change; the attempts must be in the store."""
        if not attempts:
            return
        await self._look({attempt.application[0] for attempt in attempts})
        touched = self._interest.touched([*attempts, *await self._writer.copies(self._replaced(attempts))])
        if touched:
            found, _ = await self._writer.fold(touched.keys(), set().union(*touched.values()))
            self._interest.learn(found)

    def _replaced(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """Return the attempts of which another copy may have counted so far: without incidents, none did."""
        return [attempt for attempt in attempts if self._interest.knows(attempt.application[0])]

    async def _look(self, organizations: Collection[str]) -> None:
        """Read what the backfill, here or elsewhere, has written."""
        since = min(self._told.get(organization, 0) for organization in organizations)
        rows = await self._writer.read(organizations, max(0, since - SETTLE_US))
        self._interest.learn(Known(incident) for incident, _ in rows)
        now = max((folded_at for _, folded_at in rows), default=0)
        self._told.update({organization: max(now, since) for organization in organizations})
