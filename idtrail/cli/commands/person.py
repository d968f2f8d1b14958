"""`idtrail person`: shows who somebody is: ids, names and addresses over time, and what links them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import quote

import typer
from rich.console import Console

from idtrail.cli import Json, Organization, app, connect
from idtrail.cli.screen import (
    ago,
    command,
    console,
    counted,
    cut,
    in_organization,
    next_commands,
    print_json,
    table,
    when,
)
from idtrail.item import Item

PATH: Final = "/api/v1/people"
WORDS: Final = {
    "name": "user name", "email": "address", "employee": "employee number", "external": "external id",
    "full_name": "full name", "account": "account taken over",
}  # fmt: skip

people = typer.Typer(
    no_args_is_help=True, help="Who somebody is: ids, names and addresses over time; link or separate."
)
app.add_typer(people, name="person")

First = Annotated[str, typer.Argument(help="Id, user name or mail address; a name means the id that has it now.")]
Second = Annotated[str, typer.Argument(help="The other one.")]
Because = Annotated[str, typer.Option("--because", help="Why: recorded on the log with your token's name.")]


@people.command("show")
def show(
    who: Annotated[str, typer.Argument(help="Id, user name or mail address.")],
    at: Annotated[
        str | None,
        typer.Option(help="Who had the name then: a time, a date, or an age (24h, 7d).", show_default=False),
    ] = None,
    organization: Organization = None,
    as_json: Json = False,
) -> None:
    """Show who somebody is: all ids and what links them, names and addresses with when each was in force."""
    answer = connect().get(f"{PATH}/{quote(who, safe='')}", {"at": at, "organization": organization})
    if as_json:
        print_json(answer)
    else:
        show_person(console(), answer, datetime.now(UTC), organization)


@people.command("link")
def link(first: First, second: Second, because: Because, as_json: Json = False) -> None:
    """Record that two ids are one person. Needs an admin token. `person separate` takes it back."""
    _decide("link", first, second, because, as_json)


@people.command("separate")
def separate(first: First, second: Second, because: Because, as_json: Json = False) -> None:
    """Record that two ids are two people, whatever they share. Needs an admin token. `person link` takes it back."""
    _decide("separate", first, second, because, as_json)


def _decide(word: str, first: str, second: str, because: str, as_json: bool) -> None:
    made = connect().post(f"{PATH}/{word}", {"first": first, "second": second, "because": because})
    if as_json:
        print_json(made)
        return
    out = console()
    told = "are one person" if made["linked"] else "are two people"
    who = " and ".join(
        own if own == asked else f"{asked} ({own})" for asked, own in ((first, made["first"]), (second, made["second"]))
    )
    out.print(f"{who} {told}: on the log as event {made['event_id']}", soft_wrap=True)
    if made["note"]:
        out.print(f"note: {made['note']}", soft_wrap=True)
    out.print(next_commands(command("idtrail", "person", "show", made["first"])), soft_wrap=True)


def show_person(out: Console, answer: Item, now: datetime, organization: str | None = None) -> None:
    """Print who it is, then ids, names, links and hints. With `organization`, the next commands name it."""
    person, ids = answer["person"], answer["ids"]
    names = [name for name in person["names"] if name != person["subject_id"]]
    who = names[0] if names else person["subject_id"]
    asked = ""
    if answer["at"]:
        asked = f" at {when(answer['at'])}"
        called = (each["value"] for each in answer["aliases"] if each["kind"] == "name")
        who = next((name for name in called), who)
    out.print(f"{who}{asked} · {counted(len(ids), 'id')}, {counted(len(names), 'name')}", soft_wrap=True, markup=False)
    if person["note"]:
        out.print(f"note: {person['note']}", soft_wrap=True, markup=False)
    out.print()
    rows = table("id", "events", "first seen", "last seen", "ended", right=("events",))
    for each in ids:
        rows.add_row(
            f"  {cut(each['subject_id'], 26)}",
            each["events"],
            when(each["first_seen"])[:10],
            ago(each["last_seen"], now),
            when(each["ended_at"])[:10],
        )
    out.print(rows)
    out.print()
    _show_aliases(out, answer["aliases"], ids)
    for item in answer["links"]:
        _show_pair(out, item, _because(item))
    if answer["hints"]:
        out.print("Not linked:")
    for item in answer["hints"]:
        _show_pair(out, item, _because(item))
    commands = [command("idtrail", "lifecycle", person["subject_id"], *in_organization(organization))]
    undecided = [item for item in answer["hints"] if item["decision"] is None]
    if undecided:
        hint = undecided[0]
        commands.append(f'{command("idtrail", "person", "link", hint["first"], hint["second"])} --because "…"')
    elif answer["links"]:
        item = answer["links"][0]
        commands.append(f'{command("idtrail", "person", "separate", item["first"], item["second"])} --because "…"')
    out.print(next_commands(*commands), soft_wrap=True)


def _show_aliases(out: Console, aliases: list[Item], ids: list[Item]) -> None:
    if not aliases:
        return
    many = len(ids) > 1
    rows = table("since (UTC)", "until", *(["id"] if many else []), "what", "is")
    ended = {each["subject_id"] for each in ids if each["ended_at"]}
    for alias in aliases:
        lasting = "to the end" if alias["subject_id"] in ended else "still"
        until = when(alias["until"], seconds=False) if alias["until"] else lasting
        own = [f"…{alias['subject_id'][-4:]}"] if many else []
        shown = WORDS.get(alias["kind"], alias["kind"])
        rows.add_row(f"  {when(alias['since'], seconds=False)}", until, *own, shown, alias["spelt"])
    out.print(rows)
    out.print()


def _because(item: Item) -> str:
    """Return what a link is based on, or why there is none."""
    decision = item["decision"]
    if decision is not None:
        word = "linked" if decision["linked"] else "told apart"
        return f"{word} by {decision['by']} {when(decision['at'], seconds=False)}: {decision['because']}"
    shared = ", ".join(f"{WORDS.get(each['kind'], each['kind'])} {each['value']}" for each in item["evidence"])
    return f"{item['why']} ({shared})" if "why" in item else f"{item['strength']}: {shared}"


def _show_pair(out: Console, item: Item, because: str) -> None:
    out.print(f"  {item['first']} {'and' if 'why' in item else '='} {item['second']}", soft_wrap=True, markup=False)
    text = f"    {because}"
    out.print(cut(text, out.width) if out.is_terminal else text, soft_wrap=True, markup=False)
