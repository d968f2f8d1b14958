"""`idtrail rebuild`: makes every table of the store anew from the log."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from rich.console import Console

from idtrail.cli import Json, app, connect
from idtrail.cli.jobs import follow
from idtrail.cli.screen import console, counted, number, print_json, table
from schemas.errors import UserError

SHOWN: Final = 20

STEPS: Final = {
    "starting": "starting",
    "filling": "filling a new generation from the log",
    "folding": "folding windows and incidents",
    "holding": "holding the sinks, filling the rest, comparing",
    "swapping": "exchanging the tables",
    "settling": "filling what came while a rebuild was away",
    "dropping": "dropping the old generation",
    "done": "done",
}


@app.command()
def rebuild(
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Continue even if the store has rows that the log does not hold.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Rebuild every table of the store from the log, while the trail goes on.

    The serving process does it; Ctrl-C leaves it running. A killed rebuild continues where it was.
    """
    api = connect()
    api.post("/api/v1/jobs/rebuild", {"accept_loss": accept_loss})
    state = follow(api, "rebuild", STEPS)
    if as_json:
        print_json(state)
    if state["error"]:
        raise UserError(f"the rebuild ended early: {state['error']}")
    if not as_json:
        _show(console(), state)


def _show(out: Console, state: dict[str, Any]) -> None:
    differences = state["result"]["differences"]
    out.print(f"Rebuilt from {counted(state['result']['records'], 'record')} of the log.")
    if not differences:
        out.print("Every count by organization, day and type is as before.")
        return
    out.print(
        f"{counted(len(differences), 'count')} by organization, day and type differed; the log's are in force now:"
    )
    rows = table("day", "event", "before", "after", "organization", right=("before", "after"))
    for item in differences[:SHOWN]:
        rows.add_row(
            "  " + item["day"], item["event_type"], number(item["before"]), number(item["after"]), item["organization"]
        )
    out.print(rows)
    if len(differences) > SHOWN:
        out.print(f"  … {number(len(differences) - SHOWN)} more with --json")
