"""Processes of tests, as copies of one that has imported everything: a fresh interpreter spends more on its imports
than most of them on their work."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import time
import zoneinfo
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from idtrail.logs import configure_logs
from streams import child

Main = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        *("tests.forked", "tests.sink.process", "tests.failures.process", "tests.delivery.process"),
        *(
            "tests.rebuild.process",
            "tests.read_rules",
            "idtrail.cli.commands.imports",
            "idtrail.emitting",
            "producers.files",
        ),
    ]
)
child.START = "forkserver"  # type: ignore[misc]  # what backtests and sinks start in this process


class Forked:
    """Runs `main` with `arguments`, a function of a module; what it says is added to `log`. To be used as a `Popen`."""

    def __init__(
        self, main: Main, arguments: dict[str, Any], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment` is beside this process's own."""
        self._process = _CONTEXT.Process(target=_run, args=(main, arguments, log, environment or {}))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """Minus the signal's number if one has ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, seconds: float | None = None) -> int:
        self._process.join(seconds)
        assert self.returncode is not None, f"it has not ended within {seconds} s"
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing if it has ended."""
        if self.returncode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def command(
    main: Callable[[], None], arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes, seconds: float
) -> tuple[int, bytes, bytes]:
    """The exit code of a program and what it prints on either stream. `environment` is all that it sees."""
    with TemporaryDirectory() as directory:
        scratch = Path(directory)
        (scratch / "in").write_bytes(stdin)
        process = _CONTEXT.Process(target=_be, args=(main, arguments, environment, scratch))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
        process.join()
        assert process.exitcode is not None
        return process.exitcode, (scratch / "out").read_bytes(), (scratch / "err").read_bytes()


def _be(main: Callable[[], None], arguments: Sequence[str], environment: Mapping[str, str], scratch: Path) -> None:
    for descriptor, (name, flags) in enumerate((("in", os.O_RDONLY), ("out", _ADD), ("err", _ADD))):
        os.dup2(os.open(scratch / name, flags, 0o600), descriptor)
    sys.stdin, sys.stdout, sys.stderr = (open(n, mode) for n, mode in enumerate("rww"))  # noqa: PTH123, SIM115  to its end
    os.environ.clear()
    os.environ.update(environment)
    _as_started()
    sys.argv[1:] = arguments
    main()


_ADD: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def _as_started() -> None:
    """What an interpreter reads of its environment at its start."""
    time.tzset()
    zoneinfo.reset_tzpath()
    child.START = "spawn"  # type: ignore[misc]  # as outside of tests


def _run(main: Main, arguments: dict[str, Any], log: Path, environment: Mapping[str, str]) -> None:
    with log.open("ab") as out:
        os.dup2(out.fileno(), sys.stdout.fileno())
        os.dup2(out.fileno(), sys.stderr.fileno())
    os.environ.update(environment)
    _as_started()
    configure_logs("json", arguments.get("log_level", "info"))
    asyncio.run(main(arguments))
