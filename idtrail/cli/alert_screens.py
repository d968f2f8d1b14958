"""Alerts in a terminal: a list, one alert in full, and counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Console
from rich.text import Text

from idtrail.cli.screen import (
    age,
    ago,
    coloured,
    command,
    counted,
    cut,
    moment,
    name_width,
    next_commands,
    number,
    print_lines,
    span,
    table,
    when,
)
from idtrail.item import Item

SHORT: Final = 8
"""How many digits of an id the screen shows: enough to ask for it."""
STATES: Final = ("open", "acknowledged", "snoozed", "resolved", "withdrawn")
SEVERITIES: Final = ("critical", "high", "medium", "low")
SHOWN_NAMES: Final = 5
DONE: Final = {
    "acknowledge": "acknowledged",
    "resolve": "resolved",
    "reopen": "opened again",
    "note": "note",
    "snooze": "snoozed",
    "own": "owner",
}
"""The words for acts in the history and the feed."""
_WIDEST: Final = len("critical")
MAX_COUNTED: Final = 1_000
"""An alert counts distinct people up to this number. Copied from `schemas.alerts`, which is slow to import."""


def show_alerts(out: Console, items: Sequence[Item], now: datetime) -> None:
    """Print two lines per alert: urgency, title and numbers; then its id, since when, and what to do."""
    heads = ("events", "who", "last", "state")
    rows = [
        (number(item["events"]), _people(item["people"]), age(item["last_at"], now), item["state"]) for item in items
    ]
    widths = [max(len(head), *(len(row[place]) for row in rows)) for place, head in enumerate(heads)]
    room = max(out.width - 4 - _WIDEST - sum(width + 2 for width in widths), 20)
    head = [f"{name:>{width}}" for name, width in zip(heads[:-1], widths, strict=False)]
    out.print(
        Text(
            f"  {'severity':{_WIDEST}}  {'alert':{room}}  {'  '.join(head)}  state",
            "dim",
            no_wrap=True,
            overflow="crop",
        )
    )
    for item, row in zip(items, rows, strict=True):
        title = Text(item["title"])
        title.truncate(room, overflow="ellipsis", pad=True)
        urgency = coloured(f"{item['severity']:{_WIDEST}}", _style(item))
        line = Text.assemble("  ", urgency, "  ", title, no_wrap=True, overflow="crop")
        for width, cell in zip(widths[:-1], row[:-1], strict=True):
            line.append(f"  {cell:>{width}}")
        out.print(line.append("  ").append_text(coloured(row[-1])))
        out.print(
            Text.assemble("  ", (item["alert_id"][:SHORT].ljust(_WIDEST), "dim"), "  ", _story(item)),
            no_wrap=True,
            overflow="ellipsis",
        )


def _style(item: Item) -> str | None:
    return None if item["state"] == "open" else "dim"


def _story(item: Item) -> str:
    since = when(item["state_since"], seconds=False)
    owner = f" · owner: {item['owner']}" if item["owner"] else ""
    tried = " · staging, nobody is told" if item["staging"] else ""
    match item["state"]:
        case "acknowledged":
            said = f"by {item['state_by']} {since}"
        case "snoozed":
            said = f"until {when(item['snoozed_until'], seconds=False)} by {item['state_by']}"
        case "resolved":
            by = f"by {item['state_by']}" if item["state_by"] else "by itself"
            said = f"{by}, from {when(item['opened_at'], seconds=False)} to {since} ({_lasted(item)})"
        case "withdrawn":
            said = "it never held, as came out late"
        case _:
            said = f"{'again ' if item['reopened'] else ''}since {since} · remedy: {item['remedy']}"
    return f"{said}{owner}{tried}"


def _lasted(item: Item) -> str:
    begun, ended = moment(item["opened_at"]), moment(item["state_since"])
    return span(ended - begun) if begun and ended else "-"


def show_alert(out: Console, item: Item, now: datetime) -> None:
    """Print one alert."""
    out.print(Text.assemble(coloured(item["severity"], _style(item)), "  ", item["title"]), soft_wrap=True)
    state = f" {_stands(item, now)}"
    out.print(coloured(item["state"]).append(state, "default"), soft_wrap=True)
    if item["events"]:
        out.print(f"{counted(item['events'], 'event')} of {whom(item)}, the last {ago(item['last_at'], now)}")
    owner = f"owner {item['owner']}" if item["owner"] else "no owner"
    tried = " · staging, nobody is told" if item["staging"] else ""
    out.print(f"rule {item['rule_id']} · {owner}{tried} · {item['alert_id']}", soft_wrap=True)
    print_lines(out, item["description"].rstrip())
    out.print(f"Remedy: {item['remedy']}")
    for label, ids, count in (
        ("People and groups", item["people_named"], item["people"]),
        ("Applications", item["applications"], len(item["applications"])),
    ):
        if ids:
            out.print(f"{label}: {_names(item, ids, count)}")
    if item["incidents"]:
        shown = [own[:SHORT] for own in item["incidents"]]
        out.print(f"Incidents: {_names(item, shown, len(shown))}")
    out.print()
    _show_history(out, item["history"])
    if item["deliveries"]:
        out.print()
        _show_deliveries(out, item["deliveries"])
    out.print(next_commands(*_next(item)), soft_wrap=True)


def whom(item: Item) -> str:
    """Return how many it is about. An alert does not tell people from groups."""
    least = "at least " if item["people"] >= MAX_COUNTED else ""
    return least + counted(item["people"], "person or group", "people and groups")


def _people(count: int) -> str:
    """Return the number for a column."""
    return number(count) + "+" * (count >= MAX_COUNTED)


def _stands(item: Item, now: datetime) -> str:
    since = f"{when(item['state_since'])} ({age(item['state_since'], now)} ago)"
    match item["state"]:
        case "acknowledged":
            return f"by {item['state_by']} {since}; the condition goes on since {when(item['since'])}"
        case "snoozed":
            return f"by {item['state_by']} until {when(item['snoozed_until'])}"
        case "resolved":
            by = f"by {item['state_by']}" if item["state_by"] else "by itself"
            return f"{by} {since}, after {_lasted(item)}"
        case "withdrawn":
            return "what came late shows that its condition never held"
        case _:
            again = "again " if item["reopened"] else ""
            held = f", the condition held last {ago(item['triggered_at'], now)}"
            return f"{again}since {since}{held if item['triggered_at'] != item['since'] else ''}"


def _names(item: Item, ids: Sequence[str], count: int) -> str:
    shown = ", ".join(item["names"].get(own, own) for own in ids[:SHOWN_NAMES])
    left = count - min(len(ids), SHOWN_NAMES)
    least = "at least " if count >= MAX_COUNTED else ""
    return f"{shown} and {least}{number(left)} more" if left > 0 else shown


def _show_history(out: Console, history: Sequence[Item]) -> None:
    rows = table("time (UTC)", "what", "by", "")
    for each in history:
        rows.add_row(
            f"  {when(each['at'])}",
            DONE.get(each["what"], each["what"]),
            cut(each["by"] or "-", name_width(out)),
            _said(each),
        )
    out.print(rows)


def _said(each: Item) -> str:
    if each["events"] is not None:
        return counted(each["events"], "event") if each["events"] else ""
    until = f"until {when(each['until'], seconds=False)}" if each["until"] else ""
    text = each["text"] or ("nobody" if each["what"] == "own" else "")
    late = "too late, it was resolved" if each["too_late"] else ""
    return ": ".join(filter(None, (late, until, text)))


def _show_deliveries(out: Console, deliveries: Sequence[Item]) -> None:
    rows = table("told (UTC)", "destination", "of", "result")
    for each in deliveries:
        tries = f" (try {each['attempt']})" if each["attempt"] > 1 else ""
        result = coloured("delivered", "green") if each["succeeded"] else coloured(f"failed: {each['detail']}", "red")
        destination = cut(each["destination"], name_width(out))
        rows.add_row(f"  {when(each['at'])}", destination, each["occasion"], result.append(tries))
    out.print(rows)


def _next(item: Item) -> list[str]:
    short = item["alert_id"][:SHORT]
    wanted = {
        "open": [f"idtrail alerts ack {short}"],
        "acknowledged": [f'idtrail alerts resolve {short} --because "…"'],
        "snoozed": [f"idtrail alerts ack {short}"],
        "resolved": [f"idtrail alerts reopen {short}"],
    }
    commands = wanted.get(item["state"], [])
    if item["incidents"]:
        commands.append(f"idtrail incidents show {item['incidents'][0][:SHORT]}")
    if item["last_event"]:
        commands.append(f"idtrail events {item['last_event']}")
    person = next((own for own in item["people_named"] if own in item["names"]), None)
    return [*commands, command("idtrail", "lifecycle", person)] if person else commands


def show_counts(out: Console, found: Item, asked: str) -> None:
    """Print how many alerts there are, and how long people took."""
    parts = [f"{number(found['states'][name])} {name}" for name in STATES if name in found["states"]]
    parts += [f"{number(found['severities'][name])} {name}" for name in SEVERITIES if name in found["severities"]]
    events = f" of {counted(found['events'], 'event')}" if found["alerts"] else ""
    out.print(
        f"{asked}: {counted(found['alerts'], 'alert')}{events}{': ' if parts else ''}{', '.join(parts)}", soft_wrap=True
    )
    if not found["alerts"]:
        return
    taken = f"{_span(found['acknowledge_seconds'])} to acknowledge, {_span(found['resolve_seconds'])} to resolve"
    out.print(f"median: {taken}")
    out.print()
    numeric = ("alerts", "go on", "events", "to ack", "to resolve")
    rows = table("rule", *numeric, right=numeric)
    for rule in found["rules"]:
        rows.add_row(
            f"  {rule['rule_id']}",
            number(rule["alerts"]),
            number(rule["going_on"]),
            number(rule["events"]),
            _span(rule["acknowledge_seconds"]),
            _span(rule["resolve_seconds"]),
        )
    out.print(rows)
    out.print(next_commands(f"idtrail alerts --rule {found['rules'][0]['rule_id']}"), soft_wrap=True)


def _span(seconds: int | None) -> str:
    return "-" if seconds is None else span(timedelta(seconds=seconds))
