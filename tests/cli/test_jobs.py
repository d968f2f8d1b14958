"""Watching a job of the serving process: Ctrl-C ends the watching, and says what goes on."""

from __future__ import annotations

from typing import Any, cast

import pytest
import typer

from idtrail.cli.client import Api
from idtrail.cli.jobs import follow


class Rebuilding:
    """An API whose job never ends, and a user who loses patience at the second look."""

    url = "http://127.0.0.1:8642"

    def __init__(self) -> None:
        self.looks = 0

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/api/v1/jobs/rebuild"
        self.looks += 1
        if self.looks == 2:
            raise KeyboardInterrupt
        return {"step": "filling", "done": 1, "total": 2, "running": True}


def test_ctrl_c_says_that_the_job_goes_on_and_how_it_is_watched_or_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("idtrail.cli.jobs.LOOK_SECONDS", 0)
    with pytest.raises(typer.Exit) as ended:
        follow(cast(Api, Rebuilding()), "rebuild", {})
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err.splitlines()[-1] == (
        "idtrail: the rebuild goes on in the serving process: `idtrail rebuild` watches it again, "
        "DELETE http://127.0.0.1:8642/api/v1/jobs/rebuild stops it"
    )
