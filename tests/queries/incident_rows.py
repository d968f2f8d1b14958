"""Rows of `incidents` put in by hand, as the streams write them."""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import UUID

from queries.arrow import INCIDENTS_ARROW_SCHEMA, batch
from schemas.times import to_microseconds
from tests.queries.support import Trail, when
from tests.records import STATSIG

_folds = count(1)


def row(organization: str, number: int, **columns: Any) -> dict[str, Any]:
    """Incident `number`: credentials of statsig, 3 tries of 2 people from minute 1 to 3, going on."""
    base: dict[str, Any] = {
        "organization": organization,
        "incident_id": bytes.fromhex(organization)[:12] + number.to_bytes(4, "big"),
        "application_id": STATSIG["id"],
        "application_name": "statsig",
        "cause": "credentials",
        "attribute": "",
        "detail": "token expired",
        "http_status": 401,
        "attempts": 3,
        "people": 2,
        "groups": 0,
        "affected": 2,
        "first_at": when(1),
        "last_at": when(3),
        "first_event": UUID(int=1),
        "last_event": UUID(int=3),
        "episodes": 1,
        "since": columns.get("first_at", when(1)),
        "ended_at": 0,
        "ended_by": UUID(int=0),
        "change_at": 0,
        "change_event": UUID(int=0),
        "change_type": "",
        "change_actor": "",
        "folded_at": next(_folds),
    }
    assert not columns.keys() - base.keys()
    return {**base, **columns}


def put(trail: Trail, *rows: dict[str, Any]) -> None:
    """One block of them."""
    made = [[_plain(found[name]) for name in INCIDENTS_ARROW_SCHEMA.names] for found in rows]
    trail.store.insert_arrow("incidents", batch(made, INCIDENTS_ARROW_SCHEMA), f"incidents {next(_folds)}")


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.bytes
    return to_microseconds(value) if hasattr(value, "tzinfo") else value
