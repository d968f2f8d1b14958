"""`idtrail up`, `idtrail worker`, `idtrail api`: start the roles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from idtrail.cli import app

if TYPE_CHECKING:
    from idtrail.serving import Trail
    from idtrail.settings import Settings


def start() -> Settings:
    """Return the settings, after setting up logs as they say."""
    from idtrail.logs import configure_logs
    from idtrail.settings import load_settings

    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    return settings


@app.command()
def up() -> None:
    """Run the whole trail on this machine: Kafka, ClickHouse's engine, worker and API, until Ctrl-C."""
    settings = start()
    from idtrail.serving import run_embedded

    asyncio.run(run_embedded(settings, say, _ready))
    say("stopped")


@app.command()
def worker() -> None:
    """Run the sink and the Faust agents against an outside Kafka and ClickHouse. Start more for more load."""
    settings = start()
    from idtrail.serving import run_worker

    asyncio.run(run_worker(settings))


@app.command()
def api() -> None:
    """Run the HTTP API against an outside Kafka and ClickHouse."""
    settings = start()
    from idtrail.serving import run_api

    asyncio.run(run_api(settings))


def say(step: str) -> None:
    """Print what is being done."""
    typer.echo(f"idtrail: {step}", err=True)


def _ready(trail: Trail) -> None:
    say(f"serving {trail.url} (Kafka at {trail.connection.bootstrap}); stop with Ctrl-C")
    say("next: idtrail import FILE… · idtrail stats · idtrail doctor")
