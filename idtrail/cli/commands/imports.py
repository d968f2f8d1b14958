"""`idtrail import`: exports of every known shape onto the log."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from idtrail.cli import Json, app
from idtrail.cli.commands.up import start
from idtrail.cli.screen import console, counted, next_commands, number, print_json, table
from idtrail.settings import Settings
from producers.files import FileSummary, Progress, Summary
from schemas.errors import SpoolFull, UserError


@app.command("import")
def import_(
    paths: Annotated[list[str], typer.Argument(help="Files, directories, or - for standard input.")],
    organization: Annotated[
        str, typer.Option(help="Organization of records that name none; another's are dead-lettered.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Import Directory Insights exports: gzip or plain, arrays, NDJSON, wrapped or single events.

    Records that cannot be read go to the dead letters with file, position and reason; the rest goes on.
    Importing a file again changes no answer. Exit code 1 if anything was not accepted.
    """
    summary = asyncio.run(_import(start(), paths, organization))
    if as_json:
        print_json([_as_json(file) for file in summary.files])
    else:
        show_summary(console(), summary)
    if not summary.complete:
        raise typer.Exit(1)


async def _import(settings: Settings, paths: list[str], organization: str) -> Summary:
    from idtrail.connections import kafka_of, open_emitter
    from idtrail.serving import now
    from producers.files import find_files, import_files

    find_files(paths)  # a wrong path is told before anything is opened
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bars:
        bar = bars.add_task("import", total=None)

        def advance(progress: Progress) -> None:
            total = progress.bytes_total or None
            described = f"{progress.file}: {number(progress.records)} records"
            bars.update(bar, completed=progress.bytes_read, total=total, description=described)

        async with open_emitter(settings, kafka_of(settings), spool="cli", clock=now) as emitter:
            try:
                return await import_files(
                    paths, emitter, organization=organization or settings.organization or None, on_progress=advance
                )
            except SpoolFull as error:
                raise UserError(
                    f"{error}. What was accepted is safe; import again when the broker is back (nothing doubles)"
                ) from error


def show_summary(out: Console, summary: Summary) -> None:
    """One sentence a file, its first bad records, and the types."""
    for file in summary.files:
        out.print(_sentence(file), soft_wrap=True, markup=False)
        for index, reason in enumerate(file.reasons, 1):
            out.print(f"{index:>3}  {reason}", soft_wrap=True, markup=False)
        if file.dead_lettered > len(file.reasons):
            out.print(f"     {number(file.dead_lettered - len(file.reasons))} more")
    if summary.skipped:
        out.print(f"passed over, by name: {', '.join(summary.skipped[:5])}", soft_wrap=True, markup=False)
    if len(summary.files) != 1:
        out.print(
            f"{counted(len(summary.files), 'file')}: {number(summary.read)} read, {number(summary.accepted)} accepted, "
            f"{number(summary.dead_lettered)} dead-lettered",
            soft_wrap=True,
        )
    rows = table("event", "accepted", right=("accepted",))
    for name, count in summary.by_type.most_common():
        rows.add_row("  " + (name or "(no type)"), number(count))
    if summary.accepted:
        out.print(rows)
    if any(file.stopped for file in summary.files):
        out.print("Accepted events are safe; import the whole file again when you have it (nothing doubles).")
    if summary.dead_lettered:
        bad = next(file for file in summary.files if file.dead_lettered)
        out.print(next_commands(f"idtrail dead-letters list --source {bad.name}"), soft_wrap=True)
    else:
        out.print(next_commands("idtrail stats", "idtrail failures --since 30d"), soft_wrap=True)


def _sentence(file: FileSummary) -> str:
    parts = [f"{counted(file.accepted, 'event')} accepted"]
    if file.spooled:
        parts.append(f"{number(file.spooled)} of them spooled until the broker is back")
    if file.dead_lettered:
        parts.append(f"{number(file.dead_lettered)} dead-lettered")
    if file.stopped:
        parts.append(file.stopped)
    return f"{file.name}: {', '.join(parts)}"


def _as_json(file: FileSummary) -> dict[str, object]:
    return {
        "file": file.name,
        "read": file.read,
        "accepted": file.accepted,
        "spooled": file.spooled,
        "dead_lettered": file.dead_lettered,
        "reasons": file.reasons,
        "stopped": file.stopped or None,
        "by_type": dict(file.by_type),
    }
