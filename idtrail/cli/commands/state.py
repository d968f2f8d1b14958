"""`idtrail state`: shows the state of a person or a group at a time, by what was known at a time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len
from rich.console import Console

from idtrail.cli import Json, Organization, app, connect
from idtrail.cli.screen import (
    ago,
    asked_again,
    coloured,
    command,
    console,
    counted,
    cut,
    in_organization,
    later,
    moment,
    next_commands,
    number,
    print_json,
    table,
    when,
    why_still_open,
)
from idtrail.item import Item
from idtrail.lifecycle_lanes import account_name
from schemas.errors import BadUsage
from schemas.times import parse_past, require_order

SHOWN: Final = 12
"""How many groups or members the screen shows."""
RECENT: Final = timedelta(minutes=1)
"""Knowledge this recent counts as current."""

Known = Annotated[
    str | None,
    typer.Option(
        "--known-at", help="Answer by what was known then; by default, by all that is known now.", show_default=False
    ),
]
Between = Annotated[
    tuple[str, str] | None,
    typer.Option("--diff", metavar="T1 T2", help="Show what differs between two times.", show_default=False),
]


@app.command()
def state(
    person: Annotated[str, typer.Argument(help="Person or group: id, user name or mail address.")],
    at: Annotated[
        str | None, typer.Option(help="A time, a date, or an age (24h, 7d); now by default.", show_default=False)
    ] = None,
    known_at: Known = None,
    diff: Between = None,
    organization: Organization = None,
    as_json: Json = False,
) -> None:
    """Show where every account stood at a time, as it was known at a time."""
    api, out = connect(), console()
    asked = {"person": person, "known_at": known_at, "organization": organization}
    if diff is not None:
        if at is not None:
            raise BadUsage("--at is for one time, --diff for two: give one of them")
        since, until = diff
        first, second = (parse_past(text, datetime.now(UTC), "--diff") for text in diff)
        require_order(first, second, ("the first time of --diff", "the second"))
        answer = api.get("/api/v1/state/diff", {**asked, "since": since, "until": until})
        show: Any = show_differences
    else:
        answer = api.get("/api/v1/state", {**asked, "at": at})
        show = show_state
    if as_json:
        print_json(answer)
    else:
        show(out, answer, datetime.now(UTC), person, organization)


def show_state(out: Console, answer: Item, now: datetime, asked: str = "", organization: str | None = None) -> None:
    """Print who and when, each account, and groups or members. The next commands repeat the question as it was
    asked."""
    who = _who(answer)
    head, told = f"{who} at {_time(answer['at'], now)}", _summary(answer["accounts"])
    apart = cell_len(f"{head} · {told}") > out.width
    out.print(f"{who if apart else head} · {told}", soft_wrap=True)
    if apart:
        out.print(f"at {_time(answer['at'], now)}", soft_wrap=True)
    _print_note(out, answer)
    directory = answer["directory"]
    if directory["since"]:
        out.print(f"{directory['state']} in the directory since {_time(directory['since'], now)}", soft_wrap=True)
    if answer["known_at"]:
        out.print(f"as known at {_time(answer['known_at'], now)}: {later(answer['later'])}", soft_wrap=True)
    if answer["blind_since"]:
        out.print(f"Nothing that occurred after {when(answer['blind_since'])} could be known then.", soft_wrap=True)
    if answer["accounts"]:
        ids = {account["subject_id"] for account in answer["accounts"]}
        rows = table("app", "meant", "confirmed", "since (UTC)", "")
        for account in sorted(answer["accounts"], key=lambda account: not account["exposed"]):
            rows.add_row(
                _app(account, ids),
                account["intended"],
                coloured(account["confirmed"].replace("_", " "), "yellow" if account["exposed"] else ""),
                when(account["confirmed_since"] or account["intended_since"]),
                _note(account),
            )
        out.print()
        out.print(rows)
    for title, total in (("groups", len(answer["groups"])), ("members", answer["members_total"])):
        if answer[title]:
            out.print()
            out.print(f"{title}: {_names(answer[title], answer[title], total)}", soft_wrap=True)
    for each in answer["accepted"]:
        out.print(f"{each['application']} has {_accepted(each)}, accepted {_time(each['at'], now)}", soft_wrap=True)
    out.print()
    again = (asked_again(answer["person"], asked), *in_organization(organization))
    commands = [command("idtrail", "lifecycle", *again)]
    at = moment(answer["at"])
    if at is not None and not answer["known_at"] and now - at > RECENT:
        then = answer["at"].replace("+00:00", "Z")
        commands.append(command("idtrail", "state", *again, "--at", then, "--known-at", then))
    out.print(next_commands(*commands), soft_wrap=True)


def show_differences(
    out: Console, answer: Item, now: datetime, asked: str = "", organization: str | None = None
) -> None:
    """Print how many accounts differ, and each before and after. The next commands repeat the question as it was
    asked."""
    who, changed = _who(answer), answer["accounts"]
    known = f", as known at {when(answer['known_at'])}" if answer["known_at"] else ""
    out.print(
        f"{who}: {counted(len(changed), 'account')} of {len(changed) + answer['unchanged']} became different from "
        f"{when(answer['since'])} to {when(answer['until'])}{known}",
        soft_wrap=True,
    )
    _print_note(out, answer)
    if changed:
        ids = {account["subject_id"] for each in changed for account in (each["before"], each["after"]) if account}
        rows = table("app", "before", "after")
        for each in changed:
            rows.add_row(
                _app(each["after"] or each["before"], ids),
                _standing(each["before"]),
                _standing(each["after"]),
            )
        out.print()
        out.print(rows)
    moved = [*answer["joined"], *answer["left"]]
    for title in ("joined", "left"):
        if answer[title]:
            out.print(f"{title}: {_names(answer[title], moved, answer[f'{title}_total'])}", soft_wrap=True)
    out.print()
    again = (asked_again(answer["person"], asked), *in_organization(organization))
    until = answer["until"].replace("+00:00", "Z")
    commands = command("idtrail", "lifecycle", *again), command("idtrail", "state", *again, "--at", until)
    out.print(next_commands(*commands), soft_wrap=True)


def _who(answer: Item) -> str:
    person = answer["person"]
    return str(person["names"][0] if person["names"] else person["subject_id"])


def _print_note(out: Console, answer: Item) -> None:
    if answer["person"]["note"]:
        out.print(answer["person"]["note"], soft_wrap=True, markup=False)


def _app(account: Item, ids: set[str]) -> str:
    return f"  {cut(account_name(account, ids), 16 if len(ids) == 1 else 25)}"


def _time(text: str, now: datetime) -> str:
    return f"{when(text)} ({ago(text, now)})"


def _summary(accounts: list[Item]) -> str:
    if not accounts:
        return "no account known"
    exposed = sum(1 for account in accounts if account["exposed"])
    told = counted(len(accounts), "account")
    return f"{told}, {exposed} OPEN that should be closed" if exposed else f"{told}, none open that should be closed"


def _note(account: Item) -> str:
    if account["exposed"]:
        tries = counted(account["closing_tries"], "try", "tries")
        reason = why_still_open(account) if account["closing_tries"] else ""
        return f"OPEN since {when(account['closing_since'])}, {tries}{f': {reason}' if reason else ''}"
    because = account["intended_because"]
    if because is None:
        return ""
    return "cause unknown" if because.get("kind") == "unknown" else str(because["text"])


def _accepted(each: Item) -> str:
    behind = [
        f"{len(each[key])} {words}"
        for key, words in (("missing", "missing"), ("left_over", "no longer in the group"))
        if each[key]
    ]
    return f"{counted(each['members'], 'member')}{' (' + ', '.join(behind) + ')' if behind else ''}"


def _standing(account: Item | None) -> str:
    if account is None:
        return "not known"
    confirmed = account["confirmed"].replace("_", " ")
    told = confirmed if account["intended"] == confirmed else f"meant {account['intended']}, confirmed {confirmed}"
    return f"{told} (OPEN)" if account["exposed"] else told


def _names(members: list[Item], among: list[Item], total: int) -> str:
    """Return the first names, with the id where several `among` them have one name, and how many more there are."""
    having = Counter(member["name"] for member in among)
    names = [
        f"{member['name']} ({member['id']})" if member["name"] and having[member["name"]] > 1
        else member["name"] or member["id"]
        for member in members
    ]  # fmt: skip
    shown = names[:SHOWN]
    more = f" and {number(total - len(shown))} more" if total > len(shown) else ""
    return ", ".join(shown) + more
