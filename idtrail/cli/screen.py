"""How answers look in a terminal: the answer first, times in UTC with their age, and colour that only repeats words.

80 columns suffice; rows are cut, never wrapped. Off a terminal there is no colour. Names and texts come from outside,
so nothing in them is markup, controls the terminal, starts a new line, or runs in a shell when a command is copied from
the screen.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from idtrail.characters import seen
from schemas.times import TICK

STYLES: Final = {
    "failure": "red",
    "open": "yellow",
    "OPEN": "yellow",
    "regressed": "yellow",
    "critical": "red",
    "high": "red",
    "closed": "green",
    "resolved": "green",
    "success": "green",
}

WIDE: Final = 100
"""From this width on, times have their year and texts more room."""


class Screen(Console):
    """A console that shows text as text, whatever it holds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, emoji=False, markup=False, **options)

    def on_broken_pipe(self) -> None:
        """Raise the error, which is being handled, once more: the command line says how it ends."""
        raise

    def print(self, *objects: Any, **options: Any) -> None:
        """Print like the inherited method, with a text on one line: a line end in a name starts no row. See
        `print_lines`."""
        super().print(*map(_unbroken, objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render like the inherited method, without characters with which a name could control the terminal."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(seen(segment.text), segment.style)


def one_line(text: str) -> str:
    """Return the visible text, with line ends replaced too."""
    return seen(text).replace("\n", "\ufffd")


def _unbroken(shown: Any) -> Any:
    if isinstance(shown, Text):
        shown = shown.copy()
        shown.plain = one_line(shown.plain)
    return one_line(shown) if isinstance(shown, str) else shown


def print_lines(out: Console, text: str, **options: Any) -> None:
    """Print a text that may have several lines and is not a row: the bytes of an event, a rule's description."""
    for line in text.split("\n"):
        out.print(line, **options)


def console() -> Console:
    """Return a console for standard output."""
    return Screen()


def command(*words: str) -> str:
    """Return a command to copy. Words that a shell would interpret are quoted."""
    return shlex.join(words)


def options(given: Mapping[str, str | list[str] | None]) -> Iterator[str]:
    """Yield the words of the options that were given to a command."""
    for name, value in given.items():
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                yield from (name, each)


def in_organization(organization: str | None) -> tuple[str, ...]:
    """Return the words that restrict a command to an organization."""
    return ("--organization", organization) if organization else ()


def asked_again(person: dict[str, Any], asked: str) -> str:
    """Return the text to ask for a person again: the same as before, or the id if nothing was asked or others had the
    name."""
    return str(person["subject_id"] if person.get("note") or not asked else asked)


def named(name: str, subject_id: str, width: int, *, shared: bool) -> str:
    """Return a person or group for a row: the name, with the end of the id if others have the name too."""
    if shared and name:
        return f"{cut(name, width - 6)} …{subject_id[-4:]}"
    return cut(name or subject_id or "-", width)


def named_apart(subjects: Sequence[dict[str, Any]], width: int) -> list[str]:
    """Return the names of several subjects like `named`, told apart from each other."""
    times = Counter(each["name"] for each in subjects)
    return [named(each["name"], each["subject_id"], width, shared=times[each["name"]] > 1) for each in subjects]


def print_json(value: Any) -> None:
    """Print one JSON document; a list as NDJSON."""
    for item in value if isinstance(value, list) else [value]:
        typer.echo(orjson.dumps(item))  # bytes: JSON is UTF-8, whatever the terminal's encoding


def moment(text: str | None) -> datetime | None:
    """Return a time from the API."""
    return datetime.fromisoformat(text) if text else None


def when(text: str | None, *, seconds: bool = True) -> str:
    """Return a time as `2026-11-22 17:00:02`, in UTC."""
    at = moment(text)
    if at is None:
        return "-"
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def times_that_fit(times: Sequence[str], out: Console) -> list[str]:
    """Return the times; if room is scarce, without the year if all share it."""
    years = {time[:5] for time in times if time[:2] == "20"}
    if out.width >= WIDE or len(years) != 1:
        return list(times)
    return [time[5:] if time[:2] == "20" else time for time in times]


def span(delta: timedelta) -> str:
    """Return a duration as `20 min`, `5 h`, `2 d`."""
    seconds = round(max(delta, timedelta()).total_seconds())  # a time asked for as `7d` must read 7 d ago
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size * (2 if unit == "d" else 1):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def age(text: str | None, now: datetime) -> str:
    """Return how long it is before `now`."""
    at = moment(text)
    return span(now - at) if at else "-"


def ago(text: str | None, now: datetime) -> str:
    """Return how long before `now` it was, in words."""
    return f"{age(text, now)} ago" if text else "-"


def later(count: int) -> str:
    """Return how many events an answer about the past lacks."""
    return f"{counted(count, 'event')} became known only later" if count else "nothing became known later"


def ending(until: str, now: datetime) -> str:
    """Return the last day of a range that ends before `until`. Most ranges end a day after now, since clocks differ."""
    at = moment(until)
    if at is None or at > now:
        return "now"
    return when((at - TICK).isoformat())[:10]


def coloured(word: str, style: str | None = None) -> Text:
    """Return a word in its colour."""
    return Text(word, STYLES.get(word, "") if style is None else style)


def number(value: int) -> str:
    """Return a number as `12,480`."""
    return f"{value:,}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count as `1 person`, `3 people`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


class Rows(Table):
    """A table whose last column is cut if there is no room; the others keep theirs."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row like the inherited method; the last cell is cut instead of wrapped."""
        texts = [cell.copy() if isinstance(cell, Text) else Text(str(cell)) for cell in cells]
        for text in texts:
            text.plain = one_line(text.plain)  # here already: what is not seen takes no room, its sign takes some
        texts[-1].no_wrap, texts[-1].overflow = True, "ellipsis"
        super().add_row(*texts, **options)


def table(*columns: str, right: Iterable[str] = (), indent: int = 2) -> Rows:
    """Return a table without lines; the columns in `right` are aligned right."""
    made = Rows(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(columns))
    for index, column in enumerate(columns):
        made.add_column(
            Text((" " * indent if index == 0 else "") + column, no_wrap=True, overflow="ellipsis"),
            header_style="dim",
            justify="right" if column in right else "left",
            no_wrap=index < len(columns) - 1,
        )
    return made


def cut(text: str, width: int) -> str:
    """Return at most `width` cells of text, on one line."""
    text = one_line(text)
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def name_width(out: Console) -> int:
    """Return how wide a name from outside may be if other columns follow it."""
    return out.width // 5


def why(cause: str, detail: str, attribute: str = "") -> str:
    """Return the cause in words, followed by the provider's text."""
    named = f"{cause} ({attribute})" if attribute else cause
    return f"{named}: {detail}" if cause and detail else named or detail


def why_still_open(account: dict[str, Any]) -> str:
    """Return why an account is open though closing it was tried: what the last try gave, or that a later attempt
    opened it again."""
    said = why(account["last_cause"], account["last_detail"])
    if account["last_outcome"] == "success":
        return "opened again"
    if account["last_outcome"] != "unknown":
        return said
    opened = account["attempted"] == "active" and account["attempted_at"] == account["last_try"]
    return ": ".join(filter(None, ("perhaps opened again" if opened else "no clear answer", said)))


def print_indented(out: Console, first: Text, text: str) -> None:
    """Print `text` after `first`, with further lines aligned to its start: a sentence is never cut."""
    indent = first.cell_len + 4
    lines = Text(text).wrap(out, max(out.width - indent, 20))
    for place, line in enumerate(lines):
        line.rstrip()
        head = Text.assemble("  ", first, "  ") if place == 0 else Text(" " * indent)
        out.print(head.append_text(line), no_wrap=True, overflow="crop")


def next_commands(*commands: str) -> Text:
    """Return the commands to run next."""
    return Text("Next: " + " · ".join(commands), "dim")
