"""The command `idtrail`: one file a command, data on stdout, everything else on stderr.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 findings (for checks).
"""

from __future__ import annotations

import sys
from typing import Annotated

import click
import typer

from schemas.errors import BadUsage, IdtrailError

app = typer.Typer(
    name="idtrail",
    help="The audit trail of identity provisioning: what was attempted, what failed, why, who is still in.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON (NDJSON for lists) instead of a table.")]


def _register() -> None:
    """Import every command: each adds itself to `app`."""
    from idtrail.cli import api, demo, emit, imports, jars, up, worker  # noqa: F401  because importing adds them


def main() -> None:
    """Run the command line. Errors of ours become one sentence and an exit code, never a traceback."""
    _register()
    try:
        code = app(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except BadUsage as error:
        _complain(error)
        sys.exit(2)
    except IdtrailError as error:
        _complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: IdtrailError) -> None:
    typer.echo(f"idtrail: {error}", err=True)
