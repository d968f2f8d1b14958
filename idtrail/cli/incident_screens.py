"""Incidents in a terminal: a list, and one in full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Console
from rich.text import Text

from idtrail.cli.blame import blame_lines
from idtrail.cli.screen import (
    age,
    ago,
    coloured,
    command,
    counted,
    moment,
    name_width,
    named_apart,
    next_commands,
    number,
    print_indented,
    span,
    table,
    when,
    why,
)
from idtrail.item import Item

SHORT: Final = 8
"""How many digits of an id the screen shows: enough to ask for it."""
SHOWN_TEXTS: Final = 5
SHOWN_HOURS: Final = 48
QUIET: Final = "quiet"
_BARS: Final = " ▁▂▃▄▅▆▇█"


def show_incidents(out: Console, items: Sequence[Item], now: datetime) -> None:
    """Print two lines per incident: title and numbers; then its id, how long it has lasted, and what to do."""
    names = max(SHORT, *(Text(_app(item)).cell_len for item in items))
    names = min(names, out.width // 6)
    columns = [_numbers(item, now) for item in items]
    heads = ("tries", "people", "first", "last", "state")
    widths = [max(len(head), *(len(row[place]) for row in columns)) for place, head in enumerate(heads)]
    room = max(out.width - 2 - sum(width + 2 for width in widths), 20)
    head = [
        name.ljust(width) if place == 4 else name.rjust(width)
        for place, (name, width) in enumerate(zip(heads, widths, strict=True))
    ]
    out.print(Text(f"  {'incident (whole life)':{room}}  {'  '.join(head)}", "dim", no_wrap=True, overflow="crop"))
    for item, row in zip(items, columns, strict=True):
        title = Text.assemble(_fit(_app(item), names), "  ", why(item["cause"], item["detail"], item["attribute"]))
        title.truncate(room, overflow="ellipsis", pad=True)
        line = Text.assemble("  ", title, no_wrap=True, overflow="crop")
        for width, cell in zip(widths[:-1], row[:-1], strict=True):
            line.append(f"  {cell:>{width}}")
        out.print(line.append("  ").append_text(coloured(row[-1])))
        print_indented(out, Text(item["incident_id"][:SHORT].ljust(names), "dim"), _story(item))


def _app(item: Item) -> str:
    return str(item["application"] or item["application_id"])


def _fit(text: str, width: int) -> Text:
    fitted = Text(text)
    fitted.truncate(width, overflow="ellipsis", pad=True)
    return fitted


def _numbers(item: Item, now: datetime) -> list[str]:
    return [
        number(item["attempts"]),
        number(item["people"]) if item["people"] or not item["groups"] else f"{number(item['groups'])} gr.",
        age(item["first_at"], now),
        age(item["last_at"], now),
        item["state"],
    ]


def _story(item: Item) -> str:
    if item["ended_at"]:
        times = f"{number(item['episodes'])} times, the last " if item["episodes"] > 1 else ""
        begun, ended = when(item["since"], seconds=False), when(item["ended_at"], seconds=False)
        return f"{times}from {begun} to {ended} ({_lasted(item)})"
    again = "again " if item["episodes"] > 1 else ""
    begun = f"{again}since {when(item['since'], seconds=False)}"
    idle = f" · {_idle(item, 'nobody retries')}" if item["state"] == QUIET else ""
    return f"{begun}{idle} · remedy: {item['remedy']}"


def _idle(item: Item, told: str) -> str:
    """Return that nobody tries any more, and what to do where the same attempt can succeed."""
    mend = ": set it off again in the directory, or do it in the application by hand"
    return f"{told}{mend if item['retryable'] else ''}"


def _lasted(item: Item) -> str:
    since, ended = moment(item["since"]), moment(item["ended_at"])
    return span(ended - since) if since and ended else "-"


def show_incident(out: Console, item: Item, now: datetime) -> None:
    """Print one incident."""
    title = why(item["cause"], item["detail"], item["attribute"])
    out.print(Text.assemble(_app(item), "  ", title))
    stands, *more = _how_it_stands(item, now)
    out.print(coloured(item["state"]).append(f" {stands}", "default"))
    for line in more:
        out.print(line)
    out.print(item["sentence"])
    if item["state"] == QUIET:
        lasts = age(item["last_at"], now)
        out.print(f"{_idle(item, f'Nobody has tried again for {lasts}')}.")
    out.print(f"Remedy: {item['remedy']}")
    for line in blame_lines(item["blame"], item["cause"]):
        out.print(line, soft_wrap=True, markup=False)
    if item["subjects"]:
        out.print()
        _show_subjects(out, item, now)
    if item["texts"]:
        out.print()
        _show_texts(out, item, now)
    if item["hours"]:
        out.print()
        for line in _hours(item["hours"]):
            out.print(Text(line, no_wrap=True, overflow="crop"))
    named = next((subject for subject in item["subjects"] if subject["kind"] == "user"), None)
    commands = [command("idtrail", "lifecycle", named["subject_id"])] if named else []
    commands.append(f"idtrail events --incident {item['incident_id'][:SHORT]} --since {when(item['first_at'])[:10]}")
    if _left_as_they_were(item):
        commands.append("idtrail exposures")
    if item["ended_by"]:
        commands.append(f"idtrail events {item['ended_by']}")
    out.print(next_commands(*commands), soft_wrap=True)


def _how_it_stands(item: Item, now: datetime) -> list[str]:
    since, tries = when(item["since"]), f"{counted(item['attempts'], 'try', 'tries')} of {whom(item)}"
    if item["ended_at"]:
        lines = [f"from {since} to {when(item['ended_at'])} ({_lasted(item)})", tries]
    else:
        left = f"{counted(item['affected'], 'is', 'are')} still in trouble"
        lines = [
            f"since {since} ({age(item['since'], now)}), last try {ago(item['last_at'], now)}",
            f"{tries}; {left}",
        ]
    if item["episodes"] > 1:
        lines.append(f"the {_ordinal(item['episodes'])} time since {when(item['first_at'])}")
    if item["change"]:
        change, begun = item["change"], moment(item["since"])
        at = moment(change["at"])
        before = f", {span(begun - at)} before" if at and begun else ""
        by = f" by {change['actor']}" if change["actor"] else ""
        lines.append(f"changed last{by}: {change['event_type']} {when(change['at'])}{before}")
    return lines


def whom(item: Item) -> str:
    """Return `2 people and 1 group`."""
    people = counted(item["people"], "person", "people")
    groups = counted(item["groups"], "group")
    if not item["groups"]:
        return people if item["people"] else "the integration itself"
    return f"{people} and {groups}" if item["people"] else groups


def _ordinal(count: int) -> str:
    ending = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{number(count)}{ending}"


def _show_subjects(out: Console, item: Item, now: datetime) -> None:
    rows = table("person or group", "tries", "first (UTC)", "last", "accepted since", right=("tries",))
    shown = named_apart(item["subjects"], name_width(out))
    for subject, name in zip(item["subjects"], shown, strict=True):
        accepted = when(subject["accepted_at"], seconds=False)
        rows.add_row(
            f"  {name}",
            number(subject["attempts"]),
            when(subject["first_at"], seconds=False),
            ago(subject["last_at"], now),
            coloured(accepted, "green") if subject["accepted_at"] else coloured("nothing", "yellow"),
        )
    out.print(rows)
    left = item["people"] + item["groups"] - len(item["subjects"])
    if item["next"] and left > 0:
        out.print(f"  {number(left)} more (--limit)", style="dim")
    if _left_as_they_were(item):
        out.print("  Where nothing was accepted since, the account is as the last failure left it.", soft_wrap=True)


def _left_as_they_were(item: Item) -> bool:
    """Whether the trouble of some ended without a success of their own."""
    return any(subject["mended_at"] and not subject["accepted_at"] for subject in item["subjects"])


def _show_texts(out: Console, item: Item, now: datetime) -> None:
    rows = table("tries", "last", "what the provider said", right=("tries",))
    for text in item["texts"][:SHOWN_TEXTS]:
        rows.add_row(number(text["attempts"]), ago(text["last_at"], now), text["detail"] or "-")
    out.print(rows)


def _hours(hours: Sequence[Item]) -> tuple[str, str]:
    """Return the last hours before the last failure, one mark per hour; a blank where nothing failed."""
    counts = {datetime.fromisoformat(found["hour"]): found["attempts"] for found in hours}
    last = max(counts)
    shown = [counts.get(last - timedelta(hours=back), 0) for back in range(SHOWN_HOURS - 1, -1, -1)]
    most = max(shown)
    marks = "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] for count in shown)
    head = f"  failures by hour, at most {number(most)} in one, up to {when(last.isoformat(), seconds=False)}"
    return head, f"  |{marks}|"
