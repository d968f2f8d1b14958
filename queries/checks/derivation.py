"""Compares the tables that views fill, and the windows, with what the stored events yield. Reads only.

Both sides of a table are reduced by the same statement to one row per key, as its engine's merges would do. They are
compared by a hash of each column, in parts of the keys. Data arrives during the comparison, so differences are checked
again, and only those found every time are reported.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from queries.generation import PLACED, views
from queries.pieces import IDS_AT_ONCE, pieces, within
from queries.store import BULK_LIMITS, Store, as_bytes
from queries.window_counts import COUNTED, windows_sql
from schemas.errors import Fatal

EVENTS_AT_ONCE: Final = 300_000
"""Events whose keys one statement compares."""
HASHES_AT_ONCE: Final = 6_000
"""Keys that are checked again at once: 21 bytes each."""
LOOKS: Final = 6
"""How often a difference is checked: an insert fills one table after the other."""
MOST_TOLD: Final = 100_000
"""The most differences reported for one table in one part of the keys."""
WINDOWS: Final = "failure_windows"

_NOT_COMPARED: Final = frozenset((*PLACED, "schema_drift"))
"""Tables compared with the log itself, and drift, which counts repeats that merges take out of events."""
_TIMES: Final = ("occurred_at", "window_start", "hour")
_BYTES: Final = frozenset({"fingerprint", "incident_id"})
_VIEWS: Final = (
    "SELECT name, as_select FROM system.tables WHERE database = {database:String} AND engine = 'MaterializedView'"
)
_TABLE: Final = (
    "SELECT sorting_key, engine_full FROM system.tables WHERE database = {database:String} AND name = {table:String}"
)
_COLUMNS: Final = (
    "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}"
    " ORDER BY position"
)
_VERSION: Final = re.compile(r"ReplacingMergeTree\((?:[^)]*, )?(\w+)\)")
_AGGREGATE: Final = re.compile(r"^(Simple)?AggregateFunction\((\w+)")
_DAYS: Final = (
    "SELECT toString(day), sum(copies) FROM ("
    f"SELECT toDate(occurred_at) AS day, count() AS copies FROM events WHERE {COUNTED} GROUP BY day"
    " UNION ALL SELECT toDate(window_start) AS day, 0 FROM failure_windows GROUP BY day) GROUP BY day ORDER BY day"
)
_TRUSTED: Final = (
    "SELECT toString(event_id), fingerprint, max(trust) FROM events WHERE event_id IN {ids:Array(UUID)}"
    " GROUP BY event_id, fingerprint"
)


class Difference(NamedTuple):
    """A row that differs from what the events yield."""

    kind: str
    """`missing`, `extra` or `altered`."""
    table: str
    key: dict[str, str]
    """The columns of its key, as text."""
    columns: list[str]
    """The columns that differ in an altered row."""

    @property
    def day(self) -> str:
        """The day of the row, if its key has one."""
        return next((self.key[name][:10] for name in _TIMES if name in self.key), "")


class _Shape(NamedTuple):
    """How the rows of a table are reduced to one per key."""

    keys: list[str]
    values: dict[str, str]
    """Maps each column to the expression that reduces it."""


class _Part(NamedTuple):
    """The part of the keys that one statement compares."""

    made: str
    where: str
    """The condition on the table's keys."""
    parameters: dict[str, Any]


def derived_differences(store: Store, trust_step: int, *, pause_seconds: float) -> Iterator[Difference]:
    """Yield the differences, table by table, windows last.

    `pause_seconds`: the pause before differences are checked a second time; it grows by as much before each later
    check.
    """
    ((count,),) = store.query("SELECT count() FROM events")
    parts = count // EVENTS_AT_ONCE + 1
    for table, made in _made(store).items():
        shape = _shape(store, table, made)
        where = f"cityHash64({', '.join(shape.keys)}) % {{parts:UInt32}} = {{part:UInt32}}"
        for number in range(parts):
            part = _Part(made, where, {"parts": parts, "part": number})
            yield from _persisting(store, table, shape, part, pause_seconds)
    shape = _shape(store, WINDOWS, windows_sql(trust_step))
    for days in within(store.query(_DAYS, limits=BULK_LIMITS), EVENTS_AT_ONCE):
        part = _Part(windows_sql(trust_step), "toDate(window_start) IN {days:Array(Date)}", {"days": days})
        yield from _persisting(store, WINDOWS, shape, part, pause_seconds)


def _made(store: Store) -> dict[str, str]:
    """Return for each table the statement that makes its rows from events."""
    selects = dict(store.query(_VIEWS, {"database": store.database}))
    local = re.compile(rf"(FROM\s+`?{re.escape(store.database)}`?\.`?events)_local\b")
    made = {}
    for view, table in views():
        if table not in _NOT_COMPARED:
            if view not in selects:
                raise Fatal(f"the store has no view {view}")
            made[table] = local.sub(r"\1", selects[view])
    return made


def _shape(store: Store, table: str, made: str) -> _Shape:
    """Return the shape of the columns that are still filled."""
    asked = {"database": store.database, "table": table}
    filled = {row[0] for row in store.query(f"DESCRIBE ({made})", {"days": []})}
    columns = dict(store.query(_COLUMNS, asked))
    found = store.query(_TABLE, asked) or []
    sorting, engine = found[0]
    if engine.startswith("Distributed"):
        ((sorting, engine),) = store.query(_TABLE, asked | {"table": f"{table}_local"})
    keys = sorting.split(", ")
    version = _VERSION.search(engine)
    return _Shape(
        keys,
        {
            name: _reduced(name, kind, version[1] if version else "")
            for name, kind in columns.items()
            if name in filled and name not in keys
        },
    )


def _reduced(name: str, kind: str, version: str) -> str:
    aggregate = _AGGREGATE.match(kind)
    if aggregate is None:
        return f"argMax({name}, {version})" if version and name != version else f"max({name})"
    return f"{aggregate[2]}{'' if aggregate[1] else 'Merge'}({name})"


def _persisting(store: Store, table: str, shape: _Shape, part: _Part, pause_seconds: float) -> Iterator[Difference]:
    found = store.query(_compared_sql(table, shape, part, ""), part.parameters, BULK_LIMITS)
    for look in range(1, LOOKS):
        if not found:
            return
        time.sleep(pause_seconds * look)
        same = f" AND cityHash64({', '.join(shape.keys)}) IN {{hashes:Array(UInt64)}}"
        sql = _compared_sql(table, shape, part, same)
        kinds = {row[0]: row[1] for row in found}
        again = [
            row
            for some in pieces(list(kinds), HASHES_AT_ONCE)
            for row in store.query(sql, part.parameters | {"hashes": list(some)}, BULK_LIMITS)
        ]
        found = [row for row in again if kinds.get(row[0]) == row[1]]
    for _, kind, texts, ours, theirs in _without_outranked(store, shape, found):
        columns = [name for name, mine, other in zip(shape.values, ours, theirs, strict=False) if mine != other]
        key = dict(zip(shape.keys, texts, strict=True))
        yield Difference(kind, table, key, columns if kind == "altered" else [])


def _without_outranked(store: Store, shape: _Shape, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Leave out rows of copies with less trust that merges took out of events. Tables with a row per trust keep
    them."""
    if "by_trust" not in shape.keys:
        return found
    event, fingerprint, trust = (shape.keys.index(name) for name in ("event_id", "fingerprint", "by_trust"))
    trusted = {
        (row[0], as_bytes(row[1])): row[2]
        for some in pieces(sorted({row[2][event] for row in found if row[1] == "extra"}), IDS_AT_ONCE)
        for row in store.query(_TRUSTED, {"ids": list(some)}, BULK_LIMITS)
    }
    return [
        row
        for row in found
        if row[1] != "extra"
        or trusted.get((row[2][event], bytes.fromhex(row[2][fingerprint])), 0) <= int(row[2][trust])
    ]


def _compared_sql(table: str, shape: _Shape, part: _Part, same: str) -> str:
    keys = ", ".join(shape.keys)
    texts = ", ".join(f"hex({key})" if key in _BYTES else f"toString({key})" for key in shape.keys)
    told = ", ".join(f"cityHash64(toString(v_{name}))" for name in shape.values) or "cityHash64('')"
    reduced = ", ".join([keys, *(f"{how} AS v_{name}" for name, how in shape.values.items())])
    counted = " WHERE v_attempts > 0" if table == WINDOWS else ""
    sides = " UNION ALL ".join(
        f"SELECT cityHash64({keys}) AS place, [{texts}] AS key, [{told}] AS told, {side} AS side FROM ("
        f"SELECT {reduced} FROM {source} WHERE {part.where}{same} GROUP BY {keys}){counted}"
        for side, source in enumerate((f"({part.made})", table))
    )
    kind = "multiIf(max(side) = 0, 'missing', min(side) = 1, 'extra', 'altered')"
    return (
        f"SELECT place, {kind} AS kind, key, anyIf(told, side = 0) AS ours, anyIf(told, side = 1) AS theirs"
        f" FROM ({sides}) GROUP BY place, key HAVING kind != 'altered' OR ours != theirs ORDER BY key"
        f" LIMIT {MOST_TOLD}"
    )
