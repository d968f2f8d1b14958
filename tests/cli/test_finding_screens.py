"""The screens of findings at 80 columns, exit codes, and what the command asks the API for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from idtrail.cli import app, register_commands
from idtrail.cli.commands import findings as command
from idtrail.cli.finding_screens import STEPS, WORDS
from queries.findings.finding import Kind
from queries.findings.restoring import ORDER

Item = dict[str, Any]

FOUND: Item = {
    "id": "0123456789abcdef",
    "kind": "mass_deactivations",
    "application_id": "a1",
    "application": "a-very-long-application-name",
    "since": "2026-03-19T10:02:00Z",
    "until": "2026-03-19T10:04:00Z",
    "sure": "certain",
    "text": "1,204 people to be deactivated, 1,200 accepted; usually at most 2 in an hour",
    "people": 1204,
    "usual": 2,
    "threshold": 10,
    "act": {
        "event_id": "6f2c0f5e-7c7b-5d5e-8d63-0d3a3c1d2b4a",
        "at": "2026-03-19T10:01:00Z",
        "text": "all staff unbound from statsig by ada@corp.example",
    },
    "next": "ask ada@corp.example whether it was meant",
    "accounts": [{"subject_id": "p1", "name": "ines.almeida", "was": "active", "now": "inactive"}],
    "restore": [
        {"do": do, "subject_id": "p1", "name": "ines.almeida", "group_id": "g1", "group": "data"} for do in ORDER
    ],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Item]]:
    """What the command asked for; it is answered with one finding, and for `--app nothing` with none."""
    calls: list[tuple[str, Item]] = []

    class Answering:
        def get(self, path: str, parameters: Item) -> Any:
            calls.append((path, parameters))
            if path != command.PATH:
                return FOUND
            items = [] if parameters["application"] == "nothing" else [FOUND, {**FOUND, "act": None}]
            return {"since": FOUND["since"], "until": FOUND["until"], "items": items, "total": len(items)}

    monkeypatch.setattr(command, "connect", Answering)
    monkeypatch.setattr(command, "console", lambda: Console(width=80, highlight=False, emoji=False))
    register_commands()
    return calls


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["findings", *arguments])
    assert done.exit_code == code, done.output
    return done.stdout


def test_the_list_says_first_how_many_and_ends_with_3(asked: list[tuple[str, Item]]) -> None:
    lines = run("--app", "statsig", code=3).splitlines()
    assert lines[0] == "2 findings: deactivations 2"
    assert [line.rstrip() for line in lines[2:5]] == [
        "  finding   what           app         people  since (UTC)  why",
        "  01234567  deactivations  a-very-lo…   1,204  03-19 10:02  all staff unbound f…",
        "  01234567  deactivations  a-very-lo…   1,204  03-19 10:02  the log does not te…",
    ]
    assert all(cell_len(line) <= 80 for line in lines)
    assert lines[-1] == "Next: idtrail findings 01234567 --since 2026-03-19"
    ((path, parameters),) = asked
    assert (path, parameters["since"], parameters["application"]) == ("/api/v1/findings", "30d", "statsig")


def test_nothing_found_ends_with_0_and_says_where_was_looked(asked: list[tuple[str, Item]]) -> None:
    assert run("--app", "nothing").splitlines() == [
        "0 findings",
        "Nothing of the sort from 2026-03-19 until 2026-03-19.",
    ]


def test_nothing_found_in_a_range_that_goes_on_says_until_now(
    asked: list[tuple[str, Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FOUND, "until", "2099-01-01T00:00:00Z")
    assert run("--app", "nothing").splitlines()[1] == "Nothing of the sort from 2026-03-19 until now."


def test_one_is_told_whole_and_ends_with_0(asked: list[tuple[str, Item]]) -> None:
    text = run("01234567")
    assert asked[0][0] == "/api/v1/findings/01234567"
    for told in ("all staff unbound from statsig by ada@corp.example", "1 active before, inactive now"):
        assert told in text
    assert "To restore, in this order (8 steps):" in text
    assert "Next: idtrail findings 01234567 --since 2026-03-19 --json" in text
    assert json.loads(run("01234567", "--json")) == FOUND


def test_what_is_no_mass_change_is_told_without_a_baseline(
    asked: list[tuple[str, Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects = [{"subject_id": f"p{n}", "name": f"person.{n}"} for n in range(20)]
    monkeypatch.setitem(FOUND, "threshold", 0)
    monkeypatch.setitem(FOUND, "subjects", subjects)
    text = run("01234567")
    assert "person.14 and" in text.replace("\n", " ")
    assert "5 more (--json)" in text.replace("\n", " ")
    assert "baseline" not in text
    assert text.splitlines()[-1] == "Next: idtrail findings 01234567 --since 2026-03-19 --json"


def test_every_kind_and_step_has_words() -> None:
    assert set(WORDS) == {kind.value for kind in Kind}
    assert set(STEPS) == set(ORDER)
