"""A new generation of the tables that are made from the log, in a second database beside the store's own.

The same migrations create it, so its views stay inside it. When it is full, its tables are exchanged with those of the
store, name by name. Views follow names, so each database's views then fill the tables that moved to it. The caller must
prevent all inserts during the exchange.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from queries.migrate import Deployment, migrate, migrations, render
from queries.store import BULK_LIMITS, Store
from schemas.errors import Fatal

PLACED: Final = ("events", "events_by_subject", "attempts_by_application", "letter_decisions", "alert_records")
"""Tables whose rows are one record of the log each. Events come first, since inserting them fills the others."""
WRITTEN: Final = ("events", "dead_letters", "letter_decisions", "alert_records", "failure_windows", "incidents")
"""The tables that the sink, the agents and the backfill write. Views fill the rest."""
FOLDED: Final = ("failure_windows", "incidents")
"""The tables that agents and the backfill write: from events, not from records."""

_VIEW: Final = re.compile(r"\{\{view (\w+)\}\}\s+TO\s+\{\{local (\w+)\}\}")
_DROPPED: Final = re.compile(r"DROP VIEW IF EXISTS \{\{view (\w+)\}\}")
_TABLES: Final = "SELECT name, toString(uuid) FROM system.tables WHERE database = {database:String}"
_COLUMNS: Final = (
    "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String}"
    " AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY position"
)
_BY_DAY: Final = (
    "SELECT organization, toDate(occurred_at) AS day, event_type, uniqExact(event_id) FROM events"
    " WHERE toYYYYMM(occurred_at) = {month:UInt32} GROUP BY organization, day, event_type"
)
_MONTHS: Final = "SELECT DISTINCT toYYYYMM(occurred_at) AS month FROM events ORDER BY month"


def derived_tables() -> list[str]:
    """Return the tables that a rebuild makes anew. Other tables hold what the log does not, and stay."""
    return [*WRITTEN, *sorted({table for _, table in views()} - set(WRITTEN))]


def views() -> list[tuple[str, str]]:
    """Return each view that exists after all migrations, with the table that it fills."""
    found: dict[str, str] = {}
    for migration in migrations():
        found |= _VIEW.findall(migration.sql)
        for dropped in _DROPPED.findall(migration.sql):
            del found[dropped]
    return list(found.items())


class Generation:
    """The store and the database beside it."""

    def __init__(self, store: Store, deployment: Deployment, name: str = "rebuild") -> None:
        self._store = store
        self._deployment = deployment
        self.database = f"{store.database}_{name}"

    def make(self) -> Store:
        """Create the new generation's database with its tables and views, or continue with an existing one."""
        on_cluster = self._on_cluster()
        self._store.command(f"CREATE DATABASE IF NOT EXISTS `{self.database}`{on_cluster}")
        made = self._store.beside(self.database)
        migrate(made, self._deployment)
        return made

    def drop(self) -> None:
        """Drop the database with everything in it. Waits for readers."""
        self._store.command(f"DROP DATABASE IF EXISTS `{self.database}`{self._on_cluster()} SYNC")

    def tables(self) -> dict[str, str]:
        """Return the tables to exchange, each with the identity of the new table, which moves with the table."""
        found = self._identities(self.database)
        names = [self._local(table) for table in derived_tables()]
        missing = [name for name in names if name not in found]
        if missing:
            raise Fatal(f"the new generation lacks {missing[0]}: begin the rebuild anew")
        return {name: found[name] for name in names}

    def exchange(self, tables: Mapping[str, str]) -> int:
        """Exchange the tables that are not exchanged yet, and return how many. Each exchange is atomic; a killed run
        can be continued."""
        waiting = self.waiting(tables)
        for name in waiting:
            self._store.command(
                f"EXCHANGE TABLES `{self._store.database}`.`{name}` AND `{self.database}`.`{name}`{self._on_cluster()}"
            )
        return len(waiting)

    def waiting(self, tables: Mapping[str, str]) -> list[str]:
        """Return the names of the tables that are not exchanged."""
        present = self._identities(self._store.database)
        return [name for name, identity in tables.items() if present.get(name) != identity]

    def can_finish(self, tables: Mapping[str, str]) -> bool:
        """Whether each table is either where it was or where it is to go."""
        there = {*self._identities(self.database).values(), *self._identities(self._store.database).values()}
        return there >= set(tables.values())

    def _identities(self, database: str) -> dict[str, str]:
        return dict(self._store.query(_TABLES, {"database": database}))

    def _local(self, table: str) -> str:
        return render(f"{{{{local {table}}}}}", self._deployment)[0]

    def _on_cluster(self) -> str:
        return f" ON CLUSTER '{self._deployment.cluster}'" if self._deployment.kind == "cluster" else ""


def differences(old: Store, new: Store) -> list[dict[str, Any]]:
    """Return where the numbers of events differ, by organization, day and type. The log is right, not the old store."""
    months = sorted({month for store in (old, new) for (month,) in store.query(_MONTHS)})
    found = []
    for month in months:
        before, after = (_by_day(store, month) for store in (old, new))
        found += [
            {
                "organization": organization,
                "day": str(day),
                "event_type": event_type,
                "before": before.get((organization, day, event_type), 0),
                "after": after.get((organization, day, event_type), 0),
            }
            for organization, day, event_type in sorted(before.keys() | after.keys())
        ]
    return [difference for difference in found if difference["before"] != difference["after"]]


def _by_day(store: Store, month: int) -> dict[tuple[Any, ...], int]:
    return {tuple(row[:3]): row[3] for row in store.query(_BY_DAY, {"month": month}, BULK_LIMITS)}


def add_lacking(store: Store, database: str, ends: Mapping[tuple[str, int], tuple[int, int]]) -> None:
    """Copy what the store's tables lack from `database`, which was filled from these offsets of the log.

    Tables without log positions are copied in full: duplicates merge.
    """
    where, parameters = _stretches(ends)
    for table in (*PLACED, *(name for name in derived_tables() if name not in (*PLACED, *FOLDED))):
        names = ", ".join(_columns(store, table))
        lacking = (
            f" WHERE (log_topic, log_partition, log_offset) GLOBAL NOT IN"
            f" (SELECT log_topic, log_partition, log_offset FROM {table} WHERE {where})"
        )
        store.command(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM `{database}`.`{table}`"
            f"{lacking if table in PLACED else ''} SETTINGS max_partitions_per_insert_block = 0",
            parameters if table in PLACED else {},
        )


def _stretches(ends: Mapping[tuple[str, int], tuple[int, int]]) -> tuple[str, dict[str, Any]]:
    """Return the condition on rows of these offsets, and its parameters."""
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for n, ((topic, partition), (begin, end)) in enumerate(ends.items()):
        conditions.append(
            f"log_topic = {{t{n}:String}} AND log_partition = {{p{n}:UInt16}}"
            f" AND log_offset >= {{b{n}:UInt64}} AND log_offset < {{e{n}:UInt64}}"
        )
        parameters |= {f"t{n}": topic, f"p{n}": partition, f"b{n}": begin, f"e{n}": end}
    return f"({' OR '.join(conditions) or '0'})", parameters


def _columns(store: Store, table: str) -> list[str]:
    """Return the columns that a statement may insert; computed columns are left out."""
    return [name for (name,) in store.query(_COLUMNS, {"database": store.database, "table": table})]


def carry_over(store: Store, database: str, tables: Sequence[str], topic: str, begins: Mapping[int, int]) -> None:
    """Copy into `database` what was made of records that their topic, which has a limited retention, has dropped."""
    for table in tables:
        for partition, begin in begins.items():
            if begin:
                store.command(
                    f"INSERT INTO `{database}`.`{table}` SELECT * FROM {table} WHERE log_topic = {{topic:String}}"
                    " AND log_partition = {partition:UInt16} AND log_offset < {begin:UInt64}",
                    {"topic": topic, "partition": partition, "begin": begin},
                )
