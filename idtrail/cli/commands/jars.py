"""`idtrail jars`: fetches the broker's jars."""

from __future__ import annotations

from typing import Annotated

import typer

from idtrail.cli import app
from idtrail.cli.commands.up import say


@app.command()
def jars(
    lock: Annotated[
        bool, typer.Option("--lock", help="Resolve the jars anew and write the lock; for developers.")
    ] = False,
) -> None:
    """Fetch the embedded broker's jars, once, and check each against its locked SHA-256 sum."""
    from idtrail.stack.jars import KAFKA_VERSION, verified_jars, write_lock

    if lock:
        say(f"{write_lock()} jars of Kafka {KAFKA_VERSION} locked")
    else:
        say(f"{len(verified_jars(say))} jars of Kafka {KAFKA_VERSION} verified")
