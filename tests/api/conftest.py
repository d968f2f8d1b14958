"""The API over a real store, with stand-ins for the log."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from producers.slicer import slice_whole
from queries.api import Context
from queries.api.app import bare_app, give
from queries.scope import EVERY_ORGANIZATION
from queries.store import Store
from queries.tokens import Tokens
from tests.api.support import Idle, Log, Played, StoreThatFails
from tests.fixtures_store import copied
from tests.queries.support import Trail
from tests.records import NOON

ADMIN = "the deployment's own token"


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged; unconfigured, structlog would draw the locals of every frame."""
    with capture_logs() as found:
        yield found


def now() -> datetime:
    """The API's clock."""
    return NOON


@pytest.fixture(scope="package")
def shared_store(migrated: Store) -> Iterator[Store]:
    """One for all of these tests; each has an organization in it."""
    with copied(migrated) as copy:
        yield copy


@pytest.fixture
def trail(shared_store: Store) -> Trail:
    """An organization of one's own."""
    return Trail(shared_store, uuid4().hex[:24])


@pytest.fixture
def log() -> Log:
    """What stands for the broker."""
    return Log()


@pytest.fixture
def feed() -> Played:
    """What stands for the live feed."""
    return Played()


@pytest.fixture
def tokens(shared_store: Store) -> Tokens:
    """All tokens."""
    return Tokens(shared_store, now, ADMIN)


@pytest.fixture
def failing() -> StoreThatFails:
    """Makes the store raise what it is told."""
    return StoreThatFails()


@pytest.fixture(scope="package")
def app() -> FastAPI:
    """One for all tests, each of which gives it a context: FastAPI takes 0.1 s to read the signatures of another."""
    return bare_app()


@pytest.fixture
async def api(
    app: FastAPI, shared_store: Store, log: Log, feed: Played, tokens: Tokens, failing: StoreThatFails
) -> Any:
    """A client without a token."""
    context = Context(
        store=failing.around(shared_store),
        tokens=tokens,
        ingest=log,
        slice_body=slice_whole,
        read_record=log.read_record,
        read_records=log.read_records,
        read_lag=log.read_lag,
        read_detection_lag=log.read_detection_lag,
        feed=feed,
        jobs=Idle(),
        clock=now,
        rules=("credentials-failing", "mass-deprovision"),
    )
    give(app, context)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://idtrail") as client:
        yield client


class As:
    """Headers of tokens with one scope."""

    def __init__(self, tokens: Tokens, trail: Trail) -> None:
        self._tokens, self._trail = tokens, trail

    def __call__(self, *scopes: str, organization: str | None = None) -> dict[str, str]:
        own = self._trail.organization if organization is None else organization
        text, _ = self._tokens.create("test", _given(scopes), own)
        return {"Authorization": f"Bearer {text}"}

    def everywhere(self, *scopes: str) -> dict[str, str]:
        """A token of every organization."""
        return self(*scopes, organization=EVERY_ORGANIZATION)


def _given(scopes: Sequence[str]) -> Sequence[str]:
    return scopes or ["read"]


@pytest.fixture
def using(tokens: Tokens, trail: Trail) -> As:
    """`using("ingest")`: headers with a new token of the test's organization."""
    return As(tokens, trail)
