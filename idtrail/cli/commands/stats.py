"""`idtrail stats`: counts events."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from idtrail.cli import ALWAYS, Json, Since, Until, app, connect
from idtrail.cli.screen import console, counted, cut, next_commands, number, print_json, table, when


@app.command()
def stats(
    since: Since = ALWAYS,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Count events by type and outcome, dead letters, and what is not stored yet."""
    answer = connect().get("/api/v1/stats", {"since": since, "until": until})
    if as_json:
        print_json(answer)
    else:
        show_stats(console(), answer)


def show_stats(out: Console, answer: dict[str, Any]) -> None:
    """Print the counts."""
    out.print(
        f"{counted(answer['events'], 'event')} of {counted(answer['people'], 'person', 'people')} in "
        f"{counted(answer['applications'], 'application')}, {when(answer['first'])[:10]} to {when(answer['last'])[:10]}"
    )
    behind = answer["behind"]
    agree = "log and store agree" if not behind else f"{counted(behind, 'record')} not stored yet"
    unplaced = f"{counted(answer['unplaced'], 'event')} without a believable time"
    out.print(f"{counted(answer['dead_letters'], 'dead letter')}, {unplaced}, {agree}", soft_wrap=True)
    rows = table("event", "events", "ok", "failed", "other", right=("events", "ok", "failed", "other"))
    for item in answer["types"]:
        other = item["unknown"] + item["reported_absent"]
        counts = (item["events"], item["success"], item["failure"], other)
        rows.add_row("  " + cut(item["event_type"] or "(no type)", out.width // 2), *map(number, counts))
    if answer["types"]:
        out.print(rows)
    if answer["first"]:
        begun = f"--since {when(answer['first'])[:10]}"
        out.print(next_commands(f"idtrail failures {begun}", f"idtrail events {begun}"), soft_wrap=True)
    else:
        out.print(next_commands("idtrail import FILE…", "idtrail doctor"), soft_wrap=True)
