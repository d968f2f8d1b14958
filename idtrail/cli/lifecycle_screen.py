"""One lifecycle in a terminal: the state of each account, then every step with what set it off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
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
    number,
    span,
    table,
    times_that_fit,
    when,
    why_still_open,
)
from idtrail.item import Item
from idtrail.lifecycle_lanes import account_name, by_urgency, standing
from idtrail.lifecycle_steps import Group, at, attempt, because, clock, gave_way, grouped, result
from queries.accounts.account import CLOSED
from schemas.cause import Cause
from schemas.outcome import Outcome

SHOWN: Final = 24
"""How many rows and accounts are shown by default."""
GAP: Final = 2
NAMED: Final = 3
"""How many accounts that are open for the same reason are named."""
NEVER_TRIED: Final = "nobody tried to close it"
LAST_TRY: Final = "last attempt to open or close"
"""The attempt shown for an account: a later update does not say whether it is open."""


def show_lifecycle(
    out: Console,
    answer: dict[str, Any],
    now: datetime,
    *,
    asked: str = "",
    everything: bool = False,
    limit: int = SHOWN,
    application: str = "",
) -> None:
    """Print who it is, the state of each account, then the steps; with `application`, only that one.

    At most `limit` accounts, the urgent ones first, and the last `limit` lines of steps; 0 shows all.

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
    urgent = by_urgency(answer["accounts"])
    for account in urgent[:limit] if limit else urgent:
        accounts.add_row(cut(account_name(account, ids), name_width(out)), *_standing(account, now))
    if answer["accounts"]:
        out.print(accounts)
        if limit and (more := Counter(map(standing, urgent[limit:]))):
            words = ", ".join(f"{number(count)} {word}" for word, count in more.items())
            out.print(f"... {counted(more.total(), 'more account')}: {words} (--limit) ...", style="dim")
    else:
        out.print(f"no account known{f' in {application}' if application else ''}", soft_wrap=True)
    out.print()
    rows = lines(items, everything=everything, kept=turning(answer["accounts"], items))
    _show_rows(out, shown(rows, 0 if everything else limit))
    if answer["next"]:
        out.print("  ... more: narrow the range with --since and --until")
    for line in _open(answer["accounts"], ids, now):
        _print(out, [Text(line)], (out.width,), indent=0)
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


def _open(accounts: Iterable[Item], ids: Collection[str], now: datetime) -> Iterator[str]:
    """Yield for each reason why accounts are open which they are, the number of tries and the last."""
    reasons: dict[str, list[Item]] = {}
    for account in accounts:
        if account["exposed"]:
            said = why_still_open(account) if account["closing_tries"] else None
            reasons.setdefault(said if said is not None else NEVER_TRIED, []).append(account)
    for said, alike in reasons.items():
        names = [account_name(account, ids) for account in alike]
        who = ", ".join(names) if len(names) <= NAMED else f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
        if said == NEVER_TRIED:
            yield f"{who}: {NEVER_TRIED}"
            continue
        least, most = min(each["closing_tries"] for each in alike), max(each["closing_tries"] for each in alike)
        tries = counted(most, "try", "tries") if least == most else f"{number(least)} to {number(most)} tries"
        last = ago(max((each["last_try"] for each in alike), key=datetime.fromisoformat), now)
        yield f"{who}: {tries}{' each' if len(alike) > 1 else ''}, last {last}{f': {said}' if said else ''}"


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
    """One line of the screen."""

    time: str
    """`FOLDED` for a line of several retries."""
    app: str
    attempt: str
    result: str
    because: str
    failed: bool = False
    kept: bool = False
    """Whether it is shown even if later ones fill the screen."""


HEADS: Final = Row("time (UTC)", "app", "attempt", "result", "because")
FOLDED: Final = "..."


def lines(items: Sequence[Item], *, everything: bool, kept: Container[str] = ()) -> list[Row]:
    """Return the steps as lines, with those of the `kept` ids marked. Unless `everything`, equal steps are one line, or
    two with what lies between."""
    by_id = {item["event_id"]: item for item in items}
    if everything:
        return [_row(Group([item]), by_id) for item in items]
    rows: list[tuple[datetime, Row]] = []
    for group in grouped(items):
        between = len(group.items) - 1
        if group.again and between < 3:
            rows += [(at(item), _row(Group([item]), by_id, kept)) for item in group.items]
            continue
        row = _row(Group([group.last]) if group.again else group, by_id, kept)
        if group.again:
            since = clock(group.first, group.last)[:-3]
            more = f"{number(between)} times since {since}, about every {span(group.every)}, answered as below"
            rows.append((at(group.last), Row(FOLDED, row.app, row.attempt, more, "")))
        rows.append((at(group.last if group.again else group.first), row))
    return [row for _, row in sorted(rows, key=itemgetter(0))]


def turning(accounts: Iterable[Item], items: Iterable[Item]) -> set[str]:
    """Return the ids of what decided that open accounts are to be closed, and of the first refusal to close each."""
    since = {}
    found: set[str] = set()
    for account in accounts:
        if account["exposed"] and account["closing_since"]:
            since[account["subject_id"], account["application_id"]] = datetime.fromisoformat(account["closing_since"])
            if account["intended_because"] and account["intended_because"]["event_id"]:
                found.add(account["intended_because"]["event_id"])
    for item in items:
        key = item["subject_id"], item["application_id"]
        closes = item["account_state"] in CLOSED and item["outcome"] == Outcome.FAILURE
        if closes and key in since and at(item) >= since[key]:
            found.add(item["event_id"])
            del since[key]
    return found


def shown(rows: Sequence[Row], limit: int) -> list[Row]:
    """Return the last `limit` lines (0: all) and the kept ones, with a line for what is left out in each gap."""
    found: list[Row] = []
    left = 0
    for place, row in enumerate(rows):
        if row.kept or not limit or place >= len(rows) - limit:
            found += _gap(left)
            found.append(row)
            left = 0
        else:
            left += 1
    return found


def _gap(left: int) -> list[Row]:
    return (
        [Row("", "", "", f"... {counted(left, 'row')} left out: --limit 0, or every event: --all ...", "")]
        if left
        else []
    )


def _row(group: Group, by_id: Mapping[str, Item], kept: Container[str] = ()) -> Row:
    item, apps = group.first, {item["application"] or item["application_id"] for item in group.items}
    return Row(
        when(item["occurred_at"]) if item["time_quality"] == "ok" else f"time {item['time_quality']}",
        f"{len(apps)} apps" if len(apps) > 1 else apps.pop() or "-",
        attempt(item),
        result(item),
        "; ".join(reason for reason in (because(group.first, by_id), gave_way(item, by_id)) if reason),
        item["outcome"] == "failure",
        any(item["event_id"] in kept for item in group.items),
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
    longest = max(_cells(row.result) for row in (HEADS, *rows) if row.time not in ("", FOLDED))
    if longest < answer:
        why_so, answer = why_so + answer - longest, longest
    columns, alone = (time, app, done, answer, why_so), (time, room - time + 3 * GAP)
    _print(out, [Text(str(each), "dim") for each in HEADS[:5]], columns)
    for row, stamp in zip(rows, times, strict=True):
        if not row.time:
            _print(out, [Text(""), Text(row.result, "dim")], alone)
            continue
        if row.time == FOLDED:
            told = Text(f"{cut(row.attempt, done)} {row.result}", "dim")
            _print(out, [Text(stamp), Text(row.app), told], (time, app, room - time - app + 2 * GAP))
            continue
        told = coloured(row.result, "red" if row.failed else "")
        _print(out, [Text(stamp), Text(row.app), Text(row.attempt), told, Text(row.because)], columns)


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
