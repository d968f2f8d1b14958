"""The engine that all tests share, with a database of its own for each; and the same over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from queries.migrate import Deployment, migrate
from queries.store import Store
from tests.support.clickhouse_http import ClickHouseFront


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of this process's one engine."""
    return tmp_path_factory.mktemp("engine")


@pytest.fixture
def store(engine: Path) -> Iterator[Store]:
    """An empty, migrated store in this process."""
    opened = Store.open(f"chdb://{engine}", database=f"t{uuid4().hex[:12]}")
    migrate(opened, Deployment("embedded", synced=False))
    try:
        yield opened
    finally:
        opened.command(f"DROP DATABASE `{opened.database}` SYNC")  # or its tables slow later ones down
        opened.close()


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseFront]:
    """An engine in a process of its own, spoken to as one speaks to a ClickHouse server."""
    with ClickHouseFront(tmp_path_factory.mktemp("front")) as running:
        yield running


@pytest.fixture
def http_store(front: ClickHouseFront) -> Iterator[Store]:
    """An empty, migrated store over HTTP."""
    opened = Store.open(front.url, database=f"t{uuid4().hex[:12]}")
    migrate(opened, Deployment("server"))
    try:
        yield opened
    finally:
        opened.command(f"DROP DATABASE `{opened.database}` SYNC")  # or its tables slow later ones down
        opened.close()
