"""`idtrail import`: puts exports of every known format on the log."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from idtrail.cli import Json, app
from idtrail.cli.commands.up import say, start
from idtrail.cli.screen import command, console, counted, cut, next_commands, number, print_json, table
from schemas.errors import BadUsage, SpoolFull, UserError
from schemas.organization import require_organization

if TYPE_CHECKING:
    from idtrail.settings import Settings
    from producers.files import FileSummary, Progress, Summary
    from producers.watch import Watched


EVERY: Final = 30
"""Seconds between two looks at what is watched, by default."""


@app.command("import")
def import_(
    paths: Annotated[
        list[str], typer.Argument(help="Files, directories, s3:// or gs:// addresses, or - for standard input.")
    ],
    organization: Annotated[
        str, typer.Option(help="Organization of records that name none; another's are dead-lettered.")
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking for new and changed files.")] = False,
    every: Annotated[
        int | None,
        typer.Option(min=1, help=f"With --watch: seconds between two looks; by default {EVERY}.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import Directory Insights exports: gzip or plain, arrays, NDJSON, wrapped or single events.

    Records that cannot be read go to the dead letters with file, position and reason; the rest goes on.
    Importing a file again changes no answer. Exit code 1 if anything was not accepted.

    With --watch, folders and buckets are looked at again and again until Ctrl-C. What was read is remembered
    across restarts; files that are still being written are tried again later.
    """
    if organization:
        require_organization(organization, "--organization")
    if every and not watch:
        raise BadUsage("--every is for --watch: without it the files are read once")
    if watch:
        pause = timedelta(seconds=every or EVERY)
        watched = asyncio.run(_watch(start(), paths, organization, pause, as_json=as_json))
        if not as_json:
            show_watched(console(), watched)
        complete = watched.complete
    else:
        summary = asyncio.run(_import(start(), paths, organization))
        if as_json:
            print_json([_as_json(file) for file in summary.files])
        else:
            show_summary(console(), summary)
        complete = summary.complete
    if not complete:
        raise typer.Exit(1)


async def _watch(
    settings: Settings, paths: list[str], organization: str, every: timedelta, *, as_json: bool
) -> Watched:
    """Watch until Ctrl-C or SIGTERM. Work in progress is then dropped, and read again at the next start."""
    from idtrail.emitting import kafka_of, now, open_emitter
    from producers.blocks import STDIN
    from producers.journal import Journal
    from producers.watch import Watch

    if STDIN in paths:
        raise BadUsage("standard input cannot be watched: name folders or buckets")
    stop, out = asyncio.Event(), console()

    async def wait(pause: timedelta) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause.total_seconds())
        return not stop.is_set()

    def tell(file: FileSummary) -> None:
        if as_json:
            print_json(_as_json(file))
        else:
            _show_file(out, file)

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    with Journal(settings.state / "imports.sqlite3") as journal:
        # It has its own spool: an import or emit running beside the watch uses the other.
        async with open_emitter(settings, kafka_of(settings), spool="watch", clock=now) as emitter:
            watch = Watch(
                paths,
                emitter,
                journal,
                organization=organization or settings.organization or None,
                every=every,
                clock=now,
                wait=wait,
                on_file=tell,
            )
            looking = asyncio.create_task(watch.run())
            stopping = asyncio.create_task(stop.wait())
            say(f"looking every {every.total_seconds():.0f} s at {', '.join(paths)}; stop with Ctrl-C")
            await asyncio.wait([looking, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
    return watch.watched


async def _import(settings: Settings, paths: list[str], organization: str) -> Summary:
    from idtrail.emitting import kafka_of, now, open_emitter_beside_others
    from producers.exports import find_files
    from producers.files import import_files

    find_files(paths)  # a wrong path is reported before anything is opened
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

        async with open_emitter_beside_others(settings, kafka_of(settings), clock=now) as emitter:
            try:
                return await import_files(
                    paths, emitter, organization=organization or settings.organization or None, on_progress=advance
                )
            except SpoolFull as error:
                raise UserError(
                    f"{error}. What was accepted is safe; import again when the broker is back (nothing doubles)"
                ) from error


def show_watched(out: Console, watched: Watched) -> None:
    """Print what was done in total, and which files are incomplete."""
    told = (
        f"{counted(watched.files, 'file')} read: {counted(watched.read, 'record')}, {number(watched.accepted)} accepted"
    )
    out.print(f"{told}, {number(watched.dead_lettered)} dead-lettered", soft_wrap=True)
    _show_types(out, watched.by_type)
    for name, why in watched.unfinished.items():
        out.print(f"not whole: {name}: {why}", soft_wrap=True, markup=False)
    if watched.dead_lettered:
        out.print(next_commands("idtrail dead-letters stats"), soft_wrap=True)
    else:
        out.print(next_commands("idtrail stats", "idtrail exposures"), soft_wrap=True)


def show_summary(out: Console, summary: Summary) -> None:
    """Print one sentence per file, its first bad records, and the types."""
    for file in summary.files:
        _show_file(out, file)
    if summary.skipped:
        out.print(f"passed over, by name: {', '.join(summary.skipped[:5])}", soft_wrap=True, markup=False)
    if len(summary.files) != 1:
        out.print(
            f"{counted(len(summary.files), 'file')}: {number(summary.read)} read, {number(summary.accepted)} accepted, "
            f"{number(summary.dead_lettered)} dead-lettered",
            soft_wrap=True,
        )
    _show_types(out, summary.by_type)
    if any(file.stopped and file.accepted for file in summary.files):
        out.print("Accepted events are safe; import the whole file again when you have it (nothing doubles).")
    if summary.dead_lettered:
        bad = next(file for file in summary.files if file.dead_lettered)
        out.print(next_commands(command("idtrail", "dead-letters", "list", "--source", bad.name)), soft_wrap=True)
    else:
        out.print(next_commands("idtrail stats", "idtrail exposures"), soft_wrap=True)


def _show_file(out: Console, file: FileSummary) -> None:
    out.print(_sentence(file), soft_wrap=True, markup=False)
    for index, reason in enumerate(file.reasons, 1):
        out.print(f"{index:>3}  {reason}", soft_wrap=True, markup=False)
    if file.dead_lettered > len(file.reasons):
        out.print(f"     {number(file.dead_lettered - len(file.reasons))} more")


def _show_types(out: Console, by_type: Counter[str]) -> None:
    rows = table("event", "accepted", right=("accepted",))
    for name, count in by_type.most_common():
        rows.add_row("  " + cut(name or "(no type)", out.width // 2), number(count))
    if by_type:
        out.print(rows)


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
