"""One lifecycle in a terminal: the state of each account, then every step with what set it off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.text import Text

from idtrail.cli.screen import (
    WIDE,
    ago,
    asked_again,
    coloured,
    command,
    counted,
    cut,
    later,
    moment,
    name_width,
    next_commands,
    span,
    table,
    times_that_fit,
    when,
    why,
)
from idtrail.lifecycle_lanes import account_name, by_urgency, standing
from idtrail.lifecycle_steps import Group, Item, attempt, because, gave_way, grouped, result
from schemas.cause import Cause
from schemas.outcome import Outcome

SHOWN: Final = 24
"""How many rows are shown by default."""
GAP: Final = 2
LAST_TRY: Final = "last attempt to open or close"
"""The attempt shown for an account: a later update does not say whether it is open."""


def show_lifecycle(
    out: Console,
    answer: dict[str, Any],
    now: datetime,
    *,
    asked: str = "",
    everything: bool = False,
    application: str = "",
) -> None:
    """Print who it is, the state of each account, then the steps; with `application`, only that one.

    The next commands ask for the person as it was asked.
    """
    person, items = answer["person"], answer["items"]
    names = [name for name in person["names"] if name != person["subject_id"]]
    who = names[0] if names else person["subject_id"]
    others = ", ".join([*names[1:3], person["subject_id"]] if names else [])
    dated = [item for item in items if item["time_quality"] == "ok"]
    period = f", {when(dated[0]['occurred_at'])[:10]} to {when(dated[-1]['occurred_at'])[:10]}" if dated else ""
    events = f"{counted(len(items), 'event')}{period}"
    head = Text(f"{who}{f'  ({others})' if others else ''} · {events}")
    if others and head.cell_len > out.width:
        _print(out, [Text(f"{who} · {events}")], (out.width,), indent=0)
        head = Text(others, "dim")
    _print(out, [head], (out.width,), indent=0)
    if answer["known_at"]:
        told = f"as known at {when(answer['known_at'])} ({ago(answer['known_at'], now)}): {later(answer['later'])}"
        out.print(told, soft_wrap=True)
    if person.get("note"):
        out.print(person["note"], soft_wrap=True, markup=False)
    ids = {account["subject_id"] for account in answer["accounts"]}
    accounts = table("", "", "")
    for account in by_urgency(answer["accounts"]):
        accounts.add_row(cut(account_name(account, ids), name_width(out)), *_standing(account, now))
    if answer["accounts"]:
        out.print(accounts)
    else:
        out.print(f"no account known{f' in {application}' if application else ''}", soft_wrap=True)
    out.print()
    rows = lines(items, everything=everything)
    shown = rows if everything else rows[-SHOWN:]
    if len(rows) > len(shown):
        out.print(f"  ... {len(rows) - len(shown)} earlier rows: --all shows every event ...", style="dim")
    _show_rows(out, shown)
    if answer["next"]:
        out.print("  ... more: narrow the range with --since and --until")
    for account in answer["accounts"]:
        if account["exposed"]:
            _print(out, [Text(f"{account_name(account, ids)}: {_tries(account, now)}")], (out.width,), indent=0)
    begun = when(dated[0]["occurred_at"])[:10] if dated else ""
    out.print(next_commands(*_next(answer["accounts"], asked_again(person, asked), begun)), soft_wrap=True)


def _next(accounts: Sequence[Item], who: str, begun: str) -> list[str]:
    exposed = next((account for account in accounts if account["exposed"]), None)
    if exposed is None:
        since = ("--since", begun) if begun else ("--unplaced",)
        return [
            command("idtrail", "state", who),
            command("idtrail", "events", "--subject", who, *since),
        ]
    return [_why_open(exposed, exposed["application"] or exposed["application_id"], who), "idtrail exposures"]


def _why_open(account: Item, app: str, who: str) -> str:
    """Return the command that says why it is open: the integration's health tells only of credentials, and of what
    nobody tried."""
    if not account["closing_tries"] or account["last_cause"] == Cause.CREDENTIALS:
        return command("idtrail", "integrations", app)
    if account["last_outcome"] == Outcome.FAILURE:
        return command("idtrail", "incidents", "--app", app, "--subject", who)
    since = when(account["closing_since"] or account["last_try"])[:10]
    return command("idtrail", "events", "--app", app, "--subject", who, "--since", since)


def _tries(account: Item, now: datetime) -> str:
    if not account["closing_tries"]:
        return "nobody tried to close it"
    tries = counted(account["closing_tries"], "try", "tries")
    said = why(account["last_cause"], account["last_detail"])
    return f"{tries}, last {ago(account['last_try'], now)}{f': {said}' if said else ''}"


def _standing(account: Item, now: datetime) -> tuple[Any, str]:
    word, since = standing(account), when(account["confirmed_since"], seconds=False)
    if word == "closed":
        return coloured(word), f"confirmed since {since}"
    if word == "OPEN":
        closing = moment(account["closing_since"])
        active = f", active since {since[:10]}" if account["confirmed"] == "active" else ""
        open_for = f" ({span(now - closing)})" if closing else ""
        return coloured(word), f"meant closed {when(account['closing_since'], seconds=False)}{open_for}{active}"
    if word == "absent?":
        return word, f"the provider said 404 at {when(account['last_try'])}: gone, but not confirmed"
    if word == "active":
        return word, f"confirmed since {since}"
    return word, f"{LAST_TRY} {when(account['last_try'])}: {account['last_outcome'] or 'none seen'}"


class Row(NamedTuple):
    """One line of the screen. A line that stands for several events has only `result`."""

    time: str
    app: str
    attempt: str
    result: str
    because: str
    failed: bool = False


HEADS: Final = Row("time (UTC)", "app", "attempt", "result", "because")


def lines(items: Sequence[Item], *, everything: bool) -> list[Row]:
    """Return the steps as lines. Unless `everything`, equal steps are one line, or two with what lies between."""
    by_id = {item["event_id"]: item for item in items}
    if everything:
        return [_row(Group([item]), by_id) for item in items]
    rows = []
    for group in grouped(items):
        between = len(group.items) - 1
        if group.again and between < 3:
            rows += [_row(Group([item]), by_id) for item in group.items]
            continue
        if group.again:
            more = f"... {between} retries with the same answer, about every {span(group.every)} ..."
            rows.append(Row("", "", "", more, ""))
            group = Group([group.last])
        rows.append(_row(group, by_id))
    return rows


def _row(group: Group, by_id: Mapping[str, Item]) -> Row:
    item, apps = group.first, {item["application"] or item["application_id"] for item in group.items}
    return Row(
        when(item["occurred_at"]) if item["time_quality"] == "ok" else f"time {item['time_quality']}",
        f"{len(apps)} apps" if len(apps) > 1 else apps.pop() or "-",
        attempt(item),
        result(item),
        "; ".join(reason for reason in (because(group.first, by_id), gave_way(item, by_id)) if reason),
        item["outcome"] == "failure",
    )


def _show_rows(out: Console, rows: Sequence[Row]) -> None:
    wide = out.width >= WIDE
    times = times_that_fit([row.time for row in rows], out)
    room = out.width - GAP - 4 * GAP
    widths = [max(map(len, (HEADS.time, *times)))]
    for place, most in ((1, 14 if wide else 10), (2, room // 5), (4, room * 3 // 10)):
        widths.append(min(most, max(_cells(str(row[place])) for row in (HEADS, *rows))))
    time, app, done, why_so = widths
    # A shorter result leaves the rest of the room to the reason.
    answer = max(room - time - app - done - why_so, 10)
    longest = max(_cells(row.result) for row in (HEADS, *rows) if row.time)
    if longest < answer:
        why_so, answer = why_so + answer - longest, longest
    columns = (time, app, done, answer, why_so)
    _print(out, [Text(str(each), "dim") for each in HEADS[:5]], columns)
    for row, at in zip(rows, times, strict=True):
        if not row.time:
            _print(out, [Text(""), Text(row.result, "dim")], (time, room - time + 3 * GAP))
            continue
        told = coloured(row.result, "red" if row.failed else "")
        _print(out, [Text(at), Text(row.app), Text(row.attempt), told, Text(row.because)], columns)


def _cells(text: str) -> int:
    return Text(text).cell_len


def _print(out: Console, cells: Sequence[Text], widths: Sequence[int], indent: int = GAP) -> None:
    """Print one line; what has no room is cut."""
    line = Text(" " * indent)
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        last = place == len(widths) - 1
        cell.truncate(width, overflow="ellipsis", pad=not last)
        line.append_text(cell).append("" if last else " " * GAP)
    out.print(line, no_wrap=True, overflow="crop")
