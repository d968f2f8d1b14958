"""Finds copies of events whose better copy is about somebody else. A reader of events by subject meets such copies.

Only copies that came by ways open to many are looked up. Among copies from the vendor's own ways, and in organizations
that have no such way, the copy about the subject counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from queries.folding import Row
from queries.pieces import pieces
from queries.selection import IN_FORCE
from queries.store import BULK_LIMITS, SMALL_LIMITS, Store
from schemas.envelope import TRUST_STEP, Trust
from schemas.times import LATEST, to_microseconds

AT_ONCE: Final = 1000
_FOUND: Final[WeakKeyDictionary[Store, set[str]]] = WeakKeyDictionary()
"""Organizations that have better ways, by store."""
OPEN: Final = Trust.WEBHOOK * TRUST_STEP
"""Versions up to this belong to copies that came by ways open to many."""

_OWN: Final = "organization = {organization:String}"
BETTER_SQL: Final = f"SELECT 1 FROM events WHERE {_OWN} AND trust > {int(Trust.WEBHOOK)} LIMIT 1"
WHOSE_SQL: Final = (
    f"SELECT DISTINCT event_id, subject_id FROM events WHERE {_OWN} AND event_id IN {{events:Array(UUID)}}"
    " LIMIT {limit:UInt32}"
)
OWNERS_SQL: Final = (
    f"SELECT event_id, argMax(subject_id, {IN_FORCE}) FROM events_by_subject WHERE {_OWN}"
    " AND subject_id IN {subjects:Array(String)} AND event_id IN {events:Array(UUID)}"
    " AND known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC') GROUP BY event_id LIMIT {limit:UInt32}"
)


def has_better_ways(store: Store, organization: str) -> bool:
    """Whether any event of the organization came by a way not open to many. Once true, it is not queried again."""
    found = _FOUND.setdefault(store, set())
    if organization not in found and store.query(BETTER_SQL, {"organization": organization}, SMALL_LIMITS):
        found.add(organization)
    return organization in found


def own_rows(store: Store, organization: str, rows: Sequence[Row], known: int = to_microseconds(LATEST)) -> list[Row]:
    """Return the rows without those whose event is about somebody else, by what was known at a time (microseconds since
    1970).

    The rows belong to one organization and any subjects, and must hold every copy of these. Each has its event_id,
    subject_id and version.
    """
    doubtful = {(row["event_id"], row["subject_id"]) for row in rows if row["version"] <= OPEN}
    if doubtful:
        doubtful -= {(row["event_id"], row["subject_id"]) for row in rows if row["version"] > OPEN}
    if not doubtful or not has_better_ways(store, organization):
        return list(rows)
    owners = dict(_owners(store, organization, sorted({event for event, _ in doubtful}), known))
    return [row for row in rows if owners.get(row["event_id"], row["subject_id"]) == row["subject_id"]]


def _owners(store: Store, organization: str, events: Sequence[UUID], known: int) -> Iterator[tuple[UUID, str]]:
    """Yield whom each event is about, for events whose copies name several subjects."""
    for some in pieces(events, AT_ONCE):
        values: dict[str, Any] = {
            "organization": organization,
            "events": [str(event) for event in some],
            "known": known,
            "limit": BULK_LIMITS.rows,
        }
        told: dict[UUID, set[str]] = {}
        for event, subject in store.query(WHOSE_SQL, values, BULK_LIMITS):
            told.setdefault(event, set()).add(subject)
        several = {event: subjects for event, subjects in told.items() if len(subjects) > 1}
        if several:
            values["events"] = sorted(str(event) for event in several)
            values["subjects"] = sorted(set().union(*several.values()))
            yield from store.query(OWNERS_SQL, values, BULK_LIMITS)
