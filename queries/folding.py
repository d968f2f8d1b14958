"""What every fold of events starts from: one row an event, the copy in force, in the order of (occurred, event id)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

Row = dict[str, Any]
Place = tuple[datetime, int]
"""Where an event stands among all others: when it occurred, and its id as it reads."""


def place_of(row: Row) -> Place:
    """Where the row's event stands."""
    return row["occurred_at"], row["event_id"].int


def in_force(rows: Iterable[Row]) -> list[Row]:
    """One row an event, the copy of the largest (version, fingerprint), by (occurred, event id)."""
    best: dict[UUID, Row] = {}
    for row in rows:
        known = best.get(row["event_id"])
        if known is None or _rank(row) > _rank(known):
            best[row["event_id"]] = row
    return sorted(best.values(), key=place_of)


def _rank(row: Row) -> tuple[Any, Any]:
    return row["version"], row["fingerprint"]
