"""Reads what alert rules evaluate in the store, events with a believable time, and what live detection reported of
them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import pyarrow as pa

from queries.scope import SCOPE, scoped
from queries.store import BULK_LIMITS, Store
from schemas.alerts import Detected, read_alert_record
from schemas.facts import Facts

_RANGE: Final = (
    "{column} >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')"
    " AND {column} < fromUnixTimestamp64Micro({{until:Int64}}, 'UTC')"
)
_SEEN: Final = (
    f"{SCOPE} AND time_quality = 'ok' AND {_RANGE.format(column='occurred_at')}"
    " AND (kind != 'other' OR has({types:Array(String)}, event_type) OR notEmpty(drift))"
)


class PastEvents(NamedTuple):
    """Selects events for alert rules."""

    organization: str | None
    """None selects every organization."""
    types: tuple[str, ...]
    """Event types that the rules name in addition to those of provisioning."""
    since: int
    """Microseconds since 1970."""
    until: int

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the statements."""
        return {**self._asdict(), **scoped(self.organization), "types": list(self.types)}


def minutes_of(store: Store, evidence: PastEvents) -> list[tuple[int, int]]:
    """Return (minute in seconds since 1970, number of events) for each minute with events."""
    sql = (
        f"SELECT toUnixTimestamp(toStartOfMinute(occurred_at)) AS minute, count() FROM events WHERE {_SEEN}"
        " GROUP BY minute ORDER BY minute"
    )
    return store.query(sql, evidence.parameters(), BULK_LIMITS)


def disputed(store: Store, evidence: PastEvents) -> dict[bytes, int]:
    """Return the version in force for events whose copies contradict."""
    sql = f"SELECT event_id, max(version) FROM events WHERE {_SEEN} GROUP BY event_id HAVING uniqExact(fingerprint) > 1"
    return {event_id.bytes: version for event_id, version in store.query(sql, evidence.parameters(), BULK_LIMITS)}


def read_evidence(store: Store, evidence: PastEvents, *, with_body: bool) -> pa.Table:
    """Return the rows as a table with the columns of `Facts` and `streams.alerts.seen.Seen`.

    Of copies of an event with the same time only the best is returned.
    """
    sql = (
        "SELECT organization, event_id, toUnixTimestamp64Micro(occurred_at) AS at,"
        " toUnixTimestamp64Milli(known_at) AS known_ms, version, incident_id, notEmpty(drift) AS drifted, fresh,"
        f" {'raw' if with_body else repr('')} AS body, {', '.join(Facts._fields)} FROM events WHERE {_SEEN}"
        " ORDER BY occurred_at, event_id, version DESC LIMIT 1 BY organization, event_id, occurred_at"
    )
    return store.query_arrow(sql, evidence.parameters())


def told_of(store: Store, evidence: PastEvents, rule_ids: list[str]) -> list[Detected]:
    """Return the last detection of each alert of these rules that opened in the range."""
    sql = (
        "SELECT argMax(body, (log_partition, log_offset)) FROM alert_records"
        f" WHERE {SCOPE} AND record = 'detected' AND rule_id IN {{rules:Array(String)}}"
        f" AND {_RANGE.format(column='opened_at')} GROUP BY organization, alert_id"
    )
    asked: dict[str, Any] = {**evidence.parameters(), "rules": rule_ids}
    records = [read_alert_record(body.encode()) for (body,) in store.query(sql, asked, BULK_LIMITS)]
    return [record for record in records if isinstance(record, Detected)]
