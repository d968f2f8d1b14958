"""Compares what the store holds of a stretch of the log with the log itself. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import pyarrow as pa

from queries.arrow import (
    ALERT_RECORDS_ARROW_SCHEMA,
    DEAD_LETTERS_ARROW_SCHEMA,
    EVENTS_ARROW_SCHEMA,
    LETTER_DECISIONS_ARROW_SCHEMA,
)
from queries.pieces import IDS_AT_ONCE, pieces
from queries.store import BULK_LIMITS, Store
from schemas.letters import Coordinates

PLACES_AT_ONCE: Final = 400
"""Places of unreadable records; a topic's name has up to 249 characters."""

_COLUMNS: Final = (
    "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String} ORDER BY position"
)
_STRETCH: Final = (
    "log_topic = {topic:String} AND log_partition = {partition:UInt16}"
    " AND log_offset >= {first:UInt64} AND log_offset < {end:UInt64}"
)
_BY_KEY: Final = (
    "SELECT organization, UUIDStringToNum(toString(event_id)), fingerprint, toUnixTimestamp64Micro(occurred_at),"
    " {trust} AS own_trust, max(version) FROM {table} WHERE event_id IN {{ids:Array(UUID)}}"
    " GROUP BY organization, event_id, fingerprint, occurred_at, own_trust"
)
_ELSEWHERE: Final = (
    "SELECT log_topic, log_partition, log_offset, {own}, organization FROM {table} WHERE {outside}"
    " ORDER BY log_topic, log_partition, log_offset LIMIT {{limit:UInt32}}"
)
_LETTERED: Final = "SELECT position FROM dead_letters WHERE position IN {positions:Array(String)}"
_BY_LETTER: Final = "SELECT {columns} FROM {table} WHERE letter_id IN {{ids:Array(UUID)}}"
_TOLD_APART_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "dead_letters": (),
    "letter_decisions": ("log_topic", "log_partition", "log_offset"),
}
"""The key besides the letter's id: a letter is stored once, however often it was logged, but each decision
separately."""

COPIED: Final[Mapping[str, bool]] = {"events": True, "events_by_subject": True, "attempts_by_application": False}
"""Tables with one row per record: of every record, or only of attempts at an application."""
_BY_TRUST: Final = frozenset({"events_by_subject"})
"""Tables with a separate row for the copies of each trust."""

_MERGED: Final[Mapping[str, str]] = {"dead_letters": " FINAL"}
"""A letter's row is written again with each decision about it, and exists twice until the store merges them."""

ALERTS: Final = "alert_records"
"""Also a row per record: each stands for itself, at its own place."""


class BadRecord(NamedTuple):
    """One bad record."""

    kind: str
    """`missing`, `extra`, `altered` or `doubled`."""
    table: str
    place: Coordinates
    event_id: str
    """The event's id, or the letter's or the alert's."""
    organization: str
    known_ms: int
    """When it was logged; 0 if the log has no such record."""
    detail: str
    """Which columns differ, or how often it is stored."""


class Compared(NamedTuple):
    """The result of comparing one table with one stretch."""

    repeats: int
    """Records that are stored from another place: the same copy was logged more than once."""
    findings: list[BadRecord]


class Reader:
    """Reads the tables' rows of stretches, in the log's types."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._schemas = {table: self._schema(table) for table in COPIED}
        self._schemas |= {"dead_letters": DEAD_LETTERS_ARROW_SCHEMA, "letter_decisions": LETTER_DECISIONS_ARROW_SCHEMA}
        self._schemas[ALERTS] = ALERT_RECORDS_ARROW_SCHEMA

    def _schema(self, table: str) -> pa.Schema:
        columns = {name for (name,) in self._store.query(_COLUMNS, {"database": self._store.database, "table": table})}
        return pa.schema([field for field in EVENTS_ARROW_SCHEMA if field.name in columns])

    def compare(self, table: str, logged: pa.Table, topic: str, partition: int, first: int, end: int) -> Compared:
        """Compare a table with a stretch of the log. `logged`: all readable records of the stretch."""
        if not COPIED[table]:
            attempts = zip(logged["kind"].to_pylist(), logged["application_id"].to_pylist(), strict=True)
            logged = logged.filter(pa.array([kind != "other" and application != "" for kind, application in attempts]))
        return self._judge(table, logged, topic, partition, first, end)

    def compare_letters(
        self, table: str, logged: pa.Table, topic: str, partition: int, first: int, end: int
    ) -> list[BadRecord]:
        """Compare dead letters, or decisions about them, with a stretch. `logged`: those of the stretch.

        A decision contains its letter again, which is stored at the letter's own place.
        """
        places = zip(logged["log_topic"].to_pylist(), logged["log_partition"].to_pylist(), strict=True)
        here = [place == (topic, partition) for place in places]
        own = _taken(logged, [row for row, is_here in enumerate(here) if is_here])
        elsewhere = self._missing_letters(table, logged, [row for row, is_here in enumerate(here) if not is_here])
        return [
            *self._judge(table, own, topic, partition, first, end).findings,
            *(_finding("missing", table, logged, row, "") for row in elsewhere),
        ]

    def compare_alerts(self, logged: pa.Table, topic: str, partition: int, first: int, end: int) -> list[BadRecord]:
        """Compare records of alerts with a stretch."""
        return self._judge(ALERTS, logged, topic, partition, first, end).findings

    def _judge(self, table: str, logged: pa.Table, topic: str, partition: int, first: int, end: int) -> Compared:
        schema = self._schemas[table]
        logged = logged.select(schema.names)
        shown = ", ".join(_shown(field) for field in schema)
        stored = self._store.query_arrow(
            f"SELECT {shown} FROM {table}{_MERGED.get(table, '')} WHERE {_STRETCH} ORDER BY log_offset",
            {"topic": topic, "partition": partition, "first": first, "end": end},
        ).cast(schema)
        if logged.equals(stored):
            return Compared(0, [])
        ours: list[Any] = logged["log_offset"].to_pylist()
        theirs: list[Any] = stored["log_offset"].to_pylist()
        times = Counter(theirs)
        rows = {offset: row for row, offset in enumerate(ours)}
        found = {offset: row for row, offset in enumerate(theirs)}
        findings = [
            _finding("extra", table, stored, row, "the log has no such record", unknown=True)
            for row, offset in enumerate(theirs)
            if offset not in rows
        ]
        findings += [
            _finding("doubled", table, logged, rows[offset], f"{count} times")
            for offset, count in times.items()
            if count > 1 and offset in rows
        ]
        common = [offset for offset in rows if offset in found]
        differing = _differing(
            _taken(logged, [rows[offset] for offset in common]), _taken(stored, [found[offset] for offset in common])
        )
        findings += [
            _finding("altered", table, logged, rows[common[row]], ", ".join(columns))
            for row, columns in sorted(differing.items())
        ]
        absent = [rows[offset] for offset in rows if offset not in found]
        missing = self._missing(table, logged, absent)
        findings += [_finding("missing", table, logged, row, "") for row in missing]
        return Compared(len(absent) - len(missing), findings)

    def _missing(self, table: str, logged: pa.Table, absent: Sequence[int]) -> Sequence[int]:
        """Return which rows without a stored place are missing: nothing else stands for them."""
        if table == ALERTS:
            return absent
        return (self._missing_copies if table in COPIED else self._missing_letters)(table, logged, absent)

    def _missing_copies(self, table: str, logged: pa.Table, absent: Sequence[int]) -> list[int]:
        """Return which rows without a stored place have no stored copy from another place, or only one of lower rank.

        The store's merges keep the highest version.
        """
        missing = []
        for some in pieces(absent, IDS_AT_ONCE):
            rows = _taken(logged, some)
            ids: list[Any] = rows["event_id"].to_pylist()
            asked = {"ids": sorted({str(UUID(bytes=event_id)) for event_id in ids})}
            apart = table in _BY_TRUST
            sql = _BY_KEY.format(table=table, trust="trust" if apart else "0")
            stored = self._store.query(sql, asked, BULK_LIMITS)
            versions = {tuple(key): version for *key, version in stored}
            keys = zip(
                rows["organization"].to_pylist(),
                ids,
                rows["fingerprint"].to_pylist(),
                rows["occurred_at"].cast(pa.int64()).to_pylist(),
                rows["trust"].to_pylist() if apart else [0] * len(ids),
                strict=True,
            )
            missing += [
                row
                for row, key, version in zip(some, keys, rows["version"].to_pylist(), strict=True)
                if key not in versions or versions[key] < version
            ]
        return missing

    def outside(self, table: str, ends: Mapping[tuple[str, int], tuple[int, int]], limit: int) -> list[BadRecord]:
        """Return rows whose place is on no partition of the log, before its beginning or after its end."""
        conditions = []
        parameters: dict[str, Any] = {"limit": limit}
        for n, ((topic, partition), (begin, end)) in enumerate(ends.items()):
            conditions.append(
                f"NOT (log_topic = {{t{n}:String}} AND log_partition = {{p{n}:UInt16}}"
                f" AND log_offset >= {{b{n}:UInt64}} AND log_offset < {{e{n}:UInt64}})"
            )
            parameters |= {f"t{n}": topic, f"p{n}": partition, f"b{n}": begin, f"e{n}": end}
        own = "lower(hex(alert_id))" if table == ALERTS else "toString(event_id)"
        sql = _ELSEWHERE.format(table=table, own=own, outside=" AND ".join(conditions) or "1")
        return [
            BadRecord("extra", table, Coordinates(*place), event_id, organization, 0, "no such place on the log")
            for *place, event_id, organization in self._store.query(sql, parameters, BULK_LIMITS)
        ]

    def unlettered(self, places: Collection[str]) -> set[str]:
        """Return the places of unreadable records that no dead letter mentions."""
        found: set[str] = set()
        for some in pieces(sorted(places), PLACES_AT_ONCE):
            found |= {row[0] for row in self._store.query(_LETTERED, {"positions": list(some)}, BULK_LIMITS)}
        return set(places) - found

    def _missing_letters(self, table: str, logged: pa.Table, absent: Sequence[int]) -> list[int]:
        """Return which rows without a stored place are not stored from another place either."""
        missing = []
        more = _TOLD_APART_BY[table]
        sql = _BY_LETTER.format(columns=", ".join(("UUIDStringToNum(toString(letter_id))", *more)), table=table)
        for some in pieces(absent, IDS_AT_ONCE):
            rows = _taken(logged, some)
            keys: list[Any] = list(zip(*(rows[name].to_pylist() for name in ("letter_id", *more)), strict=True))
            asked = {"ids": sorted({str(UUID(bytes=letter_id)) for letter_id, *_ in keys})}
            known = {tuple(row) for row in self._store.query(sql, asked, BULK_LIMITS)}
            missing += [row for row, key in zip(some, keys, strict=True) if key not in known]
        return missing


def _taken(rows: pa.Table, numbers: Sequence[int]) -> pa.Table:
    """Return these rows. Without numbers Arrow could not infer their type."""
    return rows.take(pa.array(numbers, pa.int64()))


def _shown(field: pa.Field[Any]) -> str:
    """Return the SQL of a column in the log's type."""
    name = field.name
    if name in ("event_id", "letter_id", "act_id"):
        return f"UUIDStringToNum(toString({name})) AS {name}"
    if pa.types.is_timestamp(field.type):
        return f"toUnixTimestamp64{'Micro' if field.type.unit == 'us' else 'Milli'}({name}) AS {name}"
    if pa.types.is_list(field.type):
        return f"arrayMap(one -> toString(one), {name}) AS {name}"
    return name


def _differing(ours: pa.Table, theirs: pa.Table) -> dict[int, list[str]]:
    """Return the differing columns by row."""
    found: dict[int, list[str]] = {}
    for name in ours.column_names:
        if ours[name].equals(theirs[name]):
            continue
        for row, (mine, other) in enumerate(zip(ours[name].to_pylist(), theirs[name].to_pylist(), strict=True)):
            if mine != other:
                found.setdefault(row, []).append(name)
    return found


def _finding(kind: str, table: str, rows: pa.Table, row: int, detail: str, *, unknown: bool = False) -> BadRecord:
    def value(name: str) -> Any:
        return rows[name][row].as_py()

    known_ms = (
        0 if unknown else rows["known_at"][row].cast(pa.int64()).as_py() if "known_at" in rows.column_names else 0
    )
    return BadRecord(
        kind,
        table,
        Coordinates(value("log_topic"), value("log_partition"), value("log_offset")),
        bytes(value("alert_id")).hex()
        if table == ALERTS
        else str(UUID(bytes=value("event_id" if table in COPIED else "letter_id"))),
        value("organization"),
        known_ms,
        detail,
    )
