"""`idtrail demo`: shows the trail at work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from idtrail.cli import app
from idtrail.cli.commands.up import say, start
from idtrail.cli.incident_screens import show_incidents
from idtrail.cli.lifecycle_screen import show_lifecycle
from idtrail.cli.screen import (
    counted,
    cut,
    moment,
    name_width,
    next_commands,
    number,
    span,
    table,
    when,
    why_still_open,
)

if TYPE_CHECKING:
    from idtrail.cli.client import Api
    from idtrail.demo import Outcome

SHOWN_TYPES = 12
SHOWN_INCIDENTS = 5
SHOWN_EXPOSURES = 6
LEAVER = "ines.almeida"


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself, and clean up.")] = False,
) -> None:
    """Import export files, play a simulated organisation, and show what failed and what to do."""
    settings = start()
    from idtrail.demo import run_demo

    asyncio.run(run_demo(settings, once=once, say=say, show=show_demo))


def show_demo(out: Console, outcome: Outcome, api: Api) -> None:
    """Print the last screen: what happened, what failed and what to do, who still has access, one person's
    lifecycle."""
    now = datetime.now(UTC)
    stats = api.get("/api/v1/stats", {"organization": outcome.organization, "since": "2000-01-01"})
    agree = "log and store agree" if outcome.agree else "LOG AND STORE DIFFER"
    out.print(
        f"idtrail demo · {stats['people']} people, {counted(stats['applications'], 'application')}, 30 days · "
        f"{number(outcome.events)} events in {outcome.seconds:.1f} s · {agree}",
        soft_wrap=True,
    )
    _show_types(out, stats)
    incidents = list(api.pages("/api/v1/incidents", {"organization": outcome.organization, "since": "30d"}, 100))
    _show_incidents(out, incidents, now)
    _show_exposures(out, api.get("/api/v1/exposures", {"organization": outcome.organization})["items"], now)
    out.print()
    person = api.get("/api/v1/lifecycle", {"organization": outcome.organization, "person": LEAVER})
    show_lifecycle(out, person, now, asked=LEAVER)
    if outcome.stays:
        told = next_commands("idtrail incidents --since 30d", f"{outcome.url} (token in {outcome.token_file})")
    else:
        told = Text("This trail is removed now. One that stays, to run these commands against: idtrail demo", "dim")
    out.print(told, soft_wrap=True)


def _show_types(out: Console, stats: dict[str, Any]) -> None:
    out.print()
    out.print("  What happened")
    rows = table("event", "events", "failed", right=("events", "failed"), indent=4)
    for item in stats["types"][:SHOWN_TYPES]:
        rows.add_row("    " + (item["event_type"] or "(no type)"), number(item["events"]), number(item["failure"]))
    out.print(rows)
    left = stats["types"][SHOWN_TYPES:]
    if left:
        out.print(f"    {counted(len(left), 'more type')} · idtrail stats")


def _show_incidents(out: Console, items: Sequence[dict[str, Any]], now: datetime) -> None:
    out.print()
    out.print("  What failed (last 30 days)")
    if not items:
        out.print("    nothing")
        return
    show_incidents(out, items[:SHOWN_INCIDENTS], now)
    left = len(items) - SHOWN_INCIDENTS
    if left > 0:
        out.print(f"    {left} more · idtrail incidents --since 30d")


def _show_exposures(out: Console, items: list[dict[str, Any]], now: datetime) -> None:
    still = [item for item in items if item["exposed"]]
    out.print()
    out.print("  Meant to be closed, not confirmed closed")
    if not still:
        out.print("    none")
        return
    rows = table("person", "app", "since (UTC)", "for", "tries", "why", right=("tries",), indent=4)
    for item in still[:SHOWN_EXPOSURES]:
        since = moment(item["closing_since"])
        rows.add_row(
            "    " + cut(item["person"], name_width(out)),
            cut(item["application"], out.width // 8),
            when(item["closing_since"], seconds=False),
            span(now - since) if since else "-",
            str(item["closing_tries"]),
            why_still_open(item) if item["closing_tries"] else "never attempted",
        )
    out.print(rows)
