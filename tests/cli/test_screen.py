"""What every screen does with texts from outside."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.text import Text

from idtrail.cli.screen import Screen, command, table


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
