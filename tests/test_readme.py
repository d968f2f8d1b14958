"""The README's five minutes, run as written: what it shows is what a user sees.

`python -m tests.test_readme` writes the output of its commands anew.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from idtrail.stack.lock import read_running
from tests.cli.running import ROOT, RunningTrail
from tests.records import event

README = ROOT / "README.md"
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"```console\n(\$ idtrail .*?)```", re.DOTALL)
_AGE = re.compile(r"\(?\b\d+ (?:s|min|h|d)\b(?: ago)?\)?")
FOLD_SECONDS = 60


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTrail]:
    running = RunningTrail(tmp_path_factory.mktemp("readme") / "state", more={"COLUMNS": "110"})
    try:
        running.start()
        yield running
    finally:
        assert running.stop() == 0


@pytest.mark.kafka
@pytest.mark.store
def test_the_tour_shows_what_a_user_sees(trail: RunningTrail) -> None:
    blocks = BLOCK.findall(README.read_text())
    assert len(blocks) >= 4
    for block in blocks:
        command = block.splitlines()[0]
        assert _without_ages(played(trail, command)) == _without_ages(block), command


@pytest.mark.kafka
@pytest.mark.store
def test_the_example_in_python_runs_as_it_stands(trail: RunningTrail, tmp_path: Path) -> None:
    running = read_running(trail.state)
    assert running is not None
    (script,) = EXAMPLE.findall(README.read_text())
    one, *more = (orjson.dumps(event(id=f"readme-{number}")) for number in range(3))
    (tmp_path / "event.json").write_bytes(one)
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(more))
    done = subprocess.run(
        [sys.executable, "-c", script.replace("kafka-1:9092", running.bootstrap)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("logged 2 0 0\n", 0), done.stderr


def played(trail: RunningTrail, command: str) -> str:
    """A block as it should stand in the README."""
    arguments = shlex.split(command.removeprefix("$ idtrail "))
    printed = trail.run(*arguments)
    trail.settle()
    if arguments[0] == "import":
        fold(trail)
    return "\n".join([command, *(line.rstrip() for line in printed.splitlines())]) + "\n"


def fold(trail: RunningTrail) -> None:
    """Wait until the incidents hold every failure that is stored, and their ends: all of the tour's have ended."""
    deadline = time.monotonic() + FOLD_SECONDS
    while True:
        failed = sum(cause["tries"] for cause in trail.json("failures", "--since", "2000-01-01"))
        found = trail.json("incidents", "--since", "2000-01-01")
        folded = sum(incident["attempts"] for incident in found)
        if failed == folded and all(incident["ended_at"] for incident in found):
            return
        assert time.monotonic() < deadline, (failed, folded)
        time.sleep(0.05)


def _without_ages(text: str) -> list[str]:
    """Ages grow with every day; the columns beside them move, and what is cut off moves with them."""
    lines = (_AGE.sub("AGE", line) for line in text.splitlines())
    return [" ".join(line.split() if "…" not in line else _uncut(line)) for line in lines]


def _uncut(line: str) -> list[str]:
    kept, _, after = line.partition("…")
    return [*kept.split()[:4], "…", *after.split()]


def _rewrite() -> None:
    with tempfile.TemporaryDirectory() as directory:
        trail = RunningTrail(Path(directory) / "state", more={"COLUMNS": "110"})
        trail.start()
        try:
            text = README.read_text()
            for block in BLOCK.findall(text):
                text = text.replace(block, played(trail, block.splitlines()[0]))
            README.write_text(text)
        finally:
            trail.stop()


if __name__ == "__main__":
    _rewrite()
