"""A store of each kind, as the tests of queries have them."""

from __future__ import annotations

from tests.queries.conftest import any_shared_store as any_shared_store  # the fixtures
from tests.queries.conftest import any_trail as any_trail
from tests.queries.conftest import shared_http_store as shared_http_store
from tests.queries.conftest import shared_store as shared_store
from tests.queries.conftest import trail as trail
