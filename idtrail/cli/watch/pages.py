"""The pages of the watch screen: an incident, a failure, a person's lifecycle, the keys; as text of a given width."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from idtrail.cli.commands.events import show_event
from idtrail.cli.incident_screens import show_incident
from idtrail.cli.lifecycle_screen import show_lifecycle
from idtrail.cli.screen import Screen
from idtrail.cli.watch.tables import plain
from idtrail.item import Item

MAX_PEOPLE: Final = 9
"""One digit for each."""

KEYS: Final = (
    ("Tab, Shift-Tab", "the next list, the one before: incidents, failures, integrations"),
    ("arrows, j, k", "one row down or up; PgUp, PgDn, Home, End go further"),
    ("Enter", "open: an incident with its remedy and people, a failure with its copies, an integration's last failure"),
    ("l", "the lifecycle of the row's person; where it has none, of one that you name"),
    ("1 … 9", "within an incident: that person's lifecycle"),
    ("/", "show only rows with this text; Enter keeps it, Esc takes it away"),
    ("p", "hold the lists still, go on; nothing is lost meanwhile"),
    ("r", "ask for all lists again"),
    ("Esc, q", "back; q on the lists ends"),
)
STATES: Final = (
    ("", ""),
    ("open", "it goes on"),
    ("regressed", "again, after it had ended"),
    ("quiet", "nobody tries any more"),
    ("resolved", "a success ended it; it stays for an hour"),
)


class Person(NamedTuple):
    """A person whose lifecycle can be opened from a page."""

    subject_id: str
    name: str
    organization: str


class Page(NamedTuple):
    """A page; `draw` writes it at the console's width."""

    draw: Callable[[Console, datetime], None]
    people: tuple[Person, ...] = ()


def text_of(page: Page, width: int, now: datetime) -> str:
    """Return the page's text. Words say everything, so it needs no colour."""
    out = io.StringIO()
    console = Screen(file=out, width=width, no_color=True, legacy_windows=False)
    page.draw(console, now)
    return "\n".join(plain(line).rstrip() for line in out.getvalue().splitlines())


def person_of(item: Item) -> Person | None:
    """Return whom a failure is about, if it is a person."""
    if item.get("kind") != "user" or not item.get("subject_id"):
        return None
    return Person(item["subject_id"], item["subject_name"] or item["subject_id"], item["organization"])


def help_page() -> Page:
    """Return the page of keys."""

    def draw(out: Console, now: datetime) -> None:
        out.print("idtrail watch: failures and incidents as they come. UTC.", soft_wrap=True)
        out.print()
        rows = Table.grid(padding=(0, 2))
        for keys, meaning in (*KEYS, *STATES):
            rows.add_row(f"  {keys}", meaning)
        out.print(rows)

    return Page(draw)


def failure_page(event: Item) -> Page:
    """Return a failure in full, as `idtrail events ID` shows it."""
    person = person_of(event)
    return Page(lambda out, now: show_event(out, event, now), (person,) if person else ())


def lifecycle_page(answer: Item) -> Page:
    """Return a lifecycle as `idtrail lifecycle` shows it."""
    return Page(lambda out, now: show_lifecycle(out, answer, now))


def incident_page(incident: Item) -> Page:
    """Return an incident as `idtrail incidents show` shows it; its people can be opened."""
    people = people_of(incident)

    def draw(out: Console, now: datetime) -> None:
        show_incident(out, incident, now)
        named = " · ".join(f"{place} {person.name}" for place, person in enumerate(people, 1))
        if named:
            out.print(f"Lifecycles: {named}", markup=False)

    return Page(draw, people)


def people_of(incident: Item) -> tuple[Person, ...]:
    """Return the people in the order of the API: those in trouble first."""
    users = [item for item in incident["subjects"] if item["kind"] == "user"][:MAX_PEOPLE]
    return tuple(
        Person(item["subject_id"], item["name"] or item["subject_id"], incident["organization"]) for item in users
    )
