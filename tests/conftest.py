"""One broker and one store engine for the whole run, started at first use; what waits for them runs first."""

from __future__ import annotations

import pytest

from tests import quick_java

pytest_plugins = ["tests.fixtures_kafka", "tests.fixtures_store"]


def pytest_configure(config: pytest.Config) -> None:
    """Of several processes the first one prepares what all will use; one alone uses what an earlier run made."""
    if not hasattr(config, "workerinput"):
        quick_java.use(config.cache.mkdir("java"), make=bool(config.getoption("numprocesses", None)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, or one of several processes would end with one of them while the others are done.

    The long ones are those with a broker, then those with a store. Files stay whole, and in their order.
    """
    rank: dict[object, int] = {}
    for item in items:
        own = 0 if item.get_closest_marker("kafka") else 1 if item.get_closest_marker("store") else 2
        rank[item.path] = min(own, rank.get(item.path, own))
    items.sort(key=lambda item: rank[item.path])
