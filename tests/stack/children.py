"""Processes of these tests, to be killed: `python -m tests.stack.children broker|holder DIRECTORY`."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.kafka import LocalKafka
from idtrail.stack.lock import StateDirectory


def local_kafka(directory: Path, *, synced: bool = False) -> LocalKafka:
    """A broker in `directory`, not started."""
    return LocalKafka(directory, java=java_executable("bundled"), jars=verified_jars(), synced=synced)


def broker_process(directory: Path) -> psutil.Process:
    """The broker that runs in `directory`, by its pid file."""
    return psutil.Process(int((directory / "kafka" / "broker.pid").read_text()))


@contextlib.contextmanager
def child(role: str, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One of the roles below in a process of its own, ready; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stack.children", role, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Fail when the condition does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def gone(process: psutil.Process) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def _broker(directory: Path) -> None:
    kafka = local_kafka(directory)
    await kafka.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await kafka.died()


def _holder(directory: Path) -> None:
    with StateDirectory(directory) as state:
        state.announce(bootstrap="127.0.0.1:9092", api_url="http://127.0.0.1:8642")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1] == "broker":
        asyncio.run(_broker(Path(sys.argv[2])))
    else:
        _holder(Path(sys.argv[2]))
