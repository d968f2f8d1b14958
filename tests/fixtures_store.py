"""The engine that all tests share, with a database of its own for each; and the same over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
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
    """A store as `migrated` is, made in half the time of the migrations: what they alter is there at once."""
    name = f"t{uuid4().hex[:12]}"
    migrated.command(f"CREATE DATABASE {name}")
    copy = migrated.beside(name)
    try:
        for (statement,) in migrated.query(
            "SELECT create_table_query FROM system.tables WHERE database = currentDatabase()"
            " ORDER BY engine = 'MaterializedView'"  # after the tables that they read and fill
        ):
            copy.command(statement.replace(f"{migrated.database}.", f"{name}."))
        copy.command(f"INSERT INTO schema_migrations SELECT * FROM {migrated.database}.schema_migrations")
        yield copy
    finally:
        _drop(copy)


@contextmanager
def _opened(url: str, deployment: Deployment) -> Iterator[Store]:
    opened = Store.open(url, database=f"t{uuid4().hex[:12]}")
    try:
        migrate(opened, deployment)
        yield opened
    finally:
        _drop(opened)


def _drop(store: Store) -> None:
    store.command(f"DROP DATABASE `{store.database}` SYNC")  # or its tables slow later ones down
    store.close()
