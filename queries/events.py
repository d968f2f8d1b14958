"""Reads events: lists in pages, and one event with all its copies. The copy in force is shown."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.cursor import Cursor, decode_cursor, encode_cursor, question_of
from queries.scope import SCOPE, scoped
from queries.selection import IN_FORCE, Selection
from queries.store import Store, as_bytes
from schemas.envelope import Trust
from schemas.errors import NotFound
from schemas.events import Event, parse
from schemas.jsontext import decode_object
from schemas.normal_form import Relation, relation
from schemas.times import to_microseconds

COLUMNS: Final = (
    "event_id", "organization", "event_type", "occurred_at", "occurred_text", "time_quality", "known_at", "kind",
    "action", "outcome", "cause", "attribute", "http_status", "scim_type", "detail", "retryable", "subject_id",
    "subject_type", "subject_name", "subject_email", "application_id", "application_name", "integration_id",
    "actor_id", "actor_type", "actor_name", "account_state", "changed", "flags", "source", "trust", "incident_id",
)  # fmt: skip
_LIST: Final = ", ".join(COLUMNS)
MAX_COPIES: Final = 100
ROUNDS: Final = 5
"""How often a page is refilled when copies took places in it; after that a short page is returned."""
FEW: Final = 50
"""Ids that are looked up by their index. Each finds one block in a hundred by mistake, so more of them leave hardly a
block out, and asking the index takes longer than reading all ids."""

Row = dict[str, Any]


class Page(NamedTuple):
    """A page of events, the newest first, and the cursor of the next page; None on the last page."""

    items: list[Row]
    next: str | None


def places_sql(selection: Selection, *, after: bool) -> str:
    """Return the SQL of places of copies that meet the conditions, newest first.

    It reads in the order of the primary key and ends at its limit. `LIMIT BY` would have it read the whole range.
    """
    keyset = ""
    if after:
        # The first condition alone lets ClickHouse skip newer rows.
        keyset = (
            " AND occurred_at <= fromUnixTimestamp64Micro({after_at:Int64}, 'UTC')"
            " AND (occurred_at, event_id) < (fromUnixTimestamp64Micro({after_at:Int64}, 'UTC'), {after_id:UUID})"
        )
    return (
        "SELECT occurred_at, event_id FROM events"
        f" WHERE {SCOPE} AND {selection.range_sql()} AND {selection.filter_sql()}{keyset}"
        " ORDER BY occurred_at DESC, event_id DESC LIMIT {limit:UInt32}"
    )


def rows_sql(selection: Selection, ids: int) -> str:
    """Return the SQL of the events with given ids, so many, whose copy in force meets the conditions."""
    return (
        f"SELECT {_LIST} FROM (SELECT * EXCEPT (raw) FROM events"
        f" WHERE {SCOPE} AND event_id IN {{ids:Array(UUID)}}"
        f" ORDER BY {IN_FORCE} DESC LIMIT 1 BY event_id) WHERE {selection.range_sql()} AND {selection.filter_sql()}"
        + " SETTINGS use_skip_indexes = 0"
        * (ids > FEW)
    )


def list_events(store: Store, selection: Selection, cursor: str | None, limit: int) -> Page:
    """Return a page of at most `limit` events. Raises `BadUsage` for a cursor of another question."""
    question = question_of(selection)
    after = decode_cursor(cursor, question) if cursor else None
    if after is not None:
        selection = replace(selection, since=after.since, until=after.until)
    parameters = selection.parameters()
    items: list[Row] = []
    each = 2  # copies of an event, until more are seen
    for _ in range(ROUNDS):
        missing = limit - len(items)
        most = each * missing + 1
        where = parameters | {"limit": most}
        if after is not None:
            where |= {"after_at": to_microseconds(after.at), "after_id": str(after.id)}
        copies = store.query(places_sql(selection, after=after is not None), where)
        places = list(dict.fromkeys(copies))
        taken = places[:missing]
        items += _in_force_at(store, selection, parameters, taken)
        if len(copies) < most and len(places) <= missing:
            return Page(items, None)
        each = max(each, ceil(len(copies) / len(places)))
        after = Cursor(taken[-1][0], taken[-1][1], selection.since, selection.until)
        if len(items) == limit:
            break
    assert after is not None
    return Page(items, encode_cursor(after, question))


def _in_force_at(
    store: Store, selection: Selection, parameters: dict[str, Any], places: list[tuple[Any, ...]]
) -> list[Row]:
    if not places:
        return []
    ids = [str(event_id) for _, event_id in places]
    found = store.query_dicts(rows_sql(selection, len(ids)), parameters | {"ids": ids})
    rows = {(row["occurred_at"], row["event_id"]): row for row in found}
    return [rows[place] for place in places if place in rows]


@dataclass(frozen=True, slots=True)
class Copy:
    """One record of an event on the log."""

    raw: bytes
    digest: str
    """The SHA-256 of `raw` in hex, equal to the header `idtrail_digest`."""
    fingerprint: str
    source: str
    trust: str
    known_at: datetime
    """When the broker appended it."""
    received_at: datetime
    redacted: bool
    schema_version: int | None
    """The version that the record names; None for the vendor's records, which name none."""
    topic: str
    partition: int
    offset: int
    place: str
    """`topic[partition]@offset`"""
    in_force: bool
    relation: Relation
    """How the copy relates to the copy in force."""


class Detail(NamedTuple):
    """One event in full."""

    event: Row
    """The facts of the copy in force."""
    copies: list[Copy]
    """The copies, the one in force first."""


ONE: Final = (
    f"SELECT {_LIST}, raw, fingerprint, received_at, redacted, log_topic, log_partition, log_offset, schema_version"
    f" FROM events WHERE {SCOPE} AND event_id = {{event_id:UUID}} ORDER BY {IN_FORCE} DESC, log_offset"
    f" LIMIT 1 BY fingerprint LIMIT {MAX_COPIES}"
)
"""Selects the copies of one event, the one in force first. Of repeats of a copy it takes the earliest known."""


def get_event(store: Store, organization: str | None, event_id: UUID) -> Detail:
    """Return an event with its copies. Raises `NotFound`, also for an event of an organization that may not be seen."""
    rows = store.query_dicts(ONE, {**scoped(organization), "event_id": str(event_id)})
    if not rows:
        raise NotFound(f"no event {event_id}")
    best = rows[0]
    return Detail({name: best[name] for name in COLUMNS}, [_copy(row, best) for row in rows])


def _copy(row: Row, best: Row) -> Copy:
    raw = as_bytes(row["raw"])
    topic, partition, offset = row["log_topic"], row["log_partition"], row["log_offset"]
    return Copy(
        raw=raw,
        digest=hashlib.sha256(raw).hexdigest(),
        fingerprint=as_bytes(row["fingerprint"]).hex(),
        source=row["source"],
        trust=Trust(row["trust"]).name.lower(),
        known_at=row["known_at"],
        received_at=row["received_at"],
        redacted=row["redacted"],
        schema_version=row["schema_version"] or None,
        topic=topic,
        partition=partition,
        offset=offset,
        place=f"{topic}[{partition}]@{offset}",
        in_force=row is best,
        relation=Relation.SAME if row is best else relation_of(as_bytes(best["raw"]), raw),
    )


def relation_of(best: bytes, other: bytes) -> Relation:
    """Return how another copy of an event relates to the one in force."""
    return relation(decode_object(best), decode_object(other))


def stored_event(row: Row) -> Event:
    """Return the typed event of a row with `raw`, `event_type` and `schema_version`."""
    return parse(as_bytes(row["raw"]), row["event_type"], row["schema_version"] or None)
