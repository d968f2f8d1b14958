"""The list of tokens at 80 columns, and what is revoked by the beginning of an id."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from idtrail.cli import app, register_commands
from idtrail.cli.commands import tokens as command
from idtrail.cli.screen import Screen
from schemas.errors import UserError

Item = dict[str, Any]

ALIKE = "4be1a0c2-0000-4000-8000-000000000001"
IDS = (ALIKE, "4be1a0c2-ffff-4000-8000-000000000002", "9c07d1e4-0000-4000-8000-000000000003")
ORGANIZATION = "5fad07f2b9f5414721b3d797"


def token(token_id: str, **more: Any) -> Item:
    nothing = {"expires_at": None, "revoked_at": None, "created_at": "2026-03-19T12:00:00Z"}
    named = {"name": "the nightly export of all events", "scopes": ["admin", "ingest", "read"]}
    return {"token_id": token_id, **named, "organization": ORGANIZATION, **nothing, **more}


@pytest.fixture
def revoked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the command revoked, of three tokens."""
    paths: list[str] = []
    items = [
        token(IDS[0]),
        token(IDS[1], expires_at="2027-03-19T12:00:00Z"),
        token(IDS[2], revoked_at="2026-03-19T12:00:00Z"),
    ]

    class Answering:
        def get(self, path: str) -> Item:
            return {"items": items}

        def delete(self, path: str) -> None:
            paths.append(path)

    monkeypatch.setattr(command, "connect", Answering)
    monkeypatch.setattr(command, "console", lambda: Screen(width=80, no_color=True))
    register_commands()
    return paths


def test_the_list_has_an_id_to_revoke_by_and_every_state(revoked: list[str]) -> None:
    lines = CliRunner().invoke(app, ["token", "list"]).stdout.splitlines()
    assert lines[0] == "3 tokens"
    assert [line.split()[0] for line in lines[2:]] == ["4be1a0c2", "4be1a0c2", "9c07d1e4"]
    for line, state in zip(lines[2:], ("valid", "until 2027-03-19 12:00", "revoked"), strict=True):
        assert f"  {state}  " in line
        assert cell_len(line) <= 80


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        pytest.param("9c07d1e4", IDS[2], id="as the list shows it"),
        pytest.param("9c", IDS[2], id="less of it"),
        pytest.param("4BE1A0C20000", ALIKE, id="without dashes, in capitals"),
        pytest.param(ALIKE, ALIKE, id="whole"),
    ],
)
def test_one_is_revoked_by_the_beginning_of_its_id(revoked: list[str], given: str, meant: str) -> None:
    done = CliRunner().invoke(app, ["token", "revoke", given])
    assert (done.exit_code, revoked) == (0, [f"/api/v1/tokens/{meant}"])
    assert f"token {meant} revoked" in done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("4be1a0c2", "2 tokens begin with '4be1a0c2': give more of the id", id="of two"),
        pytest.param("", "no token begins with ''", id="nothing"),
        pytest.param("deadbeef", "no token begins with 'deadbeef'", id="of none"),
    ],
)
def test_a_beginning_that_means_no_single_one_revokes_none(revoked: list[str], given: str, said: str) -> None:
    done = CliRunner().invoke(app, ["token", "revoke", given])
    assert isinstance(done.exception, UserError)
    assert said in str(done.exception)
    assert revoked == []
