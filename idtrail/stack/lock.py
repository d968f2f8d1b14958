"""The lock of a state directory: one process at a time uses it, and others find out which."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil
from filelock import FileLock, Timeout

from schemas.errors import AlreadyRunning, BadUsage

PATIENCE_SECONDS: Final = 0.5
"""`read_running` holds the lock for an instant to see whether it is free; that must not make a start fail."""


@dataclass(frozen=True, slots=True)
class Running:
    """The trail that runs in a state directory."""

    pid: int
    bootstrap: str
    api_url: str


def make_directory(path: Path) -> None:
    """Create a state directory (mode 700) if it is missing. Raises `BadUsage` if it cannot be used."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        why = "" if os.access(path, os.W_OK | os.X_OK) else "it belongs to another user, or is read-only"
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        raise BadUsage(f"IDTRAIL_STATE_DIR: {path} cannot be used: {why}")


class StateDirectory:
    """A context manager that creates the directory (mode 700) and holds it for this process alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / "lock")

    def __enter__(self) -> Self:
        """Raises `AlreadyRunning` if another process holds it, `BadUsage` if it cannot be used."""
        make_directory(self.path)
        try:
            self._lock.acquire(timeout=PATIENCE_SECONDS)
        except Timeout:
            other = _read(self.path)
            who = f"process {other.pid}, {other.api_url}" if other else "a process that is still starting"
            raise AlreadyRunning(
                f"a trail already runs in {self.path} ({who}): stop it first, "
                "or give this one a directory of its own with IDTRAIL_STATE_DIR"
            ) from None
        self.retract()  # left by a killed process
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.retract()
        self._lock.release()

    def announce(self, *, bootstrap: str, api_url: str) -> None:
        """Publish where this trail is, for the command line."""
        file = self.path / "stack.json"
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(asdict(Running(os.getpid(), bootstrap, api_url))))
        draft.replace(file)

    def retract(self) -> None:
        """Remove what `announce` published."""
        (self.path / "stack.json").unlink(missing_ok=True)


def read_running(path: Path) -> Running | None:
    """Return the trail that runs in a state directory; None if none does or it has not announced itself."""
    running = _read(path)
    if running is None or not psutil.pid_exists(running.pid):
        return None
    # The number may be another process's by now: only a trail holds the lock.
    probe = FileLock(path / "lock")
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return running
    probe.release()
    return None


def _read(path: Path) -> Running | None:
    try:
        return Running(**json.loads((path / "stack.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
