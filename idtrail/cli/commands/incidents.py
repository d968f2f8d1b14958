"""`idtrail incidents`: shows what is broken, rather than each failure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from idtrail.cli import SINCE, UNTIL, Json, app, connect
from idtrail.cli.incident_screens import SHORT, show_incident, show_incidents
from idtrail.cli.latest import latest_event, show_latest
from idtrail.cli.screen import command, console, counted, next_commands, number, options, print_json
from idtrail.item import Item

PATH: Final = "/api/v1/incidents"
STATES: Final = ("open", "regressed", "quiet", "resolved")

incidents = typer.Typer(help="Failures folded into troubles: what is broken, since when, for whom, and what to do.")
app.add_typer(incidents, name="incidents", invoke_without_command=True)

Since = Annotated[str, typer.Option(*SINCE, help="Active since this time: a time, a date, or an age (24h, 7d).")]
Until = Annotated[str | None, typer.Option(*UNTIL, help="Begun before this time.", show_default=False)]
State = Annotated[list[str] | None, typer.Option(help=f"{', '.join(STATES)}; may be repeated.", show_default=False)]
App = Annotated[str | None, typer.Option("--app", help="Only this application: id or name.", show_default=False)]
Cause = Annotated[list[str] | None, typer.Option(help="Only this cause, such as credentials.", show_default=False)]
Subject = Annotated[
    str | None,
    typer.Option(help="Only those that affect this person or group: id, user name or address.", show_default=False),
]
Limit = Annotated[int, typer.Option(min=1, help="Maximum number of incidents.")]


@incidents.callback()
@incidents.command("list")
def list_incidents(
    context: typer.Context,
    since: Since = "7d",
    until: Until = None,
    state: State = None,
    app_name: App = None,
    cause: Cause = None,
    subject: Subject = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List incidents, ongoing ones first; `show` prints one in full."""
    if context.invoked_subcommand is not None:
        return
    parameters = {
        "since": since,
        "until": until,
        "state": state,
        "application": app_name,
        "cause": cause,
        "subject": subject,
    }
    api = connect()
    found = list(api.pages(PATH, parameters, limit))
    if as_json:
        print_json(found)
        return
    out, now = console(), datetime.now(UTC)
    counts = [f"{number(count)} {name}" for name in STATES if (count := _in_state(found, name))]
    more = ", there may be more (--limit)" if len(found) == limit else ""
    out.print(f"{counted(len(found), 'incident')}{': ' if counts else ''}{', '.join(counts)}{more}", soft_wrap=True)
    if found:
        out.print()
        show_incidents(out, found, now)
        out.print(next_commands(f"idtrail incidents show {found[0]['incident_id'][:SHORT]}"), soft_wrap=True)
        return
    failures = {"until": until, "application": app_name, "cause": cause, "subject": subject, "outcome": ["failure"]}
    if not state and (at := latest_event(api, failures)):
        asked = {"--until": until, "--app": app_name, "--cause": cause, "--subject": subject}
        show_latest(out, "failure", at, now, command("idtrail", "incidents", *options(asked)))


def _in_state(items: Sequence[Item], state: str) -> int:
    return sum(item["state"] == state for item in items)


@incidents.command("show")
def show(
    incident_id: Annotated[str, typer.Argument(help="Its id, or as much of its beginning as is unique.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of people and groups.")] = 20,
    as_json: Json = False,
) -> None:
    """Show one: what broke and when, what to do, who is affected, what the provider says, and failures by hour."""
    item = connect().get(f"{PATH}/{incident_id}", {"limit": limit})
    if as_json:
        print_json(item)
    else:
        show_incident(console(), item, datetime.now(UTC))
