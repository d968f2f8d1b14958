"""`idtrail stats`: counts events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from idtrail.cli import ALWAYS, Json, Since, Until, app, connect
from idtrail.cli.latest import latest_event, show_latest
from idtrail.cli.screen import command, console, counted, cut, next_commands, number, options, print_json, table, when


@app.command()
def stats(
    since: Since = ALWAYS,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Count events by type and outcome, dead letters, and what is not stored yet."""
    api, ranged = connect(), since != ALWAYS or until is not None
    answer = api.get("/api/v1/stats", {"since": since, "until": until})
    if as_json:
        print_json(answer)
        return
    out = console()
    show_stats(out, answer, ranged=ranged)
    if answer["first"]:
        begun = f"--since {when(answer['first'])[:10]}"
        out.print(next_commands(f"idtrail failures {begun}", f"idtrail events {begun}"), soft_wrap=True)
    elif ranged and (at := latest_event(api, {"until": until})):
        show_latest(out, "event", at, datetime.now(UTC), command("idtrail", "stats", *options({"--until": until})))
    else:
        out.print(next_commands("idtrail import FILE…", "idtrail doctor"), soft_wrap=True)


def show_stats(out: Console, answer: dict[str, Any], *, ranged: bool = False) -> None:
    """Print the counts. If the events are those of a range, it is said that the rest is of all time."""
    spanned = f", {when(answer['first'])[:10]} to {when(answer['last'])[:10]}" if answer["first"] else ""
    out.print(
        f"{counted(answer['events'], 'event')} of {counted(answer['people'], 'person', 'people')} in "
        f"{counted(answer['applications'], 'application')}{spanned or (' in that time' if ranged else '')}"
    )
    behind = answer["behind"]
    agree = "log and store agree" if not behind else f"{counted(behind, 'record')} not stored yet"
    unplaced = f"{counted(answer['unplaced'], 'event')} without a believable time"
    whole = "in all: " if ranged else ""
    out.print(f"{whole}{counted(answer['dead_letters'], 'dead letter')}, {unplaced}, {agree}", soft_wrap=True)
    rows = table("event", "events", "ok", "failed", "other", right=("events", "ok", "failed", "other"))
    for item in answer["types"]:
        other = item["unknown"] + item["reported_absent"]
        counts = (item["events"], item["success"], item["failure"], other)
        rows.add_row("  " + cut(item["event_type"] or "(no type)", out.width // 2), *map(number, counts))
    if answer["types"]:
        out.print(rows)
