"""The help of commands: nothing that only their work needs is imported for it, and one thing has one name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from inspect import signature
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from idtrail.cli import SINCE, UNTIL, app, register_commands
from idtrail.cli.commands.events import events
from idtrail.cli.commands.export import export
from idtrail.cli.commands.imports import import_
from idtrail.cli.commands.tail import tail
from queries.api.parameters import event_filter
from schemas.errors import BadUsage
from tests.cli.running import ROOT, stateless

OF_THE_WORK = {"httpx", "pydantic", "pydantic_settings", "fastapi", "aiokafka", "faust", "textual", "chdb", "pyarrow"}
HELP = """
import sys
from idtrail.cli import app, register_commands
register_commands()
app(sys.argv[1:], standalone_mode=False)
print(*sys.modules, file=sys.stderr)
"""


def test_the_help_imports_nothing_of_what_commands_work_with() -> None:
    done = subprocess.run([sys.executable, "-c", HELP, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "lifecycle" in done.stdout
    assert not OF_THE_WORK & set(done.stderr.split())


def test_the_release_is_told() -> None:
    assert stateless(["--version"], {}) == (0, f"idtrail {version('idtrail')}\n", "")


def commands(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Every command, by its words."""
    yield " ".join(path), command
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from commands(inner, *path, name)


def test_a_range_has_the_same_names_in_every_command() -> None:
    register_commands()
    found = {
        (name, option.name): tuple(option.opts)
        for name, command in commands(get_command(app))
        for option in command.params
        if option.name in ("since", "until")
    }
    assert {"lifecycle", "events", "exposures", "findings", "export"} <= {name for name, _ in found}
    assert {opts for (_, end), opts in found.items() if end == "since"} == {SINCE}
    assert {opts for (_, end), opts in found.items() if end == "until"} == {UNTIL}


@pytest.mark.parametrize("command", [events, tail, export])
def test_commands_that_choose_events_offer_every_filter_of_the_api(command: Callable[..., None]) -> None:
    offered = {
        {"event_type": "type", "app_name": "application"}.get(name, name) for name in signature(command).parameters
    }
    assert signature(event_filter).parameters.keys() - {"organization"} <= offered


@pytest.mark.parametrize(
    "arguments", [pytest.param(("schema",), id="a table"), pytest.param(("rules", "schema"), id="a text")]
)
def test_a_command_whose_reader_has_gone_ends_as_by_the_signal(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "idtrail", *arguments], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("command", "given", "told"),
    [
        pytest.param(events, {"raw": True}, "--raw prints the bytes of one event", id="bytes of no event"),
        pytest.param(import_, {"paths": ["x.json"], "every": 5}, "--every is for --watch", id="a pause of one look"),
    ],
)
def test_an_option_that_would_mean_nothing_is_refused(
    command: Callable[..., None], given: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadUsage, match=f"^{told}"):
        command(**given)
