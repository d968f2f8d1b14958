"""Reads how people and groups were called at a time, as known at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from queries.pieces import IDS_AT_ONCE, pieces
from queries.store import Store
from schemas.times import to_microseconds

_THEN: Final = (
    "time_quality = 'ok' AND occurred_at <= fromUnixTimestamp64Micro({at:Int64}, 'UTC')"
    " AND known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC')"
)
_NAMES: Final = (
    "SELECT id, argMax(name, (occurred_at, event_id, version)) FROM ("
    "SELECT subject_id AS id, subject_name AS name, occurred_at, event_id, version FROM events_by_subject"
    f" WHERE organization = {{organization:String}} AND id IN {{ids:Array(String)}} AND name != '' AND {_THEN}"
    " UNION ALL SELECT group_id AS id, group_name AS name, occurred_at, event_id, version FROM associations"
    f" WHERE organization = {{organization:String}} AND id IN {{ids:Array(String)}} AND name != '' AND {_THEN}"
    ") GROUP BY id LIMIT {limit:UInt32}"
)
"""Of many a group, the log has no event but who was added to it."""


def names_at(store: Store, organization: str, ids: Sequence[str], at: datetime, known_at: datetime) -> dict[str, str]:
    """Return the names by id, each from the last event until then that has one."""
    values: dict[str, Any] = {
        "organization": organization,
        "at": to_microseconds(at),
        "known": to_microseconds(known_at),
    }
    found: dict[str, str] = {}
    for some in pieces(ids, IDS_AT_ONCE):
        found |= store.query(_NAMES, values | {"ids": list(some), "limit": len(some)})
    return found
