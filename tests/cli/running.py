"""A whole trail as a user runs it: `idtrail up` in a process, spoken to by the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

from idtrail.cli import main
from tests import forked

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 60
COMMAND_SECONDS = 90
T = TypeVar("T")
PROCESSES = {"emit", "import", "up"}
"""Commands that do the work themselves, with logs, signals and a standard input of their own: each is a process."""


@dataclass
class RunningTrail:
    """`start()` and `stop()`; `run()` is one command."""

    state: Path
    process: subprocess.Popen[bytes] | None = None
    more: dict[str, str] = field(default_factory=dict)
    said: str = ""
    """What the last command printed on standard error."""

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("IDTRAIL_")}
        settings = {"IDTRAIL_STATE_DIR": str(self.state), "IDTRAIL_API_PORT": "0", "IDTRAIL_SYNCED": "false"}
        return {**own, **settings, "COLUMNS": "100", "NO_COLOR": "1", **self.more}

    def start(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "idtrail", "up"], env=self.environment, cwd=ROOT, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not (self.state / "stack.json").exists():
            assert self.process.poll() is None, (self.state / "up.log").read_text()
            assert time.monotonic() < deadline, (self.state / "up.log").read_text()
            time.sleep(0.05)

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def run(self, *arguments: str, stdin: bytes = b"", code: int = 0) -> str:
        """What a command prints; asserts its exit code."""
        if arguments[0] in PROCESSES:
            ended, told, said = forked.command(main, arguments, self.environment, stdin, COMMAND_SECONDS)
        else:
            ended, told, said = within(arguments, self.environment, stdin)
        assert ended == code, f"{arguments}: {ended}\n{told.decode()}{said.decode()}"
        self.said = said.decode()
        return told.decode()

    def json(self, *arguments: str) -> list[Any]:
        """The documents that a command prints with `--json`."""
        return [json.loads(line) for line in self.run(*arguments, "--json").splitlines()]

    def settle(self) -> None:
        """Wait until everything on the log is stored."""
        self._until(lambda: not self.json("stats")[0]["behind"])

    def found(self, *arguments: str) -> list[Any]:
        """The documents that a command prints, once there are any."""
        return self._until(lambda: self.json(*arguments))

    def _until(self, answer: Callable[[], T]) -> T:
        deadline = time.monotonic() + 60
        pause = 0.2
        while not (found := answer()):
            assert time.monotonic() < deadline
            time.sleep(pause)
            pause = min(1.5 * pause, 1)  # asking is work for the trail too
        return found


def within(
    arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes = b"", encoding: str = "utf-8"
) -> tuple[int, bytes, bytes]:
    """A command in this process, from `main` on, with the exit code and what it prints on either stream: most of a
    command's time is Python's start. `environment` is all that it sees, `encoding` the terminal's."""
    alone = {**dict.fromkeys(os.environ), **environment}
    with pytest.MonkeyPatch.context() as patch, CliRunner(charset=encoding).isolation(stdin, alone) as (out, err, _):
        patch.setattr(sys, "argv", ["idtrail", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stdout.flush()
        sys.stderr.flush()
        return int(ended.value.code or 0), out.getvalue(), err.getvalue()


def stateless(arguments: Sequence[str], settings: Mapping[str, str], columns: int = 100) -> tuple[int, str, str]:
    """A command that needs no trail, with these settings only: its exit code, and what it prints on either stream."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("IDTRAIL_")}
    code, out, err = within(arguments, {**own, **settings, "COLUMNS": str(columns), "NO_COLOR": "1"})
    return code, out.decode(), err.decode()
