"""One broker and one store engine for the whole run, started at first use; how files are shared out."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from tests import forked as forked  # before anything starts a process
from tests import quick_java

pytest_plugins = ["tests.fixtures_kafka", "tests.fixtures_store"]


# How many examples a property is tried with: each run draws others. `make soak` tries the second.
settings.register_profile("ordinary", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=1_000, deadline=None)
settings.load_profile("ordinary")


MEMORY: Final = Path("/dev/shm")  # noqa: S108  a mount that Linux has, in which pytest makes a directory of its own
ROOM: Final = 4 * 1024**3


def pytest_configure(config: pytest.Config) -> None:
    """Of several processes the first one prepares what all will use; one alone uses what an earlier run made.

    Temporary files are held in memory where it has room: an insert makes some two hundred files, and a disk takes a
    fifth of its processor time for them.
    """
    if not hasattr(config, "workerinput"):
        if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
            os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
        if cache := getattr(config, "cache", None):  # None with `-p no:cacheprovider`
            quick_java.use(cache.mkdir("java"), make=bool(config.getoption("numprocesses", None)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays to the end: the collector of garbage need never look at it.

    It comes less often for the rest: every 700 new objects it took a tenth of the time of the tests in Python alone.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(10_000)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those with a broker first, then those with a store. Files stay whole, and in their order."""
    rank: dict[object, int] = {}
    for item in items:
        own = 0 if item.get_closest_marker("kafka") else 1 if item.get_closest_marker("store") else 2
        rank[item.path] = min(own, rank.get(item.path, own))
    items.sort(key=lambda item: rank[item.path])


class FromBothEnds(LoadFileScheduling):  # type: ignore[misc]  # because xdist ships no types
    """Whole files, of which one of the processes takes the last and the others the first.

    Tests with a broker wait for half of their time, and the rest for none: the one computes while the others wait.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is self.nodes[-1]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """In place of xdist's own for whole files."""
    return FromBothEnds(config, log) if config.getoption("dist") == "loadfile" else None
