"""Opens an emitter from the settings. It loads no store, worker or API, so a command that emits starts at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from idtrail.settings import MEBIBYTE, Settings
from idtrail.stack.lock import make_directory, read_running
from producers.emitter import Emitter
from producers.spool import Spool
from schemas.errors import AlreadyRunning, UserError
from schemas.kafka import KafkaConnection


def now() -> datetime:
    """Return the time of the process's only clock."""
    return datetime.now(UTC)


def kafka_of(settings: Settings) -> KafkaConnection:
    """Return the connection to the broker: the outside one, or that of the running embedded stack."""
    if not settings.embedded_kafka:
        return settings.kafka()
    running = read_running(settings.state)
    if running is None:
        raise UserError(
            f"no broker is running in {settings.state}: start one with `idtrail up`, "
            "or set IDTRAIL_KAFKA_BOOTSTRAP to where one is"
        )
    return KafkaConnection(running.bootstrap)


@asynccontextmanager
async def open_emitter(
    settings: Settings, connection: KafkaConnection, *, spool: str, clock: Callable[[], datetime]
) -> AsyncIterator[Emitter]:
    """Open an emitter whose spool is the file `spool` in the state directory. Each role has its own."""
    make_directory(settings.state)
    async with Emitter(connection, _spool(settings, spool), clock) as emitter:
        yield emitter


@asynccontextmanager
async def open_emitter_beside_others(
    settings: Settings, connection: KafkaConnection, *, clock: Callable[[], datetime]
) -> AsyncIterator[Emitter]:
    """Open the emitter of a command, of which several may run at once: it has a spool that no other command uses."""
    make_directory(settings.state)
    async with Emitter(connection, await _own_spool(settings), clock) as emitter:
        yield emitter


async def _own_spool(settings: Settings) -> Spool:
    """Return an open spool: one with records that an earlier command could not log, to log them now; else a free
    one."""
    own: Spool | None = None
    number = 1
    while own is None or not own.depth():
        spool = _spool(settings, "cli" if number == 1 else f"cli-{number}")
        if own is not None and not spool.path.exists():
            break
        with suppress(AlreadyRunning):
            await spool.__aenter__()
            if own is not None:
                await own.__aexit__(None, None, None)
            own = spool
        number += 1
    return own


def _spool(settings: Settings, name: str) -> Spool:
    return Spool(settings.state / f"spool-{name}.sqlite3", settings.spool_mebibytes * MEBIBYTE)
