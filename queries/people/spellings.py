"""Reads how full names are spelt. The store has them in lower case for comparison; the events have them as sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from queries.people.aliases import Alias
from queries.selection import IN_FORCE
from queries.store import SMALL_LIMITS, Store, as_bytes
from schemas.events import parse
from schemas.identifiers import IdentifierKind, full_name
from schemas.times import to_microseconds

MAX_READ: Final = 100
"""Events whose bytes are read."""
SPELLINGS: Final = (
    "SELECT event_id, raw FROM events WHERE organization = {organization:String}"
    " AND occurred_at IN (SELECT arrayJoin(arrayMap(t -> fromUnixTimestamp64Micro(t, 'UTC'), {times:Array(Int64)})))"
    f" AND event_id IN {{events:Array(UUID)}} ORDER BY {IN_FORCE} DESC LIMIT 1 BY event_id LIMIT {MAX_READ}"
)


def read_spellings(store: Store, organization: str, aliases: Iterable[Alias]) -> dict[UUID, str]:
    """Return the full names among the aliases as their first events spell them, by event."""
    names = {alias.first_event: alias for alias in aliases if alias.kind == IdentifierKind.FULL_NAME}
    if not names:
        return {}
    read = {
        "organization": organization,
        "times": sorted({to_microseconds(alias.since) for alias in names.values()}),
        "events": sorted(map(str, names)),
    }
    rows = store.query(SPELLINGS, read, SMALL_LIMITS)
    return {own: full_name(parse(as_bytes(raw)), names[own].value) for own, raw in rows}
