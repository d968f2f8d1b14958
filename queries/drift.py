"""What is new in the records that came in: findings of `schemas.drift`, counted by distinct events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.scope import SCOPE, scoped
from queries.store import Store, as_bytes
from schemas.credentials import MARK
from schemas.drift import Novelty, example
from schemas.jsontext import decode_object
from schemas.shape import shape
from schemas.versions import upcast

Row = dict[str, Any]


class Drifts(NamedTuple):
    """Findings, the latest first."""

    items: list[Row]
    total: int
    """The number of findings, including those beyond the limit."""


# If two findings share a slot, both are returned with the events of both.
_SLOTS: Final = f"""
SELECT organization, min(first_name) AS low, max(last_name) AS high, uniqCombined64MergeState(events) AS ids,
    min(first_seen) AS slot_first, max(last_seen) AS slot_last, argMinMerge(first_sample) AS low_sample,
    argMaxMerge(last_sample) AS high_sample
FROM schema_drift
WHERE {SCOPE} AND day >= {{since:Date}} AND day <= {{until:Date}}
GROUP BY organization, day, event_type, slot
"""
FINDINGS: Final = f"""
SELECT organization, named.1 AS finding, uniqCombined64Merge(ids) AS events, min(slot_first) AS first,
    max(slot_last) AS last, argMin(named.2, (slot_first, named.2)) AS sample, max(low != high) AS at_most,
    count() OVER () AS total
FROM (
    SELECT *, arrayJoin(if(low = high, [(low, low_sample)], [(low, low_sample), (high, high_sample)])) AS named
    FROM ({_SLOTS})
)
GROUP BY organization, finding
ORDER BY last DESC, organization, finding
LIMIT {{limit:UInt32}}
"""
"""Selects one row per finding."""
SAMPLES: Final = (
    f"SELECT event_id, raw, schema_version FROM events WHERE {SCOPE} AND event_id IN {{samples:Array(UUID)}}"
    " LIMIT 4 BY event_id LIMIT {limit:UInt32}"
)
"""Selects the bytes of events by id, a few copies of each: not every copy need have what was found."""


def list_drift(store: Store, organization: str | None, since: datetime, until: datetime, limit: int) -> Drifts:
    """Return findings of events that came in on the days from `since` to `until`, both included.

    An event counts once, however often it came. `first` and `last` are when the events occurred.
    """
    own = scoped(organization)
    days = {"since": since.date(), "until": until.date(), "limit": limit}
    rows = store.query_dicts(FINDINGS, own | days)
    samples = {"samples": [str(row["sample"]) for row in rows], "limit": 4 * len(rows)}
    records: dict[UUID, list[dict[str, Any]]] = {}
    for event_id, raw, version in store.query(SAMPLES, own | samples) if rows else ():
        record = decode_object(as_bytes(raw))
        records.setdefault(event_id, []).append(upcast(record, version or None))
    return Drifts([_told(row, records.get(row["sample"], [])) for row in rows], rows[0]["total"] if rows else 0)


def _told(row: Row, copies: list[dict[str, Any]]) -> Row:
    finding = Novelty.of_text(row["finding"])
    values = [value for copy in copies if (value := example(copy, finding)) is not None]
    return {
        "organization": row["organization"],
        "kind": finding.kind.value,
        "event_type": finding.event_type,
        "name": finding.name,
        "expected": finding.expected.split("|") if finding.expected else [],
        "found": finding.found,
        "events": row["events"],
        "at_most": bool(row["at_most"]),
        "first": row["first"],
        "last": row["last"],
        "sample": row["sample"],
        "shape": "" if not values else "cut out as a secret" if values[0] == MARK else shape(values[0]),
    }
