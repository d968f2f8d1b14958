"""`idtrail rules import-sigma`: turns Sigma rules and correlations into rules of idtrail. Needs no running trail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from idtrail.characters import seen
from idtrail.cli import say
from idtrail.cli.commands.rules import rules
from idtrail.cli.screen import counted
from schemas.errors import BadRule, BadUsage, UserError

if TYPE_CHECKING:
    from streams.alerts.sigma.conversion import Converted

ENDINGS: Final = (".yml", ".yaml")


@rules.command("import-sigma")
def import_sigma(
    files: Annotated[list[Path], typer.Argument(help="Sigma files, or folders of *.yml and *.yaml.")],
    into: Annotated[
        Path | None,
        typer.Option(
            help="Write each rule into a file of this folder; what is there already is kept. Without it, print them.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Turn Sigma rules and correlations of JumpCloud's events into rules.

    What rules cannot say exactly is refused, with its file, line and field. Exit code 3 when anything is.
    """
    made = _converted(files)
    refused = list(made.refused)
    if into is None:
        typer.echo("---\n".join(made.rules.values()), nl=False)
        count = len(made.rules)
    else:
        written = list(_write(made.rules, into, refused))
        typer.echo("".join(f"{path}\n" for path in written), nl=False)
        count = len(written)
    for problem in refused:
        typer.echo(seen(problem), err=True)
    say(f"{counted(count, 'rule')}, {len(refused)} refused")
    if refused:
        raise typer.Exit(3)


def _converted(paths: list[Path]) -> Converted:
    from streams.alerts.document import file_text

    try:
        from streams.alerts.sigma.conversion import converted
    except ImportError as error:
        raise BadUsage("reading Sigma needs pySigma, which is not installed: pip install 'idtrail[sigma]'") from error

    texts: dict[str, str] = {}
    problems: list[str] = []
    for file in _files(paths):
        try:
            texts[str(file)] = file_text(file, str(file))
        except BadRule as error:
            problems += error.problems
    made = converted(texts)
    return made._replace(refused=[*problems, *made.refused])


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise BadUsage(f"{path}: no such file or folder")
        if path.is_dir():
            yield from sorted(file for file in path.iterdir() if file.suffix in ENDINGS)
        else:
            yield path


def _write(texts: dict[str, str], folder: Path, refused: list[str]) -> Iterator[Path]:
    """Write the rules and return the files. An existing file with other contents is left as it is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for rule_id, text in texts.items():
            path = folder / f"{rule_id}.yaml"
            if path.exists() and path.read_bytes() != text.encode():
                refused.append(f"{path}: is there already and says something else: remove it first")
                continue
            path.write_text(text, encoding="utf-8")
            yield path
    except OSError as error:
        raise UserError(f"{folder}: the rules cannot be written: {error.strerror}") from error
