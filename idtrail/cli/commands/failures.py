"""`idtrail failures`: shows what failed, why, and what to do."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple

import typer
from rich.console import Console

from idtrail.cli import Json, Since, Until, app, connect
from idtrail.cli.incident_screens import SHORT, show_incidents
from idtrail.cli.latest import ATTEMPTS, latest_event, show_latest
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
    options,
    print_json,
    table,
    when,
    why,
)
from idtrail.item import Item

MAX_INCIDENTS: Final = 1000


@app.command()
def failures(
    since: Since = "24h",
    until: Until = None,
    app_name: Annotated[str | None, typer.Option("--app", help="Only this application: id or name.")] = None,
    cause: Annotated[str | None, typer.Option(help="Only this cause, such as credentials.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Maximum number of incidents; with --json, of causes.")
    ] = 50,
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
    out, now = console(), datetime.now(UTC)
    show_failures(out, answer, incidents, limit, Asked(since, until), now)
    attempts = {"until": until, "application": app_name, "kind": list(ATTEMPTS)}
    if not answer["attempts"] and (at := latest_event(api, attempts)):
        again = options({"--until": until, "--app": app_name, "--cause": cause})
        show_latest(out, "attempt", at, now, command("idtrail", "failures", *again))


class Asked(NamedTuple):
    """The range as the user wrote it."""

    since: str
    until: str | None = None

    def begin(self) -> str:
        """Return the beginning of a range without an end, in words."""
        age = re.fullmatch(r"(\d+)\s*([smhdw])", self.since.strip())
        return f"last {age[1]} {'min' if age[2] == 'm' else age[2]}" if age else f"since {self.since}"

    def events(self, *more: str) -> str:
        """Return the command that lists the failures of the range."""
        return command(
            "idtrail", "events", "--outcome", "failure", *more, *options({"--since": self.since, "--until": self.until})
        )


def show_failures(out: Console, answer: Item, incidents: list[Item], limit: int, asked: Asked, now: datetime) -> None:
    """Print incidents, or causes if the failures are not folded into incidents."""
    items, attempts, failed = answer["items"], answer["attempts"], answer["failures"]
    share = f" ({failed * 100 / attempts:.0f} %)" if attempts else ""
    begin = moment(answer["since"])
    new = sum(begin is not None and begin <= datetime.fromisoformat(item["first_at"]) for item in incidents)
    least = "at least " if len(incidents) == MAX_INCIDENTS else ""
    out.print(
        f"{'' if asked.until else f'{asked.begin()}: '}{counted(failed, 'failure')} of {counted(attempts, 'attempt')}"
        f"{share}, {least}{counted(len(incidents), 'incident')}, {new} new",
        soft_wrap=True,
    )
    if asked.until:
        out.print(f"from {when(answer['since'], seconds=False)} to {when(answer['until'], seconds=False)}")
    if not items:
        out.print("Nothing failed." if attempts else "Nothing was attempted in that time.")
        return
    out.print()
    if not incidents:
        _show_causes(out, items, asked, now)
        return
    show_incidents(out, incidents[:limit], now)
    if len(incidents) > limit:
        out.print(f"  {number(len(incidents) - limit)} more (--limit)", style="dim")
    nowhere = sum(item["tries"] for item in items if not item["application_id"])
    if nowhere:
        out.print(f"  {counted(nowhere, 'failure')} of no known application: {asked.events()}", soft_wrap=True)
    first = incidents[0]
    out.print(
        next_commands(f"idtrail incidents show {first['incident_id'][:SHORT]}", "idtrail exposures"), soft_wrap=True
    )


def _show_causes(out: Console, items: list[Item], asked: Asked, now: datetime) -> None:
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
    out.print(next_commands(asked.events(*(("--app", first) if first else ())), "idtrail exposures"), soft_wrap=True)
