"""A whole trail as a user runs it: `idtrail up` in a process, spoken to by the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from idtrail.cli import app, register_commands

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 60


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
        done = subprocess.run(
            [sys.executable, "-m", "idtrail", *arguments],
            input=stdin,
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
        self.said = done.stderr.decode()
        return done.stdout.decode()

    def json(self, *arguments: str) -> list[Any]:
        """The documents that a command prints with `--json`."""
        return [json.loads(line) for line in self.run(*arguments, "--json").splitlines()]

    def asked(self, *arguments: str) -> list[Any]:
        """The same as `json()` without a process: what is asked often would mostly wait for Python's start."""
        before = dict(os.environ)
        register_commands()
        try:
            os.environ.clear()
            os.environ.update(self.environment)
            done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    def settle(self) -> None:
        """Wait until everything on the log is stored."""
        deadline = time.monotonic() + 60
        while self.asked("stats")[0]["behind"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
