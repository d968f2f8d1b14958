"""`idtrail failures`: what failed, why, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from idtrail.cli import Json, app
from idtrail.cli.client import Api
from idtrail.cli.screen import ago, coloured, console, counted, next_commands, number, print_json, table, why
from idtrail.settings import load_settings


@app.command()
def failures(
    since: Annotated[str, typer.Option(help="From this time on: a time, a date, or an age (24h, 7d).")] = "24h",
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    app_name: Annotated[str | None, typer.Option("--app", help="Only this application: id or name.")] = None,
    cause: Annotated[str | None, typer.Option(help="Only this cause, such as credentials.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most rows.")] = 50,
    as_json: Json = False,
) -> None:
    """Show failed attempts by application and cause, with the remedy and whether the trouble goes on."""
    parameters = {"since": since, "until": until, "application": app_name, "cause": cause, "limit": limit}
    answer = Api(load_settings()).get("/api/v1/failures", parameters)
    if as_json:
        print_json(answer["items"])
    else:
        show_failures(console(), answer, since, datetime.now(UTC))


def show_failures(out: Console, answer: dict[str, Any], since: str, now: datetime) -> None:
    """The screen."""
    items, attempts, failed = answer["items"], answer["attempts"], answer["failures"]
    share = f" ({failed / attempts:.0%})" if attempts else ""
    still = sum(item["state"] == "open" for item in items)
    head = f"last {since}" if since[-1:] in "smhdw" else f"since {since}"
    out.print(f"{head}: {counted(failed, 'failure')} of {counted(attempts, 'attempt')}{share}, {still} open")
    if not items:
        out.print("Nothing failed." if attempts else "Nothing was attempted in that time.")
        return
    rows = table("app", "tries", "people", "last", "state", "why", right=("tries", "people"))
    for item in items:
        rows.add_row(
            "  " + (item["application"] or item["application_id"] or "-"),
            number(item["tries"]),
            str(item["people"] or (f"{item['groups']} gr." if item["groups"] else 0)),
            ago(item["last"], now),
            coloured(item["state"]),
            why(item["cause"], item["detail"], item["attribute"]),
        )
    out.print(rows)
    for remedy in dict.fromkeys(f"{item['cause']}: {item['remedy']}" for item in items if item["state"] == "open"):
        out.print(f"  {remedy}", soft_wrap=True)
    first = items[0]["application"] or items[0]["application_id"]
    out.print(
        next_commands(f"idtrail events --outcome failure --app {first}", "idtrail failures --since 7d"), soft_wrap=True
    )
