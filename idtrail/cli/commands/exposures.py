"""`idtrail exposures`: accounts that should be closed and are not confirmed closed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from idtrail.cli import Json, app
from idtrail.cli.client import Api
from idtrail.cli.screen import (
    coloured,
    console,
    counted,
    cut,
    moment,
    next_commands,
    print_json,
    span,
    table,
    when,
    why,
)
from idtrail.settings import load_settings

Item = dict[str, Any]
SHOWN: Final = 20
"""Of each kind, on the screen."""


@app.command()
def exposures(
    at: Annotated[
        str | None, typer.Option(help="As of this time: a time, a date, or an age (24h, 7d).", show_default=False)
    ] = None,
    sla: Annotated[int, typer.Option(min=0, help="Minutes within which nobody need have tried.")] = 60,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most accounts of each kind.")] = 1000,
    as_json: Json = False,
) -> None:
    """Show who still has an account that should be closed: since when, why, and whether it was used since."""
    answer = Api(load_settings()).get("/api/v1/exposures", {"at": at, "sla": sla * 60, "limit": limit})
    if as_json:
        print_json([*answer["items"], *answer["left_behind"], *answer["reported_absent"]])
    else:
        show_exposures(console(), answer, datetime.now(UTC) if at is None else datetime.fromisoformat(answer["at"]))


def show_exposures(out: Console, answer: Item, now: datetime) -> None:
    """The screen: how many, the open ones with their causes, then those apart."""
    items = answer["items"]
    used = sum(1 for item in items if item["used_since"])
    verb = "is" if answer["total"] == 1 else "are"
    out.print(
        f"{counted(answer['total'], 'account')} meant to be closed {verb} not confirmed closed; {used} used since",
        soft_wrap=True,
    )
    _rows(out, items, now)
    for key, title in (
        ("left_behind", "Left behind by a deleted integration, nobody closes them any more"),
        ("reported_absent", "Said to be absent by the application (404), not confirmed closed"),
    ):
        if answer[key]:
            out.print()
            out.print(f"{title}: {len(answer[key])}", soft_wrap=True)
            _rows(out, answer[key], now)
    out.print()
    first = items[0]["person"] if items else None
    lifecycle = [f"idtrail lifecycle {first}"] if first else []
    out.print(next_commands(*lifecycle, "idtrail incidents", "idtrail export exposures"), soft_wrap=True)


def _rows(out: Console, items: list[Item], now: datetime) -> None:
    if not items:
        return
    rows = table("person", "app", "since (UTC)", "open for", "tries", "used since", "cause", right=("tries",))
    for item in items[:SHOWN]:
        since = moment(item["since"])
        rows.add_row(
            f"  {cut(item['person'], 16)}",
            cut(item["application"] or item["application_id"], 10),
            when(item["since"], seconds=False),
            coloured(span(now - since) if since else "-", "yellow"),
            str(item["closing_tries"]),
            when(item["used_since"], seconds=False)[5:] or "no",
            _cause(item),
        )
    out.print()
    out.print(rows)
    if len(items) > SHOWN:
        out.print(f"  ... {len(items) - SHOWN} more: --json has all", style="dim")


def _cause(item: Item) -> str:
    because = item["intended_because"]
    if item["reason"] == "never_attempted":
        return f"never attempted{' (' + because['text'] + ')' if because else ''}"
    if item["reason"] == "left_behind":
        return f"integration deleted {when(item['left_behind'], seconds=False)}" if item.get("left_behind") else "-"
    return why(item["last_cause"], item["last_detail"])
