"""The command `idtrail`: one file a command, data on stdout, everything else on stderr.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 findings (for checks), 141 nobody reads the output any more.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typer.core import TyperGroup

from idtrail.characters import seen
from schemas.errors import BadUsage, IdtrailError

if TYPE_CHECKING:
    from idtrail.cli.client import Api

PIPE_CLOSED: Final = 141
"""How a shell sees a program that SIGPIPE ended, such as every other in `… | head -1`."""


class _Commands(TyperGroup):
    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # Typer passes its own context only
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered is written at the exit
            raise typer.Exit(PIPE_CLOSED) from None


app = typer.Typer(
    name="idtrail",
    cls=_Commands,
    help="The audit trail of identity provisioning: what was attempted, what failed and why, who is still in.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON (NDJSON for lists) instead of a table.")]
SINCE: Final = ("--since", "--from")
UNTIL: Final = ("--until", "--to")
"""The options for the two ends of a range, with every name that all commands accept; the documentation uses the
first."""
ALWAYS: Final = "2000-01-01"
"""A time before every event."""
Since = Annotated[str, typer.Option(*SINCE, help="From this time on: a time, a date, or an age (24h, 7d).")]
Until = Annotated[str | None, typer.Option(*UNTIL, help="Before this time.", show_default=False)]
Organization = Annotated[
    str | None, typer.Option(help="Only of this organization, with a token of all.", show_default=False)
]


def _show_version(wanted: bool) -> None:
    if wanted:
        from queries.release import RELEASE

        typer.echo(f"idtrail {RELEASE}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the release and exit.")
    ] = False,
) -> None:
    pass


def register_commands() -> None:
    """Import every module of `idtrail.cli.commands`: each adds its command to `app`.

    The help of one command imports all of them, so no module imports at its top what only its work needs.
    """
    from idtrail.cli import commands

    for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda found: found.name):
        importlib.import_module(f"{commands.__name__}.{module.name}")


def connect() -> Api:
    """Return a client of the trail in the settings."""
    from idtrail.cli.client import Api
    from idtrail.settings import load_settings

    return Api(load_settings(), say)


def say(sentence: str) -> None:
    """Print a message to standard error. Characters in names cannot break the line."""
    for line in seen(sentence).split("\n"):
        typer.echo(f"idtrail: {line}", err=True)


def main() -> None:
    """Run the command line. Errors of idtrail become one sentence and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal's encoding may lack what a name is written in
    register_commands()
    try:
        app()
    except BadUsage as error:
        sys.exit(_complain(error, 2))
    except IdtrailError as error:
        sys.exit(_complain(error, 1))
    except KeyboardInterrupt:
        sys.exit(130)


def _complain(error: IdtrailError, code: int) -> int:
    say(str(error))
    return code
