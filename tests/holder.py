"""What all processes of a run share is held by a process of its own, which ends when the last of them has.

python -m tests.holder kafka|front DIRECTORY
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import psutil
from filelock import FileLock

from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.kafka import LocalKafka
from tests.support.clickhouse_http import ClickHouseFront

START_SECONDS: Final = 90
LOOK_SECONDS: Final = 0.3

_started: Final[list[subprocess.Popen[bytes]]] = []


@contextmanager
def shared(name: str, directory: Path) -> Iterator[str]:
    """The address of it: started by whoever of the processes that know this directory is the first to ask."""
    home = directory / name
    user = home / "users" / str(os.getpid())
    with _locked(home):
        user.parent.mkdir(exist_ok=True)
        user.touch()
        if not (home / "address").exists():
            _start(name, home)
        address = (home / "address").read_text()
    try:
        yield address
    finally:
        user.unlink(missing_ok=True)


def _start(name: str, home: Path) -> None:
    command = [sys.executable, "-m", "tests.holder", name, str(home)]
    holder = subprocess.Popen(command, cwd=Path(__file__).parent.parent, start_new_session=True)
    _started.append(holder)  # it may outlive this process, which therefore must not care
    deadline = time.monotonic() + START_SECONDS
    while not (home / "address").exists():
        assert holder.poll() is None, f"{name} did not start: {home}"
        assert time.monotonic() < deadline, f"{name} did not start in time: {home}"
        time.sleep(0.05)


def _locked(home: Path) -> FileLock:
    home.mkdir(parents=True, exist_ok=True)
    return FileLock(home / "lock")


class SharedKafka(LocalKafka):
    """May be silent for longer before its controller gives it up: nobody kills it, and others keep all cores busy. It
    talks to itself less often too."""

    def _write_properties(self, broker_port: int, controller_port: int) -> None:
        super()._write_properties(broker_port, controller_port)
        with (self._home / "server.properties").open("a") as file:
            file.write("broker.session.timeout.ms=30000\nbroker.heartbeat.interval.ms=3000\n")  # the last ones count
            file.write("metadata.max.idle.interval.ms=10000\n")  # it writes a record of nothing every half second


@contextmanager
def _kafka(home: Path) -> Iterator[str]:
    broker = SharedKafka(home, java=java_executable("bundled"), jars=verified_jars(), synced=False)
    with asyncio.Runner() as runner:
        runner.run(broker.start())
        try:
            yield broker.bootstrap
        finally:
            runner.run(broker.stop())


@contextmanager
def _front(home: Path) -> Iterator[str]:
    with ClickHouseFront(home / "engine") as running:
        yield running.url


HELD: Final[dict[str, Callable[[Path], AbstractContextManager[str]]]] = {"kafka": _kafka, "front": _front}


def _hold(name: str, home: Path) -> None:
    with HELD[name](home) as address:
        draft = home / "draft"
        draft.write_text(address)
        draft.replace(home / "address")
        while not _left(home):
            time.sleep(LOOK_SECONDS)


def _left(home: Path) -> bool:
    """Whether no process that uses it still runs. Then whoever comes later starts another."""
    try:
        with _locked(home):
            users = list((home / "users").iterdir())
            if any(psutil.pid_exists(int(user.name)) for user in users):
                return False
            for killed in users:
                killed.unlink()
            (home / "address").unlink()
            return True
    except FileNotFoundError:
        return True  # the run is over, and took its directory with it


if __name__ == "__main__":
    _hold(sys.argv[1], Path(sys.argv[2]))
