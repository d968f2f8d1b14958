"""`python -m idtrail.stack.guard COMMAND…`: runs a child that must not outlive our parent.

The parent holds the writing end of this process's standard input. When it closes, however the parent
ended, the child is ended: SIGTERM, then SIGKILL. Imports nothing but the standard library, to start fast.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Final

GRACE_SECONDS: Final = 10


def main(command: list[str]) -> int:
    """Run `command` until it ends or standard input closes; its exit code."""
    # Signals are for the parent, which then closes the pipe. Handlers, since SIG_IGN the child would inherit.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    print(child.pid, flush=True)  # noqa: T201  because the parent reads it
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    return child.wait()


def _end_with_parent(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
