"""`idtrail dead-letters`: records that could not be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from idtrail.cli import Json, app
from idtrail.cli.client import Api
from idtrail.cli.screen import ago, console, counted, next_commands, print_json
from idtrail.settings import load_settings

letters = typer.Typer(no_args_is_help=True, help="Records that could not be read: where they came from and why.")
app.add_typer(letters, name="dead-letters")


@letters.command("list")
def list_letters(
    source: Annotated[str | None, typer.Option(help="Part of the source's name, such as a file's.")] = None,
    reason: Annotated[str | None, typer.Option(help="The reason's short word, such as no_timestamp.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most rows.")] = 100,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first."""
    items = Api(load_settings()).get("/api/v1/dead-letters", {"source": source, "reason": reason, "limit": limit})[
        "items"
    ]
    if as_json:
        print_json(items)
        return
    out = console()
    out.print(counted(len(items), "dead letter"))
    for item in items:
        known = ago(item["known_at"], datetime.now(UTC))
        out.print(f"  {item['letter_id']}  {known}  {item['source']}", soft_wrap=True, markup=False)
        out.print(f"    {item['position']}: {item['message']}", soft_wrap=True, markup=False)
    if items:
        out.print(next_commands(f"idtrail dead-letters show {items[0]['letter_id']}"), soft_wrap=True)


@letters.command("show")
def show_letter(
    letter_id: Annotated[UUID, typer.Argument(help="Its id, from the list.")], as_json: Json = False
) -> None:
    """Show one with its bytes, read from the log."""
    letter = Api(load_settings()).get(f"/api/v1/dead-letters/{letter_id}")
    if as_json:
        print_json(letter)
        return
    out = console()
    out.print(f"{letter['source']}, {letter['position']}: {letter['message']}", soft_wrap=True, markup=False)
    out.print(
        f"  {letter['size']} bytes at {letter['log_topic']}[{letter['log_partition']}]@{letter['log_offset']}",
        soft_wrap=True,
    )
    out.print(letter["raw"], soft_wrap=True, markup=False)
