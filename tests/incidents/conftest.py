"""One store for all these tests, each of which has organizations in it."""

from __future__ import annotations

from tests.queries.conftest import shared_store as shared_store  # the fixture
