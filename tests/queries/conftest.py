"""One store of each kind for all these tests, and in it an organization for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from queries.migrate import Deployment, migrate
from queries.store import Store
from tests.queries.support import Trail
from tests.support.clickhouse_http import ClickHouseFront


@contextmanager
def _opened(url: str, deployment: Deployment) -> Iterator[Store]:
    opened = Store.open(url, database=f"t{uuid4().hex[:12]}")
    migrate(opened, deployment)
    try:
        yield opened
    finally:
        opened.command(f"DROP DATABASE `{opened.database}` SYNC")
        opened.close()


@pytest.fixture(scope="package")
def shared_store(engine: Path) -> Iterator[Store]:
    """In this process."""
    with _opened(f"chdb://{engine}", Deployment("embedded", synced=False)) as opened:
        yield opened


@pytest.fixture(scope="package")
def shared_http_store(front: ClickHouseFront) -> Iterator[Store]:
    """Over HTTP."""
    with _opened(front.url, Deployment("server")) as opened:
        yield opened


@pytest.fixture
def trail(shared_store: Store) -> Trail:
    """An organization of one's own."""
    return Trail(shared_store, uuid4().hex[:24])


@pytest.fixture(params=["shared_store", "shared_http_store"], ids=["embedded", "over HTTP"])
def any_trail(request: pytest.FixtureRequest) -> Trail:
    """The same on both kinds of store."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Store)
    return Trail(found, uuid4().hex[:24])
