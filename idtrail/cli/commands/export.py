"""`idtrail export`: writes a whole list to a file, with its manifest."""

from __future__ import annotations

import hashlib
import os
import zipfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from idtrail.cli import SINCE, Json, Until, app, connect, filters
from idtrail.cli.screen import command, console, counted, next_commands, number, print_json
from queries.exports.archive import MANIFEST
from queries.exports.form import Format
from schemas.errors import BadUsage, UserError

if TYPE_CHECKING:
    from idtrail.cli.client import Api

BLOCK: Final = 1 << 20


class What(StrEnum):
    """The lists that can be exported."""

    EVENTS = "events"
    INCIDENTS = "incidents"
    EXPOSURES = "exposures"
    FINDINGS = "findings"


_RANGE: Final = {"since", "until", "cause", "application", "subject"}
_TAKES: Final = {
    What.EVENTS: _RANGE | {"type", "kind", "outcome", "actor", "incident", "text", "unplaced"},
    What.INCIDENTS: _RANGE | {"state"},
    What.EXPOSURES: {"at", "sla"},
    What.FINDINGS: {"since", "until", "application", "kind"},
}
"""The filters of each list."""


@app.command()
def export(
    what: Annotated[What, typer.Argument(help="Which list.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ZIP file to write.", show_default=False)],
    form: Annotated[Format, typer.Option("--format", help="ocsf-… is for events.")] = Format.NDJSON,
    since: Annotated[
        str | None, typer.Option(*SINCE, help="From this time on: a time, a date, or an age (7d).", show_default=False)
    ] = None,
    until: Until = None,
    event_type: filters.Types = None,
    outcome: filters.Outcomes = None,
    state: Annotated[list[str] | None, typer.Option(help="For incidents: open, regressed, quiet, resolved.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="For events: integration, user, group, other. For findings, such as mass_deletions."),
    ] = None,
    cause: filters.Causes = None,
    app_name: filters.App = None,
    subject: filters.Subject = None,
    actor: filters.Actor = None,
    incident: filters.Incident = None,
    text: filters.Text = None,
    unplaced: Annotated[bool, typer.Option(help="For events: those whose time cannot be believed.")] = False,
    at: Annotated[str | None, typer.Option(help="For exposures: as of this time: a time, a date, or an age.")] = None,
    sla: Annotated[
        int | None, typer.Option(min=0, help="For exposures: minutes allowed for the first attempt to close.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a whole list into a ZIP file, with a manifest: filters, number of rows, SHA-256."""
    api = connect()
    given = filters.asked(
        api, type=event_type, kind=kind, outcome=outcome, cause=cause, application=app_name, subject=subject,
        actor=actor, incident=incident, text=text,
    )  # fmt: skip
    given |= {"since": since, "until": until, "state": state, "at": at, "unplaced": unplaced}
    asked = {name: value for name, value in given.items() if value}
    if sla is not None:
        asked["sla"] = sla * 60
    if strange := sorted(asked.keys() - _TAKES[what]):
        raise BadUsage(f"{what} cannot be filtered by {', '.join(strange)}")
    if asked.pop("unplaced", False):
        asked["time"] = "unplaced"
    part = output.with_name(output.name + ".part")
    try:
        _fetch(api, f"/api/v1/exports/{what}", {**asked, "format": form.value}, part)
        manifest = verified(part)
        part.replace(output)
    except OSError as error:
        raise UserError(f"{output}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    if as_json:
        print_json(manifest)
    else:
        show_manifest(console(), manifest, output)


def _fetch(api: Api, path: str, parameters: dict[str, Any], part: Path) -> None:
    columns = (SpinnerColumn(), TextColumn("exporting"), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    with part.open("wb") as file, bar:
        task = bar.add_task("", total=None)
        for size in api.download(path, parameters, file):
            bar.advance(task, size)
        file.flush()
        os.fsync(file.fileno())


def verified(path: Path) -> dict[str, Any]:
    """Return the manifest of an export whose data matches it. Raises `UserError` for any other file."""
    try:
        with zipfile.ZipFile(path) as file:
            manifest: dict[str, Any] = orjson.loads(file.read(MANIFEST))
            digest = hashlib.sha256()
            with file.open(manifest["file"]) as data:
                while block := data.read(BLOCK):
                    digest.update(block)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError):
        raise UserError("the export is incomplete: the download was interrupted; try again") from None
    if digest.hexdigest() != manifest["sha256"]:
        raise UserError("the export is not what its manifest says: the SHA-256 differs; try again")
    return manifest


def show_manifest(out: Console, manifest: dict[str, Any], output: Path) -> None:
    """Print what was written."""
    out.print(f"{output}: {counted(manifest['rows'], manifest['export'].removesuffix('s'))} as {manifest['format']}")
    out.print(f"  {manifest['file']}, {number(manifest['bytes'])} bytes, SHA-256 {manifest['sha256']}", soft_wrap=True)
    for note in manifest["notes"]:
        out.print(f"  {note}", soft_wrap=True, markup=False)
    read = command("unzip", "-p", str(output), manifest["file"])
    sums = manifest["format"] == "parquet" or not manifest["rows"]  # a terminal could show none of it
    out.print(next_commands(f"{read} | {'sha256sum' if sums else 'head'}"), soft_wrap=True)
