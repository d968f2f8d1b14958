"""Opening an emitter, from the settings. Loads no store, worker or API: a command that emits starts at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from idtrail.settings import MEBIBYTE, Settings
from idtrail.stack.lock import read_running
from producers.emitter import Emitter
from producers.spool import Spool
from schemas.errors import UserError
from schemas.kafka import KafkaConnection


def now() -> datetime:
    """The one clock of the process."""
    return datetime.now(UTC)


def kafka_of(settings: Settings) -> KafkaConnection:
    """The broker to speak to: the outside one, or that of the running embedded stack."""
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
    """An emitter whose spool is the file `spool` in the state directory: each role has its own."""
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.state / f"spool-{spool}.sqlite3"
    async with Emitter(connection, Spool(path, settings.spool_mebibytes * MEBIBYTE), clock) as emitter:
        yield emitter
