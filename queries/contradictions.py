"""Finds events whose copies contradict each other, in batches: a store of a million of them takes some hundred
statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from queries.events import MAX_COPIES, relation_of
from queries.pieces import pieces, within
from queries.selection import IN_FORCE
from queries.store import BULK_LIMITS, Store, as_bytes
from schemas.normal_form import Relation
from schemas.times import SENTINEL, to_microseconds

EVENTS_AT_ONCE: Final = 1_000_000
"""Events whose copies one statement counts."""
READ_AT_ONCE: Final = 1_000
"""Events with several copies that one statement reads."""
READ_BYTES: Final = 32 * 1024 * 1024
"""Bytes of copies that are read at once, unless one event has more."""

_SEVERAL: Final = (
    "SELECT organization, toString(event_id) FROM events WHERE cityHash64(event_id) % {shards:UInt32} = {shard:UInt32}"
    " GROUP BY organization, event_id HAVING uniqExact(fingerprint) > 1 ORDER BY organization, event_id"
)
_SINCE: Final = "occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
# By the id alone, which contains the organization: grouping by both takes four times as long.
_LATELY: Final = (
    "SELECT organization, toString(event_id), (uniqExact(fingerprint), max(version)) AS copies, max(known_at) AS known,"
    " argMax(subject_id, version), argMax(application_id, version)"
    f" FROM events WHERE {_SINCE} AND event_id GLOBAL IN (SELECT event_id FROM events WHERE {_SINCE}"
    " GROUP BY event_id HAVING min(fingerprint) != max(fingerprint)) GROUP BY organization, event_id"
    " ORDER BY known DESC, event_id LIMIT {limit:UInt32}"
)
_SIZES: Final = (
    f"SELECT toString(event_id), sum(length(raw)) FROM events WHERE event_id IN {{ids:Array(UUID)}} AND {_SINCE}"
    " GROUP BY event_id ORDER BY event_id"
)
# The copy in force comes first, the same one that `queries.events` shows.
_COPIES: Final = (
    "SELECT organization, toString(event_id) AS id, raw, log_topic, log_partition, log_offset FROM ("
    f"SELECT * FROM events WHERE event_id IN {{ids:Array(UUID)}} AND {_SINCE}"
    f" ORDER BY organization, event_id, {IN_FORCE} DESC, log_offset LIMIT 1 BY organization, event_id, fingerprint)"
    f" ORDER BY organization, event_id, {IN_FORCE} DESC, log_offset LIMIT {MAX_COPIES} BY organization, event_id"
)


class Contradiction(NamedTuple):
    """An event whose copies contradict, and the places of the copies."""

    organization: str
    event_id: str
    in_force: str
    """`topic[partition]@offset`"""
    conflicting: list[str]
    """The places of the copies that contradict the one in force."""


class Several(NamedTuple):
    """An event with copies that differ."""

    organization: str
    event_id: str
    copies: tuple[int, int]
    """The number of copies and the version of the one in force. If both are unchanged, so is the verdict."""
    known_at: datetime
    """When the last copy arrived."""
    subject_id: str
    application_id: str


def contradictions(store: Store) -> Iterator[Contradiction]:
    """Yield events with a copy that contradicts the one in force, by organization and id within parts of the store.

    Copies that only say more or less, or were stored twice, do not contradict.
    """
    ((count,),) = store.query("SELECT count() FROM events")
    shards = count // EVENTS_AT_ONCE + 1
    for shard in range(shards):
        several = store.query(_SEVERAL, {"shards": shards, "shard": shard}, BULK_LIMITS)
        yield from contradictions_among(store, [event_id for _, event_id in several])


def contradictions_among(store: Store, event_ids: Sequence[str], since: datetime = SENTINEL) -> Iterator[Contradiction]:
    """Yield the contradictions among events with these ids. With `since`, only copies that occurred since then are
    compared."""
    for read in pieces(event_ids, READ_AT_ONCE):
        asked = {"since": to_microseconds(since)}
        for some in within(store.query(_SIZES, {**asked, "ids": sorted(set(read))}, BULK_LIMITS), READ_BYTES):
            yield from _judged(store.query(_COPIES, {**asked, "ids": some}, BULK_LIMITS))


def several_copies(store: Store, since: datetime, limit: int) -> list[Several]:
    """Return events since a time whose copies differ, contradicting or not; the latest known come first."""
    return [Several(*row) for row in store.query(_LATELY, {"since": to_microseconds(since), "limit": limit})]


def _judged(rows: Sequence[tuple[Any, ...]]) -> Iterator[Contradiction]:
    for (organization, event_id), copies in groupby(rows, key=lambda row: (row[0], row[1])):
        (_, _, best, *at), *others = copies
        places = [
            "{}[{}]@{}".format(*place)
            for _, _, raw, *place in others
            if relation_of(as_bytes(best), as_bytes(raw)) is Relation.CONFLICT
        ]
        if places:
            yield Contradiction(organization, event_id, "{}[{}]@{}".format(*at), places)
