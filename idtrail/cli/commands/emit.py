"""`idtrail emit`: one event, or NDJSON, from standard input onto the log."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import orjson
import typer

from idtrail.cli import Json, app
from idtrail.cli.commands.up import start
from idtrail.settings import Settings
from producers.emitter import Receipt


@app.command()
def emit(
    organization: Annotated[str, typer.Option(help="Organization of events that name none.")] = "",
    as_json: Json = False,
) -> None:
    """Put events on the log: a JSON object, an array or NDJSON on standard input.

    Prints a receipt for each: logged (on all in-sync replicas) or spooled (kept on disk; the next `emit` or
    `import` takes it along when the broker is back). Refused records are named on standard error, exit code 1.
    """
    settings = start()
    if asyncio.run(_emit(settings, sys.stdin.buffer.read(), organization, as_json)):
        raise typer.Exit(1)


async def _emit(settings: Settings, body: bytes, organization: str, as_json: bool) -> int:
    """How many were refused."""
    from idtrail.connections import kafka_of, open_emitter
    from idtrail.serving import now, slice_whole
    from producers.slicer import Bad
    from schemas.envelope import Source, Trust
    from schemas.errors import BadUsage, RecordError

    pieces = slice_whole(body)
    if not pieces:
        raise BadUsage("nothing on standard input: give a JSON object, an array of them, or NDJSON")
    source = Source("cli", Trust.OPEN_INGEST, organization or settings.organization or None)
    refused = 0
    async with open_emitter(settings, kafka_of(settings), spool="cli", clock=now) as emitter:
        for piece in pieces:
            try:
                if isinstance(piece, Bad):
                    raise RecordError(piece.message, reason=piece.reason)
                receipt = await emitter.emit(piece.raw, source)
            except RecordError as error:
                refused += 1
                await emitter.dead_letter(piece.raw, source, error, f"event {piece.index} of standard input")
                typer.echo(f"event {piece.index}: {error} (kept in the dead letters)", err=True)
            else:
                typer.echo(orjson.dumps(receipt).decode() if as_json else _told(receipt))
    return refused


def _told(receipt: Receipt) -> str:
    if receipt.state == "logged":
        return f"{receipt.event_id}  logged  {receipt.topic}[{receipt.partition}]@{receipt.offset}"
    return f"{receipt.event_id}  spooled  number {receipt.position}"
