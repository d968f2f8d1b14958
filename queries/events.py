"""Events: lists in pages, and one with all its copies. What is shown is the copy in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.cursor import Position, decode_cursor, encode_cursor
from queries.selection import Selection
from queries.store import Store
from schemas.envelope import Trust
from schemas.errors import NotFound
from schemas.jsontext import decode_object
from schemas.normal_form import Relation, relation
from schemas.times import to_microseconds

COLUMNS: Final = (
    "event_id", "organization", "event_type", "occurred_at", "occurred_text", "time_quality", "known_at", "kind",
    "action", "outcome", "cause", "attribute", "http_status", "scim_type", "detail", "retryable", "subject_id",
    "subject_type", "subject_name", "subject_email", "application_id", "application_name", "integration_id",
    "actor_id", "actor_type", "actor_name", "account_state", "changed", "flags", "source", "trust",
)  # fmt: skip
_LIST: Final = ", ".join(COLUMNS)

Row = dict[str, Any]


class Page(NamedTuple):
    """Some events, newest first, and the cursor of the next ones; None ends."""

    items: list[Row]
    next: str | None


def events_sql(selection: Selection, after: Position | None) -> str:
    """One row an event, the copy in force, newest first."""
    keyset = ""
    if after is not None:
        # The first condition alone would not let ClickHouse skip what is newer.
        keyset = (
            " AND occurred_at <= fromUnixTimestamp64Micro({after_at:Int64}, 'UTC')"
            " AND (occurred_at, event_id) < (fromUnixTimestamp64Micro({after_at:Int64}, 'UTC'), {after_id:UUID})"
        )
    return (
        f"SELECT {_LIST} FROM ("
        f"SELECT {_LIST}, version FROM events WHERE {selection.range_sql()}{keyset}"
        " ORDER BY occurred_at DESC, event_id DESC, version DESC LIMIT 1 BY occurred_at, event_id"
        f") WHERE {selection.filter_sql()}"
        " ORDER BY occurred_at DESC, event_id DESC LIMIT {limit:UInt32}"
    )


def list_events(store: Store, selection: Selection, cursor: str | None, limit: int) -> Page:
    """A page of at most `limit` events. Raises `BadUsage` for a foreign cursor."""
    question = selection.fingerprint()
    after = decode_cursor(cursor, question) if cursor else None
    parameters = selection.parameters() | {"limit": limit + 1}
    if after is not None:
        parameters |= {"after_at": to_microseconds(after.occurred_at), "after_id": str(after.event_id)}
    rows = store.query_dicts(events_sql(selection, after), parameters)
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], encode_cursor(Position(last["occurred_at"], last["event_id"]), question))


@dataclass(frozen=True, slots=True)
class Copy:
    """One record of an event, as it stands on the log."""

    raw: bytes
    fingerprint: str
    source: str
    trust: str
    known_at: Any
    received_at: Any
    redacted: bool
    place: str
    in_force: bool
    relation: Relation
    """To the copy in force."""


class Detail(NamedTuple):
    """One event whole."""

    event: Row
    """The facts of the copy in force."""
    copies: list[Copy]
    """In force first."""


_ONE: Final = (
    f"SELECT {_LIST}, raw, fingerprint, received_at, redacted, log_topic, log_partition, log_offset FROM events"
    " WHERE event_id = {event_id:UUID} ORDER BY version DESC, log_offset LIMIT 1 BY fingerprint LIMIT 100"
)


def get_event(store: Store, organization: str | None, event_id: UUID) -> Detail:
    """Raises `NotFound`, also for an event of an organization that may not be seen."""
    rows = store.query_dicts(_ONE, {"event_id": str(event_id)})
    rows = [row for row in rows if organization is None or row["organization"] == organization]
    if not rows:
        raise NotFound(f"no event {event_id}")
    best = rows[0]
    copies = [
        Copy(
            raw=_bytes(row["raw"]),
            fingerprint=_bytes(row["fingerprint"]).hex(),
            source=row["source"],
            trust=Trust(row["trust"]).name.lower(),
            known_at=row["known_at"],
            received_at=row["received_at"],
            redacted=row["redacted"],
            place=f"{row['log_topic']}[{row['log_partition']}]@{row['log_offset']}",
            in_force=row is best,
            relation=Relation.SAME if row is best else _relation(best, row),
        )
        for row in rows
    ]
    return Detail({name: best[name] for name in COLUMNS}, copies)


def _relation(best: Row, other: Row) -> Relation:
    found = relation(decode_object(_bytes(best["raw"])), decode_object(_bytes(other["raw"])))
    # The fingerprints differ, yet what is left after redaction is the same: the secrets differed.
    return Relation.CONFLICT if found is Relation.SAME else found


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
