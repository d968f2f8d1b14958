"""`idtrail verify`: compares the log with the store, record by record."""

from __future__ import annotations

from typing import Any, Final

import typer
from rich.console import Console

from idtrail.cli import Json, app, connect
from idtrail.cli.jobs import follow
from idtrail.cli.screen import console, counted, cut, next_commands, number, print_json, table
from schemas.errors import UserError

SHOWN: Final = 50

STEPS: Final = {
    "starting": "starting",
    "reading": "reading the log again",
    "comparing": "looking for what is on no log",
    "deriving": "comparing what was made of the events",
}


@app.command()
def verify(as_json: Json = False) -> None:
    """Compare the store with the log, record by record: missing, extra, altered, doubled, each by its place.

    Exit code 3 if anything is off. Reads up to what the sinks have stored, and changes nothing.
    """
    api = connect()
    api.post("/api/v1/jobs/verify", {})
    state = follow(api, "verify", STEPS)
    if state["error"]:
        raise UserError(f"the verification ended early: {state['error']}")
    result = state["result"]
    if as_json:
        print_json(result)
    else:
        _show(console(), result)
    if not result["sound"]:
        raise typer.Exit(3)


def _show(out: Console, result: dict[str, Any]) -> None:
    read = sum(day["log"] for day in result["days"])
    waiting = sum(at["log_end"] - at["offset"] for at in result["read_to"])
    out.print(f"Read {counted(read, 'record')} of the log; {number(waiting)} came later or are not stored yet.")
    if result["sound"]:
        out.print("The store holds each of them once, as the log has it, and nothing else.")
        out.print("All that was made of them is what they make.")
    else:
        told = ", ".join(f"{number(count)} {kind}" for kind, count in result["found"].items())
        out.print(f"OFF: {told}", style="red")
        _days(out, result["days"])
        _tables(out, result["tables"])
        for item in result["findings"][:SHOWN]:
            key = [f"{name}={value}" for name, value in item["key"].items()]
            place = "" if key else f"{item['place']}  "
            out.print(f"  {item['kind']:<8} {place}{item['table']}  {item['event_id']}".rstrip(), soft_wrap=True)
            for told in key:
                out.print(f"           {told}", style="dim", soft_wrap=True, markup=False)
            if item["detail"]:
                out.print(f"           {item['detail']}", style="dim", soft_wrap=True)
        more = len(result["findings"]) - SHOWN + result["unnamed"]
        if more > 0:
            out.print(f"  … {number(more)} more; --json names {number(len(result['findings']))}")
    minutes, applications = (result["undetected"][name] for name in ("minutes", "applications"))
    if minutes or applications:
        left = f"windows of {counted(minutes, 'minute')} and incidents of {counted(applications, 'application')}"
        out.print(f"Left out, since detection may still be at them: {left}.")
    if result["dead_lettered"]:
        out.print(f"{counted(len(result['dead_lettered']), 'record')} cannot be read and are dead letters.")
    for item in result["conflicting"][:SHOWN]:
        out.print(
            cut(f"  copies of {item['event_id']} contradict: {', '.join(item['conflicting'])}", 200), soft_wrap=True
        )
    more = len(result["conflicting"]) - SHOWN + result["unnamed_conflicts"]
    if more > 0:
        out.print(f"  … {number(more)} more whose copies contradict")
    if not result["sound"]:
        out.print(next_commands("idtrail verify --json", "idtrail rebuild"), soft_wrap=True)


def _days(out: Console, days: list[dict[str, Any]]) -> None:
    kinds = ("missing", "extra", "altered", "doubled")
    rows = table("topic", "partition", "logged on", *kinds, right=("partition", *kinds))
    off = [day for day in days if any(day[kind] for kind in kinds)]
    for day in off:
        counts = [number(day[kind]) if day[kind] else "-" for kind in kinds]
        rows.add_row("  " + day["topic"], str(day["partition"]), day["day"] or "-", *counts)
    if off:
        out.print(rows)


def _tables(out: Console, tables: list[dict[str, Any]]) -> None:
    if not tables:
        return
    kinds = ("missing", "extra", "altered")
    rows = table("made of them", "occurred on", *kinds, right=kinds)
    for line in tables:
        counts = [number(line[kind]) if line[kind] else "-" for kind in kinds]
        rows.add_row("  " + line["table"], line["day"] or "-", *counts)
    out.print(rows)
