"""The engine that all tests share, with a database of its own for each; and the same over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from queries.migrate import Deployment, migrate
from queries.store import Store
from tests.holder import shared


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of this process's one engine."""
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="session")
def migrated(engine: Path) -> Iterator[Store]:
    """A store that stays as the migrations make it."""
    with _opened(f"chdb://{engine}", Deployment("embedded", synced=False)) as opened:
        yield opened


@pytest.fixture
def store(migrated: Store) -> Iterator[Store]:
    """An empty, migrated store in this process."""
    with copied(migrated) as copy:
        yield copy


@pytest.fixture(scope="session")
def front(of_the_run: Path) -> Iterator[str]:
    """An engine in a process of its own, spoken to as one speaks to a ClickHouse server: its address."""
    with shared("front", of_the_run) as address:
        yield address


@pytest.fixture(scope="session")
def http_migrated(front: str) -> Iterator[Store]:
    """The same over HTTP."""
    with _opened(front, Deployment("server")) as opened:
        yield opened


@pytest.fixture
def http_store(http_migrated: Store) -> Iterator[Store]:
    """An empty, migrated store over HTTP."""
    with copied(http_migrated) as copy:
        yield copy


@contextmanager
def copied(migrated: Store) -> Iterator[Store]:
    """A store as `migrated` is. Of the same process and engine it may be one that another test has left."""
    left = _left.setdefault(migrated.database, [])
    name = left.pop() if left else _made(migrated)
    copy = migrated.beside(name)
    try:
        yield copy
    finally:
        copy.close()  # after whatever still uses it
        if _emptied(migrated, name):
            left.append(name)
        else:
            _drop(migrated, name)


_left: Final[dict[str, list[str]]] = {}
"""Databases to be used again, by that of which they are copies: one is emptied in a fifth of the time of a new one."""
_SHAPE: Final = (
    "SELECT name, replaceAll(create_table_query, concat(database, '.'), '') FROM system.tables"
    " WHERE database = {name:String} ORDER BY engine = 'MaterializedView', name"  # after what they read and fill
)


def _made(migrated: Store) -> str:
    """In half the time of the migrations: what they alter is there at once."""
    name = f"t{uuid4().hex[:12]}"
    migrated.command(f"CREATE DATABASE {name}")
    with closing(migrated.beside(name)) as copy:
        for _, statement in migrated.query(_SHAPE, {"name": migrated.database}):
            copy.command(statement)
        copy.command(f"INSERT INTO schema_migrations SELECT * FROM {migrated.database}.schema_migrations")
    return name


def _emptied(migrated: Store, name: str) -> bool:
    """Whether it is as a new one again: not if its tables were altered, replaced or renamed."""
    if migrated.query(_SHAPE, {"name": name}) != migrated.query(_SHAPE, {"name": migrated.database}):
        return False
    numbers = "SELECT groupArray(number) FROM (SELECT number FROM {}.schema_migrations ORDER BY number)"
    if migrated.query(numbers.format(name)) != migrated.query(numbers.format(migrated.database)):
        return False
    for (table,) in migrated.query(
        "SELECT DISTINCT table FROM system.parts WHERE database = {name:String} AND table != 'schema_migrations'",
        {"name": name},
    ):
        migrated.command(f"TRUNCATE TABLE {name}.`{table}` SYNC")
        migrated.command(f"SYSTEM START MERGES {name}.`{table}`")  # where a test stopped them
    return True


@contextmanager
def _opened(url: str, deployment: Deployment) -> Iterator[Store]:
    opened = Store.open(url, database=f"t{uuid4().hex[:12]}")
    try:
        migrate(opened, deployment)
        yield opened
    finally:
        _drop(opened, opened.database)
        opened.close()


def _drop(store: Store, name: str) -> None:
    store.command(f"DROP DATABASE `{name}` SYNC")  # or its tables slow later ones down
