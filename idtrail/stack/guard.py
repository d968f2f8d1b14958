"""`guard.py HOME COMMAND…`: runs a child that must not outlive the process that started this one.

The parent holds the writing end of this process's standard input. When it closes, however the parent ended, the child
is ended: SIGTERM, then SIGKILL. The child's output goes to `HOME/broker.log`, of which at most two files of `LOG_BYTES`
are kept. Imports only the standard library, to start fast.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Final

GRACE_SECONDS: Final = 10
LOG_BYTES: Final = 4 * 1024 * 1024


def main(home: Path, command: list[str]) -> int:
    """Run `command` in `home` until it ends or standard input closes; return its exit code."""
    # Signals are for the parent, which then closes the pipe. Handlers are set because the child would inherit SIG_IGN.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    child = subprocess.Popen(
        command, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    (home / "broker.pid").write_text(str(child.pid))
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    assert child.stdout is not None
    keep_log(child.stdout, home / "broker.log")
    return child.wait()


def keep_log(source: IO[bytes], path: Path, limit: int = LOG_BYTES) -> None:
    """Append everything from `source` to a file. At `limit` bytes the file is set aside and a new one started."""
    for line in source:
        # A full disk must not end the broker from here: the broker reports it itself, or goes on when there is room.
        with contextlib.suppress(OSError):
            if path.exists() and path.stat().st_size + len(line) > limit:
                path.replace(path.with_name(path.name + ".1"))
            with path.open("ab") as log:
                log.write(line)


def _end_with_parent(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
