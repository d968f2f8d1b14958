"""Numbered, immutable SQL migrations: the same statements for the embedded engine, a server and a cluster."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import Final, Literal, NamedTuple

from queries.store import Store
from schemas.errors import Fatal

DEDUPLICATION_BLOCKS: Final = 10_000
"""How many inserts back a token is recognised: more than are made while a worker can be suspended."""
DEDUPLICATION_SECONDS: Final = 7 * 24 * 60 * 60
COMPACT_BYTES: Final = 128 * 1024**2
"""Parts smaller than this are one file, not one per column: a synced insert into all tables takes half the time."""

_DIRECTIVE: Final = re.compile(r"\{\{(\w+)(?: ([^}]*?))?\}\}")
_NAME: Final = re.compile(r"(\d{4})_(\w+)\.sql")

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS {{table schema_migrations}} (
    number UInt16, name String, checksum String, applied_at DateTime('UTC') DEFAULT now()
) ENGINE = {{engine ReplacingMergeTree}} ORDER BY number SETTINGS {{settings}};
"""

_APPLIED: Final = "SELECT number, name, checksum FROM {{local schema_migrations}} FINAL ORDER BY number"
_RECORD: Final = (
    "INSERT INTO {{local schema_migrations}} (number, name, checksum)"
    " VALUES ({number:UInt16}, {name:String}, {checksum:String})"
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the tables are created."""

    kind: Literal["embedded", "server", "cluster"]
    cluster: str = ""
    synced: bool = True
    """For the embedded engine only: each insert is on the disk before it is acknowledged."""


class Migration(NamedTuple):
    """One file of `migrations/`."""

    number: int
    name: str
    sql: str

    def checksum(self) -> str:
        """The checksum of the file's text: an applied migration must not change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return all migrations in order."""
    found = []
    for file in resources.files("queries.migrations").iterdir():
        match = _NAME.fullmatch(file.name)
        if match:
            found.append(Migration(int(match[1]), match[2], file.read_text()))
    return sorted(found)


def render(sql: str, deployment: Deployment) -> list[str]:
    """Return the statements of a migration for one deployment, without comments and empty ones."""
    text = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    return [
        statement.strip()
        for statement in _DIRECTIVE.sub(lambda match: _directive(match, deployment), text).split(";")
        if statement.strip()
    ]


def _directive(match: re.Match[str], deployment: Deployment) -> str:
    word, argument = match[1], match[2] or ""
    clustered = deployment.kind == "cluster"
    on_cluster = f" ON CLUSTER '{deployment.cluster}'" if clustered else ""
    if word == "local":
        return f"{argument}_local" if clustered else argument
    if word == "table":
        return (f"{argument}_local" if clustered else argument) + on_cluster
    if word == "view":
        return argument + on_cluster
    if word == "engine":
        return f"Replicated{argument}" if clustered else argument
    if word == "settings":
        return _settings(deployment)
    if word == "distributed":
        table, _, key = argument.partition(" BY ")
        if not clustered:
            return ""
        return (
            f"CREATE TABLE IF NOT EXISTS {table}{on_cluster} AS {table}_local\n"
            f"ENGINE = Distributed('{deployment.cluster}', currentDatabase(), '{table}_local', {key})"
        )
    raise Fatal(f"a migration uses an unknown directive {{{{{word}}}}}")


def _settings(deployment: Deployment) -> str:
    compact = f"min_bytes_for_wide_part = {COMPACT_BYTES}"
    if deployment.kind == "cluster":
        return (
            f"replicated_deduplication_window = {DEDUPLICATION_BLOCKS}, "
            f"replicated_deduplication_window_seconds = {DEDUPLICATION_SECONDS}, {compact}"
        )
    window = f"non_replicated_deduplication_window = {DEDUPLICATION_BLOCKS}, {compact}"
    if deployment.kind == "embedded" and deployment.synced:
        return f"{window}, fsync_after_insert = 1, fsync_part_directory = 1"
    return window


def migrate(store: Store, deployment: Deployment) -> list[str]:
    """Apply the missing migrations and return their names. Two processes may run it at once.

    Raises `Fatal` if an applied migration was changed, or the store has one that this release does not know.
    """
    for statement in render(_LEDGER, deployment):
        store.command(statement)
    (read,) = render(_APPLIED, deployment)
    applied = {number: (name, checksum) for number, name, checksum in store.query(read)}
    known = migrations()
    newer = [name for number, (name, _) in applied.items() if number > known[-1].number]
    if newer:
        raise Fatal(f"the store was made by a newer idtrail (migration {newer[0]!r}): install that version")
    done = []
    for migration in known:
        if migration.number in applied:
            if applied[migration.number] != (migration.name, migration.checksum()):
                raise Fatal(
                    f"migration {migration.number:04} {migration.name!r} was changed after it was applied: "
                    "migrations are immutable; restore the file and add a new one"
                )
            continue
        for statement in render(migration.sql, deployment):
            store.command(statement)
        (record,) = render(_RECORD, deployment)
        values = {"number": migration.number, "name": migration.name, "checksum": migration.checksum()}
        store.command(record, values)
        done.append(f"{migration.number:04}_{migration.name}")
    return done
