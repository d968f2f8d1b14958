"""`idtrail schema`: the JSON Schema of an event type."""

from __future__ import annotations

from typing import Annotated

import typer

from idtrail.cli import app
from schemas.errors import BadUsage
from schemas.events import ALIASES, EVENT_TYPES


@app.command()
def schema(
    event_type: Annotated[str | None, typer.Argument(help="One of the twelve; without it, their names.")] = None,
) -> None:
    """Print the names of the typed events, or the JSON Schema of one."""
    if event_type is None:
        for name in EVENT_TYPES:
            typer.echo(name)
        return
    from importlib import resources

    name = ALIASES.get(event_type, event_type)
    file = resources.files("schemas") / "json" / f"{name}.json"
    if name not in EVENT_TYPES or not file.is_file():
        raise BadUsage(f"{event_type!r} is none of the typed events: `idtrail schema` lists them")
    typer.echo(file.read_text().rstrip())
