"""`idtrail tail`: prints events, failures, incidents and alerts as they come."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, NamedTuple

import orjson
import typer
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from idtrail.cli import SINCE, Json, app, connect, filters, say
from idtrail.cli.alert_screens import DONE, SHORT
from idtrail.cli.alert_screens import whom as of_alert
from idtrail.cli.commands.events import result
from idtrail.cli.following import follow
from idtrail.cli.incident_screens import whom
from idtrail.cli.screen import console, counted, moment, why
from idtrail.item import Item

Cells = tuple[datetime | None, str, str, str, str]
"""(when, where, what, who, details)."""

TODAY: Final = timedelta(hours=12)
"""An event this near to now is shown with its time; others with their date."""


@app.command()
def tail(
    failures: Annotated[bool, typer.Option("--failures", help="Only attempts that failed.")] = False,
    incidents: Annotated[bool, typer.Option("--incidents", help="Incidents, as they begin, change and end.")] = False,
    alerts: Annotated[bool, typer.Option("--alerts", help="Alerts: what is found, done and delivered.")] = False,
    since: Annotated[
        str | None, typer.Option(*SINCE, help="Begin with what was logged since: an age (10m), a time.")
    ] = None,
    event_type: filters.Types = None,
    kind: filters.Kinds = None,
    outcome: filters.Outcomes = None,
    cause: filters.Causes = None,
    app_name: filters.App = None,
    subject: filters.Subject = None,
    actor: filters.Actor = None,
    incident: filters.Incident = None,
    text: filters.Text = None,
    as_json: Json = False,
) -> None:
    """Show events as they are logged, one line each, until Ctrl-C. A lost connection resumes where it broke."""
    kinds = ["failures"] * failures + ["incidents"] * incidents + ["alerts"] * alerts
    asked = filters.asked(
        connect(), type=event_type, kind=kind, outcome=outcome, cause=cause, application=app_name, subject=subject,
        actor=actor, incident=incident, text=text,
    )  # fmt: skip
    parameters = {**asked, "kinds": kinds or ["events"], "since": since}
    out = console()
    widths = Widths.of(out.width) if out.is_terminal else None
    try:
        for message in follow(connect, parameters, say, time.sleep):
            if as_json:
                typer.echo(message.data.encode())
            else:
                item = orjson.loads(message.data)
                out.print(line(message.event, item, datetime.now(UTC), widths), soft_wrap=True)
                out.file.flush()
    except KeyboardInterrupt:
        return  # the user leaves with Ctrl-C


class Widths(NamedTuple):
    """The widths of columns; longer contents are cut."""

    app: int
    attempt: int
    who: int
    screen: int

    @classmethod
    def of(cls, screen: int) -> Widths:
        """Return the widths for a screen. A wider one has more room for names."""
        return cls(9, 13, 15, screen) if screen < 110 else cls(16, 20, 26, screen)


WHEN_WIDTH: Final = 10


def line(name: str, item: Item, now: datetime, widths: Widths | None) -> Text:
    """Return one message as a line. Without widths, as when not on a terminal, nothing is cut."""
    at, app_name, attempt, who, said = _CELLS.get(name, _event)(item)
    wide = widths or Widths.of(1000)
    cells = [_fit(_when(at, now), WHEN_WIDTH, cut=False)]
    columns = zip((app_name, attempt, who), wide[:3], strict=True)
    cells += [_fit(text or "-", width, cut=widths is not None) for text, width in columns]
    text = "  ".join([*cells, _printable(said)])
    if widths is not None and cell_len(text) > widths.screen:
        text = set_cell_size(text, widths.screen - 1) + "…"
    failed = name not in _CELLS and item["outcome"] == "failure"
    return Text(text.rstrip(), "red" if failed else "")


def _event(item: Item) -> Cells:
    at = moment(item["occurred_at"]) if item["time_quality"] == "ok" else None
    action = f"{item['kind']} {item['action']}".removeprefix("user ").removeprefix("integration ")
    attempt = item["event_type"] if item["kind"] == "other" else action
    return at, item["application_name"], attempt, item["subject_name"] or item["subject_id"], result(item)


def _incident(item: Item) -> Cells:
    said = f"{item['state']} · {whom(item)} · {why(item['cause'], item['detail'], item['attribute'])}"
    return moment(item["last_at"]), item["application"], "incident", item["incident_id"][:SHORT], said


def _alert(item: Item) -> Cells:
    own = item["alert_id"][:SHORT]
    if item["record"] == "detected":
        tried = "staging" if item["staging"] else "alert"
        said = f"{item['title']} · {counted(item['events'], 'event')} of {of_alert(item)}"
        return moment(item["triggered_at"]), item["severity"], f"{tried} {item['detection']}", own, said
    if item["record"] == "acted":
        said = f"{DONE[item['act']]} by {item['by']}" + (f": {item['text']}" if item["text"] else "")
        return moment(item["at"]), "", "alert", own, said
    result = "delivered" if item["succeeded"] else f"not delivered: {item['detail']}"
    return moment(item["at"]), "", "alert", own, f"{item['destination']}: {item['occasion']} {result}"


_CELLS: Final = {"incident": _incident, "alert": _alert}


def _when(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "no time"
    at = at.astimezone(UTC)
    return at.strftime("%H:%M:%S" if abs(now - at) < TODAY else "%Y-%m-%d")


def _fit(text: str, width: int, *, cut: bool) -> str:
    text = _printable(text)
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…" if cut else text
    return set_cell_size(text, width)


def _printable(text: str) -> str:
    """Make a name from outside harmless to the terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
