"""`idtrail emit`: puts one event, or NDJSON, from standard input on the log."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Final

import orjson
import typer

from idtrail.cli import Json, app
from idtrail.cli.commands.up import start
from schemas.organization import require_organization

if TYPE_CHECKING:
    from idtrail.settings import Settings
    from producers.emitter import Emitter, Receipt
    from producers.slicer import Record
    from schemas.envelope import Source

BLOCK_BYTES: Final = 256 * 1024
AT_ONCE: Final = 256
"""Events whose receipts are awaited together: one round trip to the broker serves all of them."""


@app.command()
def emit(
    organization: Annotated[str, typer.Option(help="Organization of events that name none.")] = "",
    as_json: Json = False,
) -> None:
    """Put events on the log: a JSON object, an array or NDJSON on standard input, of any length.

    Prints a receipt for each: logged (on all in-sync replicas) or spooled (kept on disk; the next `emit` or
    `import` takes it along when the broker is back). Refused records are named on standard error, exit code 1.
    """
    if organization:
        require_organization(organization, "--organization")
    settings = start()
    if asyncio.run(_emit(settings, sys.stdin.fileno(), organization, as_json)):
        raise typer.Exit(1)


async def _emit(settings: Settings, descriptor: int, organization: str, as_json: bool) -> int:
    """Return how many events were refused."""
    from idtrail.emitting import kafka_of, now, open_emitter_beside_others
    from producers.slicer import Slicer
    from schemas.envelope import Source, Trust
    from schemas.errors import BadUsage

    source = Source("cli", Trust.OPEN_INGEST, organization or settings.organization or None)
    refused = 0
    slicer = Slicer()
    async with open_emitter_beside_others(settings, kafka_of(settings), clock=now) as emitter:
        async for block in _blocks(descriptor):
            refused += await _send(emitter, slicer.feed(block), source, as_json)
        refused += await _send(emitter, slicer.finish(), source, as_json)
    if not slicer.count:
        raise BadUsage("nothing on standard input: give a JSON object, an array of them, or NDJSON")
    return refused


async def _send(emitter: Emitter, pieces: Sequence[Record], source: Source, as_json: bool) -> int:
    """Print the result of each piece in order, and return how many were refused."""
    from schemas.errors import RecordError

    refused = 0
    for first in range(0, len(pieces), AT_ONCE):
        some = pieces[first : first + AT_ONCE]
        answers = await asyncio.gather(*(_one(emitter, piece, source) for piece in some), return_exceptions=True)
        for piece, answer in zip(some, answers, strict=True):
            if isinstance(answer, RecordError):
                refused += 1
                place = f"event {piece.index} of standard input"
                await emitter.dead_letter(piece.raw, source, answer, place, size=piece.size)
                typer.echo(f"event {piece.index}: {answer} (kept in the dead letters)", err=True)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                typer.echo(orjson.dumps(answer).decode() if as_json else _told(answer))
    return refused


async def _one(emitter: Emitter, piece: Record, source: Source) -> Receipt:
    from producers.slicer import Bad
    from schemas.errors import RecordError

    if isinstance(piece, Bad):
        raise RecordError(piece.message, reason=piece.reason)
    return await emitter.emit(piece.raw, source)


async def _blocks(descriptor: int) -> AsyncIterator[bytes]:
    """Yield the input as it comes. Each read has its own thread, which a Ctrl-C does not wait for."""
    loop = asyncio.get_running_loop()
    while True:
        answer: asyncio.Future[bytes] = loop.create_future()
        threading.Thread(target=_read, args=(descriptor, loop, answer), daemon=True).start()
        block = await answer
        if not block:
            return
        yield block


def _read(descriptor: int, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[bytes]) -> None:
    found: bytes | OSError
    try:
        found = os.read(descriptor, BLOCK_BYTES)
    except OSError as error:
        found = error
    with suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(_tell, answer, found)


def _tell(answer: asyncio.Future[bytes], found: bytes | OSError) -> None:
    if answer.done():  # nobody waits any more
        return
    if isinstance(found, OSError):
        answer.set_exception(found)
    else:
        answer.set_result(found)


def _told(receipt: Receipt) -> str:
    if receipt.state == "logged":
        return f"{receipt.event_id}  logged  {receipt.topic}[{receipt.partition}]@{receipt.offset}"
    return f"{receipt.event_id}  spooled  number {receipt.position}"
