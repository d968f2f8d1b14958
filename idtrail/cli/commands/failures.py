"""`idtrail failures`: what failed, why, and what to do."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from idtrail.cli import Json, Since, Until, app, connect
from idtrail.cli.incident_screens import SHORT, show_incidents
from idtrail.cli.screen import (
    ago,
    coloured,
    command,
    console,
    counted,
    cut,
    moment,
    name_width,
    next_commands,
    number,
    print_json,
    table,
    why,
)

Item = dict[str, Any]

MAX_INCIDENTS: Final = 1000


@app.command()
def failures(
    since: Since = "24h",
    until: Until = None,
    app_name: Annotated[str | None, typer.Option("--app", help="Only this application: id or name.")] = None,
    cause: Annotated[str | None, typer.Option(help="Only this cause, such as credentials.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most incidents; with --json, most causes.")] = 50,
    as_json: Json = False,
) -> None:
    """Show what failed as incidents: each with its tries, people, state and remedy. --json: by cause."""
    parameters = {"since": since, "until": until, "application": app_name, "cause": cause}
    api = connect()
    answer = api.get("/api/v1/failures", {**parameters, "limit": limit})
    if as_json:
        print_json(answer["items"])
        return
    incidents = list(api.pages("/api/v1/incidents", {**parameters, "failing": True}, MAX_INCIDENTS))
    show_failures(console(), answer, incidents, limit, since, datetime.now(UTC))


def show_failures(out: Console, answer: Item, incidents: list[Item], limit: int, since: str, now: datetime) -> None:
    """The screen: incidents, or causes where the failures are not folded into incidents."""
    items, attempts, failed = answer["items"], answer["attempts"], answer["failures"]
    share = f" ({failed * 100 / attempts:.0f} %)" if attempts else ""
    begin = moment(answer["since"])
    new = sum(begin is not None and begin <= datetime.fromisoformat(item["first_at"]) for item in incidents)
    out.print(
        f"{_range(since)}: {counted(failed, 'failure')} of {counted(attempts, 'attempt')}{share}, "
        f"{'at least ' if len(incidents) == MAX_INCIDENTS else ''}{counted(len(incidents), 'incident')}, {new} new",
        soft_wrap=True,
    )
    if not items:
        out.print("Nothing failed." if attempts else "Nothing was attempted in that time.")
        return
    out.print()
    if not incidents:
        _show_causes(out, items, now)
        return
    show_incidents(out, incidents[:limit], now)
    if len(incidents) > limit:
        out.print(f"  {number(len(incidents) - limit)} more (--limit)", style="dim")
    nowhere = sum(item["tries"] for item in items if not item["application_id"])
    if nowhere:
        out.print(f"  {counted(nowhere, 'failure')} of no known application: idtrail events --outcome failure")
    first = incidents[0]
    out.print(
        next_commands(f"idtrail incidents show {first['incident_id'][:SHORT]}", "idtrail failures --since 7d"),
        soft_wrap=True,
    )


def _range(since: str) -> str:
    age = re.fullmatch(r"(\d+)\s*([smhdw])", since.strip())
    return f"last {age[1]} {'min' if age[2] == 'm' else age[2]}" if age else f"since {since}"


def _show_causes(out: Console, items: list[Item], now: datetime) -> None:
    rows = table("app", "tries", "people", "last", "state", "why", right=("tries", "people"))
    for item in items:
        rows.add_row(
            "  " + cut(item["application"] or item["application_id"] or "-", name_width(out)),
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
        next_commands(
            command("idtrail", "events", "--outcome", "failure", "--app", first), "idtrail failures --since 7d"
        ),
        soft_wrap=True,
    )
