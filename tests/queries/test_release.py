"""A process whose files were changed since it began says so to whoever meets a defect."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from queries.release import RELEASE, upgraded_beneath

SENTENCE = f"idtrail was upgraded beneath this process, which runs {RELEASE} from before: restart it"


def module(name: str, file: Path) -> ModuleType:
    """One that was imported from that file."""
    made = ModuleType(name)
    made.__file__ = str(file)
    return made


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        pytest.param("queries.later", "", "", id="nothing changed"),
        pytest.param("queries.later", "written", SENTENCE, id="a file of ours was written"),
        pytest.param("queries.later", "gone", SENTENCE, id="a file of ours is gone"),
        pytest.param("somebody.else", "written", "", id="a file of somebody else's was written"),
    ],
)
def test_files_that_changed_since_are_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, change: str, told: str
) -> None:
    since = time.time() + 1000  # the sources of a checkout may be new
    file = tmp_path / "later.py"
    if change != "gone":
        file.touch()
    if change == "written":
        os.utime(file, (since + 1, since + 1))
    monkeypatch.setitem(sys.modules, name, module(name, file))
    assert upgraded_beneath(since) == told
