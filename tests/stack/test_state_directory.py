"""One trail in a state directory, and others told where it is."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from idtrail.stack.lock import Running, StateDirectory, make_directory, read_running
from schemas.errors import AlreadyRunning, BadUsage
from tests.stack.children import child


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with StateDirectory(tmp_path / "deep" / "state") as state:
        assert stat.S_IMODE(state.path.stat().st_mode) == 0o700


@pytest.mark.parametrize("below", ["", "deep"], ids=["a file", "below a file"])
def test_a_directory_that_cannot_be_made_names_the_setting(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadUsage, match=r"IDTRAIL_STATE_DIR: .*/file.* cannot be used: "):
        make_directory(tmp_path / "file" / below)


def test_a_directory_of_another_user_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(BadUsage, match="belongs to another user"), StateDirectory(tmp_path):
        pass


def test_a_second_copy_is_told_who_where_and_what_to_do(tmp_path: Path) -> None:
    with child("holder", tmp_path) as holder:
        with pytest.raises(AlreadyRunning) as refused, StateDirectory(tmp_path):
            pass
        sentence = str(refused.value)
        assert f"process {holder.pid}, http://127.0.0.1:8642" in sentence
        assert str(tmp_path) in sentence
        assert "stop it first, or give this one a directory of its own with IDTRAIL_STATE_DIR" in sentence


def test_a_copy_that_is_still_starting_refuses_too(tmp_path: Path) -> None:
    with StateDirectory(tmp_path):
        with pytest.raises(AlreadyRunning, match="a process that is still starting"), StateDirectory(tmp_path):
            pass
        assert read_running(tmp_path) is None


def test_others_find_the_running_trail_until_its_clean_end(tmp_path: Path) -> None:
    with child("holder", tmp_path) as holder:
        assert read_running(tmp_path) == Running(holder.pid, "127.0.0.1:9092", "http://127.0.0.1:8642")
        holder.communicate(b"", timeout=20)
    assert read_running(tmp_path) is None
    assert not (tmp_path / "stack.json").exists()


def test_a_killed_trail_is_not_running_and_its_directory_is_free(tmp_path: Path) -> None:
    with child("holder", tmp_path) as holder:
        holder.kill()
        holder.wait(20)
        assert (tmp_path / "stack.json").exists()
        assert read_running(tmp_path) is None
        with StateDirectory(tmp_path):
            assert not (tmp_path / "stack.json").exists()


def test_a_number_that_another_process_has_by_now_is_no_running_trail(tmp_path: Path) -> None:
    with child("holder", tmp_path) as holder:
        holder.kill()
        holder.wait(20)
    left = json.loads((tmp_path / "stack.json").read_text())
    (tmp_path / "stack.json").write_text(json.dumps({**left, "pid": os.getpid()}))
    assert read_running(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "null"])
def test_a_file_that_says_nothing_is_no_running_trail(tmp_path: Path, text: str) -> None:
    (tmp_path / "stack.json").write_text(text)
    assert read_running(tmp_path) is None


def test_looking_at_a_directory_that_is_not_there_makes_none(tmp_path: Path) -> None:
    assert read_running(tmp_path / "none") is None
    assert not (tmp_path / "none").exists()
