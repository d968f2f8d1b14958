"""The README's five minutes, played: what its commands print. tests/cli/test_trail.py holds it against what they show.

`python -m tests.test_readme` writes the output of its commands anew.
"""

from __future__ import annotations

import re
import shlex
import tempfile
import time
from pathlib import Path

from tests.cli.running import ROOT, RunningTrail

README = ROOT / "README.md"
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"```console\n(\$ idtrail .*?)```", re.DOTALL)
_AGE = re.compile(r"\(?\b\d+ (?:s|min|h|d)\b(?: ago)?\)?")
FOLD_SECONDS = 60
COLUMNS = {"COLUMNS": "110"}


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


def without_ages(text: str) -> list[str]:
    """Ages grow with every day; the columns beside them move, and what is cut off moves with them."""
    lines = (_AGE.sub("AGE", line) for line in text.splitlines())
    return [" ".join(line.split() if "…" not in line else _uncut(line)) for line in lines]


def _uncut(line: str) -> list[str]:
    kept, _, after = line.partition("…")
    return [*kept.split()[:4], "…", *after.split()]


def _rewrite() -> None:
    with tempfile.TemporaryDirectory() as directory:
        trail = RunningTrail(Path(directory) / "state", more=COLUMNS)
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
