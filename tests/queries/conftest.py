"""One store of each kind for all these tests, and in it an organization for each."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from queries.store import Store
from tests.fixtures_store import copied
from tests.queries.support import Trail


@pytest.fixture(scope="package")
def shared_store(migrated: Store) -> Iterator[Store]:
    """In this process."""
    with copied(migrated) as copy:
        yield copy


@pytest.fixture(scope="package")
def shared_http_store(http_migrated: Store) -> Iterator[Store]:
    """Over HTTP."""
    with copied(http_migrated) as copy:
        yield copy


@pytest.fixture
def trail(shared_store: Store) -> Trail:
    """An organization of one's own."""
    return Trail(shared_store, uuid4().hex[:24])


@pytest.fixture(scope="module", params=["shared_store", "shared_http_store"], ids=["embedded", "over HTTP"])
def any_shared_store(request: pytest.FixtureRequest) -> Store:
    """Both kinds."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Store)
    return found


@pytest.fixture
def any_trail(any_shared_store: Store) -> Trail:
    """The same on both kinds of store."""
    return Trail(any_shared_store, uuid4().hex[:24])
