"""`idtrail alerts`: lists alerts and acts on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from idtrail.cli import SINCE, UNTIL, Json, app, connect
from idtrail.cli.alert_screens import SEVERITIES, SHORT, STATES, show_alert, show_alerts, show_counts
from idtrail.cli.screen import console, counted, next_commands, number, print_json, when
from idtrail.item import Item
from schemas.errors import BadUsage
from schemas.times import parse_span

PATH: Final = "/api/v1/alerts"
LONGEST_SNOOZE: Final = timedelta(days=30)

alerts = typer.Typer(help="Alerts: list them, show one, and record what is done about it.")
app.add_typer(alerts, name="alerts", invoke_without_command=True)

Since = Annotated[str, typer.Option(*SINCE, help="Active since this time: a time, a date, or an age (24h, 7d).")]
Until = Annotated[str | None, typer.Option(*UNTIL, help="Opened before this time.", show_default=False)]
State = Annotated[list[str] | None, typer.Option(help=f"{', '.join(STATES)}; may be repeated.", show_default=False)]
Severity = Annotated[
    list[str] | None, typer.Option(help=f"{', '.join(SEVERITIES)}; may be repeated.", show_default=False)
]
Rule = Annotated[list[str] | None, typer.Option(help="Only of this rule; may be repeated.", show_default=False)]
App = Annotated[str | None, typer.Option("--app", help="Only of this application: id or name.", show_default=False)]
Staging = Annotated[bool, typer.Option("--staging", help="Include rules in staging.")]
Limit = Annotated[int, typer.Option(min=1, help="Maximum number of alerts.")]
AlertId = Annotated[str, typer.Argument(help="Its id, or as much of its beginning as is unique.")]
Note = Annotated[str, typer.Option("--note", help="Recorded with it.", show_default=False)]


@alerts.callback()
@alerts.command("list")
def list_alerts(
    context: typer.Context,
    since: Since = "7d",
    until: Until = None,
    state: State = None,
    severity: Severity = None,
    rule: Rule = None,
    app_name: App = None,
    staging: Staging = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List alerts, open and urgent ones first; `show` prints one in full. Acts need an admin token."""
    if context.invoked_subcommand is not None:
        return
    parameters = {
        "since": since,
        "until": until,
        "state": state,
        "severity": severity,
        "rule": rule,
        "application": app_name,
        "staging": staging,
    }
    api = connect()
    found = list(api.pages(PATH, parameters, limit))
    if as_json:
        print_json(found)
        return
    out = console()
    stats = api.get(f"{PATH}/stats", parameters)
    counts = [f"{number(count)} {name}" for name in STATES if (count := stats["states"].get(name))]
    more = f", the first {number(len(found))} shown (--limit)" if len(found) < stats["alerts"] else ""
    out.print(f"{counted(stats['alerts'], 'alert')}{': ' if counts else ''}{', '.join(counts)}{more}", soft_wrap=True)
    if found:
        out.print()
        show_alerts(out, found, datetime.now(UTC))
        out.print(next_commands(f"idtrail alerts show {found[0]['alert_id'][:SHORT]}"), soft_wrap=True)
    else:
        out.print(next_commands("idtrail rules list", "idtrail incidents"), soft_wrap=True)


@alerts.command("show")
def show(alert_id: AlertId, as_json: Json = False) -> None:
    """Show one in full: what it is, what to do, whom it is about, its history, and who was notified."""
    item = connect().get(f"{PATH}/{alert_id}")
    if as_json:
        print_json(item)
    else:
        show_alert(console(), item, datetime.now(UTC))


@alerts.command("ack")
def acknowledge(alert_id: AlertId, note: Note = "", as_json: Json = False) -> None:
    """Acknowledge: record that you handle it. It reopens when its condition starts to hold again."""
    _act(alert_id, "acknowledge", {"note": note}, as_json)


@alerts.command("resolve")
def resolve(
    alert_id: AlertId,
    because: Annotated[str, typer.Option("--because", help="Why it is over: recorded with it.")],
    as_json: Json = False,
) -> None:
    """Record that it is over. It reopens when its condition holds after this."""
    _act(alert_id, "resolve", {"because": because}, as_json)


@alerts.command("reopen")
def reopen(alert_id: AlertId, note: Note = "", as_json: Json = False) -> None:
    """Reopen it. Undoes `ack`, `resolve` and `snooze`."""
    _act(alert_id, "reopen", {"note": note}, as_json)


@alerts.command("note")
def note(
    alert_id: AlertId, text: Annotated[str, typer.Argument(help="The text of the note.")], as_json: Json = False
) -> None:
    """Add a note to its history. Its state stays."""
    _act(alert_id, "note", {"text": text}, as_json)


@alerts.command("snooze")
def snooze(
    alert_id: AlertId,
    wait: Annotated[str, typer.Option("--for", help="How long it can wait: 30m, 4h, 2d; 30 days at most.")],
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Let it wait for a time: it is open again after that, unless its condition has ended."""
    span = parse_span(wait, "--for")
    if not timedelta(minutes=1) <= span <= LONGEST_SNOOZE:
        raise BadUsage(f"--for: an alert can wait a minute at least and 30 days at most, not {wait}")
    _act(alert_id, "snooze", {"minutes": span // timedelta(minutes=1), "note": note}, as_json)


@alerts.command("own")
def own(
    alert_id: AlertId,
    who: Annotated[str, typer.Argument(help='Who sees to it; "" for nobody.')],
    as_json: Json = False,
) -> None:
    """Record who handles it. Its state stays."""
    _act(alert_id, "own", {"owner": who}, as_json)


@alerts.command("stats")
def stats(
    since: Since = "7d",
    until: Until = None,
    state: State = None,
    severity: Severity = None,
    rule: Rule = None,
    app_name: App = None,
    staging: Staging = False,
    as_json: Json = False,
) -> None:
    """Count alerts by rule, severity and state, and show how long it took to handle them."""
    parameters = {
        "since": since,
        "until": until,
        "state": state,
        "severity": severity,
        "rule": rule,
        "application": app_name,
        "staging": staging,
    }
    found = connect().get(f"{PATH}/stats", parameters)
    if as_json:
        print_json(found)
    else:
        show_counts(console(), found, f"since {since}" + (f" until {until}" if until else ""))


def _act(alert_id: str, act: str, body: Item, as_json: bool) -> None:
    made = connect().post(f"{PATH}/{alert_id}/{act}", body)
    if as_json:
        print_json(made)
        return
    out = console()
    short = made["alert_id"][:SHORT]
    until = f" until {when(made['snoozed_until'])}" if made["snoozed_until"] else ""
    owner = f", owner {made['owner']}" if made["owner"] else ""
    out.print(f"{short} is {made['state']}{until}{owner}: {made['title']}", soft_wrap=True)
    out.print(next_commands(f"idtrail alerts show {short}", "idtrail alerts"), soft_wrap=True)
