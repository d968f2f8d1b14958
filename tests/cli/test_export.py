"""What `idtrail export` asks for and says; whole exports of a running trail are in `test_trail`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from typer.testing import CliRunner

from idtrail.cli import app, register_commands
from idtrail.cli.commands import export as command
from idtrail.cli.screen import Screen
from queries.exports.archive import archive
from schemas.errors import BadUsage

Item = dict[str, Any]

WHOLE = "957f3a61" * 4


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Item]]:
    """What the command asked for; it is answered with an empty list."""
    calls: list[tuple[str, Item]] = []

    class Answering:
        def get(self, path: str, parameters: Item) -> Item:
            assert path == "/api/v1/incidents/957f3a61"
            return {"incident_id": WHOLE}

        def download(self, path: str, parameters: Item, to: BinaryIO) -> Iterator[int]:
            calls.append((path, parameters))
            told = {"export": "events", "format": "ndjson", "rows": 0, "notes": ["Some are not in it."]}
            for block in archive("events.ndjson", [], lambda: told):
                yield to.write(block)

    monkeypatch.setattr(command, "connect", Answering)
    monkeypatch.setattr(command, "console", lambda: Screen(width=80, no_color=True))
    register_commands()
    return calls


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        pytest.param(("--since", "7d"), {"since": "7d", "format": "ndjson"}, id="a range"),
        pytest.param(("--unplaced",), {"time": "unplaced", "format": "ndjson"}, id="those without a believable time"),
        pytest.param(
            ("--incident", "957f3a61", "--kind", "user", "--type", "user_deprovision", "--actor", "ada"),
            {"incident": WHOLE, "kind": ["user"], "type": ["user_deprovision"], "actor": "ada", "format": "ndjson"},
            id="those that meet a filter",
        ),
    ],
)
def test_events_are_asked_for_with_every_filter(
    asked: list[tuple[str, Item]], tmp_path: Path, arguments: tuple[str, ...], parameters: Item
) -> None:
    done = CliRunner().invoke(app, ["export", "events", *arguments, "-o", str(tmp_path / "events.zip")])
    assert done.exit_code == 0, done.output
    assert asked == [("/api/v1/exports/events", parameters)]
    assert "  Some are not in it." in done.output.splitlines()


def test_only_events_can_be_without_a_believable_time(asked: list[tuple[str, Item]], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "incidents", "--unplaced", "-o", str(tmp_path / "incidents.zip")])
    assert isinstance(done.exception, BadUsage)
    assert str(done.exception) == "incidents cannot be filtered by unplaced"
    assert (asked, list(tmp_path.iterdir())) == ([], [])
