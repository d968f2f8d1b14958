"""The guard: its child ends with the parent, however the parent ends."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from idtrail.stack import guard
from tests.stack.children import gone, wait_until


def _guarded(home: Path, program: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-IS", guard.__file__, str(home), sys.executable, "-uc", program]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    log = home / "broker.log"
    wait_until(lambda: log.exists() and b"ready" in log.read_bytes())
    return process


SLEEP = "import time; print('ready'); time.sleep(60)"


def test_the_child_ends_when_the_pipe_closes(tmp_path: Path) -> None:
    with _guarded(tmp_path, SLEEP) as process:
        child = psutil.Process(int((tmp_path / "broker.pid").read_text()))
        assert child.cwd() == str(tmp_path)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) != 0
        assert gone(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_signals_are_for_the_parent(tmp_path: Path, number: signal.Signals) -> None:
    with _guarded(tmp_path, SLEEP) as process:
        child = psutil.Process(int((tmp_path / "broker.pid").read_text()))
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        assert not gone(child)


def test_a_signal_that_the_guard_minds_still_ends_the_child(tmp_path: Path) -> None:
    """Handlers are not inherited: a child that could not be ended by SIGTERM would take ten seconds to stop."""
    with _guarded(tmp_path, SLEEP) as process:
        os.kill(int((tmp_path / "broker.pid").read_text()), signal.SIGTERM)
        assert process.wait(5) != 0


def test_what_the_child_says_is_kept_with_its_exit_code(tmp_path: Path) -> None:
    program = "import sys; print('ready'); print('trouble', file=sys.stderr); sys.exit(7)"
    with _guarded(tmp_path, program) as process:
        assert process.wait(10) == 7
    assert (tmp_path / "broker.log").read_text() == "ready\ntrouble\n"


def test_the_log_never_grows_beyond_two_files(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    lines = [b"%03d\n" % number for number in range(100)]
    guard.keep_log(io.BytesIO(b"".join(lines)), log, limit=40)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broker.log", "broker.log.1"]
    kept = (tmp_path / "broker.log.1").read_bytes() + log.read_bytes()
    assert kept == b"".join(lines[-20:])


def test_a_log_that_cannot_be_written_does_not_stop_the_child(tmp_path: Path) -> None:
    source = io.BytesIO(b"lost\n" * 3)
    guard.keep_log(source, tmp_path / "none" / "broker.log")
    assert source.read() == b""
