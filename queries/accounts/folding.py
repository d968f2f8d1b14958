"""What every fold of events starts from: one row per event, the copy in force, in the order of (occurred, event id)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

Row = dict[str, Any]
Place = tuple[datetime, int]
"""The position of an event among all others: when it occurred, and its id as a number."""
Rank = tuple[int, bytes]
"""What orders the copies of one event: the largest is in force."""


def place_of(row: Row) -> Place:
    """Return the position of the row's event."""
    return row["occurred_at"], row["event_id"].int


def rank_of(row: Row) -> Rank:
    """Return what the row's copy is ranked by."""
    return row["version"], row["fingerprint"]


def in_force(rows: Iterable[Row]) -> list[Row]:
    """Return one row per event, the copy with the largest (version, fingerprint), in the order of (occurred, event
    id)."""
    best: dict[UUID, Row] = {}
    for row in rows:
        known = best.get(row["event_id"])
        if known is None or rank_of(row) > rank_of(known):
            best[row["event_id"]] = row
    return sorted(best.values(), key=place_of)
