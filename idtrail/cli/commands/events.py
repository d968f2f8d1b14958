"""`idtrail events`: lists events, or shows one in full."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.console import Console

from idtrail.cli import Json, Since, Until, app, connect, filters
from idtrail.cli.blame import blame_lines
from idtrail.cli.latest import latest_event, show_latest
from idtrail.cli.screen import (
    ago,
    coloured,
    command,
    console,
    counted,
    cut,
    name_width,
    next_commands,
    options,
    print_json,
    print_lines,
    table,
    times_that_fit,
    when,
    why,
)
from idtrail.item import Item
from schemas.errors import BadUsage

LONGEST_TYPE: Final = len("idm_integration_activate")
"""The width of the type column, which fits the twelve types; other types can be longer."""


@app.command()
def events(
    event_id: Annotated[UUID | None, typer.Argument(help="Show this one in full, with its copies.")] = None,
    since: Since = "24h",
    until: Until = None,
    event_type: filters.Types = None,
    kind: filters.Kinds = None,
    outcome: filters.Outcomes = None,
    cause: filters.Causes = None,
    app_name: filters.App = None,
    subject: filters.Subject = None,
    actor: filters.Actor = None,
    incident: filters.Incident = None,
    text: filters.Text = None,
    unplaced: Annotated[bool, typer.Option(help="Events whose time cannot be believed.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of events.")] = 50,
    raw: Annotated[bool, typer.Option(help="With an id: its bytes, exactly as on the log.")] = False,
    as_json: Json = False,
) -> None:
    """List events, newest first; or show one with its bytes, copies and place in the log."""
    if raw and event_id is None:
        raise BadUsage("--raw prints the bytes of one event: give its id")
    api = connect()
    if event_id is not None and raw:
        sys.stdout.buffer.write(api.get_bytes(f"/api/v1/events/{event_id}/raw"))
        return
    if event_id is not None:
        event = api.get(f"/api/v1/events/{event_id}")
        if as_json:
            print_json(event)
        else:
            show_event(console(), event, datetime.now(UTC))
        return
    asked = filters.asked(
        api, type=event_type, kind=kind, outcome=outcome, cause=cause, application=app_name, subject=subject,
        actor=actor, incident=incident, text=text,
    )  # fmt: skip
    parameters = {**asked, "since": since, "until": until, "time": "unplaced" if unplaced else None}
    found = api.pages("/api/v1/events", parameters, limit)
    if as_json:
        for item in found:
            print_json(item)
        return
    out, items = console(), list(found)
    show_events(out, items, limit)
    if not items and not unplaced and (at := latest_event(api, parameters)):
        again = {"until": until, **asked, "incident": incident}
        named = {"--app" if name == "application" else f"--{name}": value for name, value in again.items()}
        show_latest(out, "such event", at, datetime.now(UTC), command("idtrail", "events", *options(named)))


def show_events(out: Console, items: list[Item], limit: int) -> None:
    """Print the list."""
    more = ", there may be more (--limit)" if len(items) == limit else ""
    out.print(f"{counted(len(items), 'event')}, newest first{more}")
    rows = table("time (UTC)", "event", "app", "subject", "result")
    times = [
        when(item["occurred_at"]) if item["time_quality"] == "ok" else f"time {item['time_quality']}" for item in items
    ]
    for at, item in zip(times_that_fit(times, out), items, strict=True):
        rows.add_row(
            f"  {at}",
            cut(item["event_type"] or "(no type)", LONGEST_TYPE),
            cut(item["application_name"] or "-", out.width // 8),
            cut(item["subject_name"] or item["subject_id"] or "-", name_width(out)),
            coloured(result(item), "red" if item["outcome"] == "failure" else ""),
        )
    if items:
        out.print(rows)
        out.print(next_commands(f"idtrail events {items[0]['event_id']}"), soft_wrap=True)


def result(item: Item) -> str:
    """Return the result: the provider's status, the cause in words, and its text."""
    status = f"{item['http_status']} " if item["http_status"] else ""
    return status + (why(item["cause"], item["detail"], item["attribute"]) or item["outcome"])


def show_event(out: Console, event: Item, now: datetime) -> None:
    """Print one event in full."""
    out.print(
        f"{event['event_type'] or '(no type)'} · {event['outcome']} · {when(event['occurred_at'])} "
        f"({ago(event['occurred_at'], now)})",
        soft_wrap=True,
    )
    rows = table("", "")
    for name, value in event.items():
        if name not in ("copies", "blame") and value not in ("", [], None, 0):
            rows.add_row(f"  {name}", ", ".join(value) if isinstance(value, list) else str(value))
    out.print(rows)
    for line in blame_lines(event.get("blame"), event["cause"]):
        out.print(line, soft_wrap=True, markup=False)
    out.print(f"{counted(len(event['copies']), 'copy', 'copies')}:")
    for copy in event["copies"]:
        state = "in force" if copy["in_force"] else copy["relation"]
        out.print(
            f"  {state}: {copy['source']} ({copy['trust']}), known {when(copy['known_at'])}, {copy['place']}"
            f"{', secrets cut out' if copy['redacted'] else ''}",
            soft_wrap=True,
        )
    print_lines(out, event["copies"][0]["raw"], soft_wrap=True, markup=False)
