"""What every screen does with texts from outside."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from rich.text import Text

from idtrail.cli import say
from idtrail.cli.screen import Screen, command, span, table, why_still_open


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("[QA] testers", "[QA] testers", id="brackets are no markup"),
        pytest.param("[/nope]", "[/nope]", id="nor is what would end one"),
        pytest.param("\x1b[2Jines", "�[2Jines", id="an escape clears no screen"),
        pytest.param("\x9b31mines", "�31mines", id="nor does its short form"),
        pytest.param("ines\u202egnp.exe", "ines�gnp.exe", id="nothing is turned round"),
        pytest.param("Zoë 東京", "Zoë 東京", id="letters stay"),
    ],
)
def test_a_name_is_shown_as_text_whatever_it_holds(name: str, shown: str) -> None:
    out = Screen(file=StringIO(), width=80, force_terminal=True, color_system=None)
    rows = table("who", "why")
    rows.add_row(name, name)
    out.print(name, soft_wrap=True)
    out.print(Text(name))
    out.print(rows)
    assert isinstance(out.file, StringIO)
    lines = [line.rstrip() for line in out.file.getvalue().splitlines()]
    assert lines[:2] == [shown, shown]
    assert lines[3].count(shown) == 2


TRIED: dict[str, Any] = {"attempted": "inactive", "attempted_at": "09:00", "last_try": "09:00", "last_cause": ""}
OPENED: dict[str, Any] = {**TRIED, "attempted": "active"}


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        pytest.param(
            {**TRIED, "last_outcome": "failure", "last_cause": "credentials"}, "credentials: said", id="not closed"
        ),
        pytest.param({**TRIED, "last_outcome": "unknown"}, "no clear answer: said", id="perhaps closed"),
        pytest.param({**OPENED, "last_outcome": "success"}, "opened again", id="opened again"),
        pytest.param({**TRIED, "last_outcome": "success"}, "opened again", id="shown open by an update"),
        pytest.param({**OPENED, "last_outcome": "unknown"}, "perhaps opened again: said", id="perhaps opened again"),
        pytest.param(
            {**OPENED, "attempted_at": "09:05", "last_outcome": "unknown"}, "no clear answer: said",
            id="perhaps closed, and opening it failed",
        ),
    ],
)  # fmt: skip
def test_of_an_open_account_it_is_told_why_it_is_open(account: dict[str, Any], shown: str) -> None:
    assert why_still_open({**account, "last_detail": "said"}) == shown


def test_a_name_in_a_message_begins_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    say("nobody is known as 'ine'; near: ines\n2026-11-30 17:03:49  user_deprovision  200 success")
    assert [line[:9] for line in capsys.readouterr().err.splitlines()] == ["idtrail: ", "idtrail: "]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("ines.almeida@corp.example", "ines.almeida@corp.example", id="plain"),
        pytest.param("all staff", "'all staff'", id="a space"),
        pytest.param("$(reboot)", "'$(reboot)'", id="another command"),
    ],
)
def test_a_command_can_be_copied_into_a_shell(name: str, told: str) -> None:
    assert command("idtrail", "state", name) == f"idtrail state {told}"


@pytest.mark.parametrize(
    ("delta", "told"),
    [
        pytest.param(timedelta(days=7, microseconds=-40_000), "7 d", id="a moment less than it was asked for"),
        pytest.param(timedelta(days=6, hours=23), "6 d", id="an hour less is less"),
        pytest.param(timedelta(hours=47), "47 h", id="hours up to two days"),
        pytest.param(timedelta(seconds=59.4), "59 s", id="seconds"),
        pytest.param(timedelta(seconds=-3), "0 s", id="clocks differ"),
    ],
)
def test_a_span_is_told_in_its_largest_unit(delta: timedelta, told: str) -> None:
    assert span(delta) == told
