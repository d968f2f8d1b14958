"""Finds copies of events that a better copy overrules, whatever that one is about: somebody else, another application,
a sign-in, or nothing that its reader asked for.

Only copies that came by ways open to many are looked up. Copies from the vendor's own ways, and all copies in
organizations that have no such way, are ranked by the reader, among those read about the same subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from queries.accounts.folding import Rank, Row, rank_of
from queries.pieces import IDS_AT_ONCE, pieces
from queries.selection import IN_FORCE
from queries.store import BULK_LIMITS, SMALL_LIMITS, Store
from schemas.envelope import TRUST_STEP, Trust
from schemas.times import LATEST, to_microseconds

_FOUND: Final[WeakKeyDictionary[Store, set[str]]] = WeakKeyDictionary()
"""Organizations that have better ways, by store."""
OPEN: Final = Trust.WEBHOOK * TRUST_STEP
"""Versions up to this belong to copies that came by ways open to many."""

_OWN: Final = "organization = {organization:String}"
BETTER_SQL: Final = f"SELECT 1 FROM events WHERE {_OWN} AND trust > {int(Trust.WEBHOOK)} LIMIT 1"
BEST_SQL: Final = (
    f"SELECT event_id, max({IN_FORCE}) FROM events WHERE {_OWN} AND event_id IN {{events:Array(UUID)}}"
    " AND known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC')"
    " GROUP BY event_id LIMIT {limit:UInt32}"
)


def has_better_ways(store: Store, organization: str) -> bool:
    """Whether any event of the organization came by a way not open to many. Once true, it is not queried again."""
    found = _FOUND.setdefault(store, set())
    if organization not in found and store.query(BETTER_SQL, {"organization": organization}, SMALL_LIMITS):
        found.add(organization)
    return organization in found


def own_rows(store: Store, organization: str, rows: Sequence[Row], known: int = to_microseconds(LATEST)) -> list[Row]:
    """Return the rows without copies that came by ways open to many and that a better copy of their event overrules,
    by what was known at a time (microseconds since 1970).

    The rows belong to one organization, and the better copy need not be among them. Each has its event_id, version and
    fingerprint.
    """
    if all(row["version"] > OPEN for row in rows) or not has_better_ways(store, organization):
        return list(rows)
    best: dict[UUID, Rank] = {}
    for row in rows:
        best[row["event_id"]] = max(rank_of(row), best.get(row["event_id"], rank_of(row)))
    doubtful = sorted(event for event, (version, _) in best.items() if version <= OPEN)
    for some in pieces(doubtful, IDS_AT_ONCE):
        values: dict[str, Any] = {
            "organization": organization,
            "events": [str(event) for event in some],
            "known": known,
            "limit": len(some),
        }
        best.update(store.query(BEST_SQL, values, BULK_LIMITS))
    return [row for row in rows if row["version"] > OPEN or rank_of(row) >= best[row["event_id"]]]
