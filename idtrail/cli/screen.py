"""How answers look in a terminal: the answer first, times in UTC with their age, colour that only repeats words.

80 columns suffice; rows are cut, never wrapped. Off a terminal there is no colour. Names and texts come from outside:
nothing in them is markup, steers the terminal, begins a line of its own, or runs in a shell when a command is copied
from the screen.
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
"""Columns from which on times have their year and texts more room."""


class Screen(Console):
    """A terminal, or what stands for one, that shows text as text whatever it holds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, emoji=False, markup=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """As the inherited one, a text on one line: a line end in a name begins no row. See `print_lines`."""
        super().print(*map(_unbroken, objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As the inherited one, without the characters by which a name could steer the terminal."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(seen(segment.text), segment.style)


def one_line(text: str) -> str:
    """As the text is seen, its line ends replaced too."""
    return seen(text).replace("\n", "\ufffd")


def _unbroken(shown: Any) -> Any:
    if isinstance(shown, Text):
        shown = shown.copy()
        shown.plain = one_line(shown.plain)
    return one_line(shown) if isinstance(shown, str) else shown


def print_lines(out: Console, text: str, **options: Any) -> None:
    """A text that may have several lines, of which no row is made: the bytes of an event, a rule's description."""
    for line in text.split("\n"):
        out.print(line, **options)


def console() -> Console:
    """Standard output."""
    return Screen()


def command(*words: str) -> str:
    """A command to copy: each word that a shell would read otherwise is quoted."""
    return shlex.join(words)


def options(given: Mapping[str, str | list[str] | None]) -> Iterator[str]:
    """Those of a command that were given, as its words."""
    for name, value in given.items():
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                yield from (name, each)


def in_organization(organization: str | None) -> tuple[str, ...]:
    """What a command needs more where it is asked within one organization."""
    return ("--organization", organization) if organization else ()


def asked_again(person: dict[str, Any], asked: str) -> str:
    """By what to ask for a person again: as before, or by the id where nothing was asked or others had the name."""
    return str(person["subject_id"] if person.get("note") or not asked else asked)


def named(name: str, subject_id: str, width: int, *, shared: bool) -> str:
    """A person or group in a row: the name, with how the id ends where others have the name too."""
    if shared and name:
        return f"{cut(name, width - 6)} …{subject_id[-4:]}"
    return cut(name or subject_id or "-", width)


def named_apart(subjects: Sequence[dict[str, Any]], width: int) -> list[str]:
    """The same of several, each beside the others."""
    times = Counter(each["name"] for each in subjects)
    return [named(each["name"], each["subject_id"], width, shared=times[each["name"]] > 1) for each in subjects]


def print_json(value: Any) -> None:
    """One JSON document; a list as NDJSON."""
    for item in value if isinstance(value, list) else [value]:
        typer.echo(orjson.dumps(item).decode())


def moment(text: str | None) -> datetime | None:
    """A time of the API's."""
    return datetime.fromisoformat(text) if text else None


def when(text: str | None, *, seconds: bool = True) -> str:
    """`2026-11-22 17:00:02`, in UTC."""
    at = moment(text)
    if at is None:
        return "-"
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def times_that_fit(times: Sequence[str], out: Console) -> list[str]:
    """Where the room is scarce, a year is left out that all of them have."""
    years = {time[:5] for time in times if time[:2] == "20"}
    if out.width >= WIDE or len(years) != 1:
        return list(times)
    return [time[5:] if time[:2] == "20" else time for time in times]


def span(delta: timedelta) -> str:
    """`20 min`, `5 h`, `2 d`."""
    seconds = round(max(delta, timedelta()).total_seconds())  # a time that was asked for as `7d` is 7 d ago
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size * (2 if unit == "d" else 1):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def age(text: str | None, now: datetime) -> str:
    """How long it is before `now`."""
    at = moment(text)
    return span(now - at) if at else "-"


def ago(text: str | None, now: datetime) -> str:
    """How long before `now`."""
    return f"{age(text, now)} ago" if text else "-"


def later(count: int) -> str:
    """How many events an answer of the past lacks."""
    return f"{counted(count, 'event')} became known only later" if count else "nothing became known later"


def ending(until: str, now: datetime) -> str:
    """The day on which a range ends; most end a day past now, since clocks differ."""
    at = moment(until)
    return "now" if at is not None and at > now else when(until)[:10]


def coloured(word: str, style: str | None = None) -> Text:
    """A word in its colour."""
    return Text(word, STYLES.get(word, "") if style is None else style)


def number(value: int) -> str:
    """`12,480`."""
    return f"{value:,}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 person`, `3 people`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


class Rows(Table):
    """A table whose last column is cut when there is no room; the others keep theirs."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """As the inherited one; the last cell is cut instead of wrapped."""
        texts = [cell.copy() if isinstance(cell, Text) else Text(str(cell)) for cell in cells]
        for text in texts:
            text.plain = one_line(text.plain)  # here already: what is not seen takes no room, its sign takes some
        texts[-1].no_wrap, texts[-1].overflow = True, "ellipsis"
        super().add_row(*texts, **options)


def table(*columns: str, right: Iterable[str] = (), indent: int = 2) -> Rows:
    """Columns without lines; those in `right` are flushed right."""
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
    """At most `width` cells of the terminal, of one line."""
    text = one_line(text)
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def name_width(out: Console) -> int:
    """How wide a name from outside may be, that other columns stand behind."""
    return out.width // 5


def why(cause: str, detail: str, attribute: str = "") -> str:
    """The cause in words, the provider's text behind it."""
    named = f"{cause} ({attribute})" if attribute else cause
    return f"{named}: {detail}" if cause and detail else named or detail


def print_indented(out: Console, first: Text, text: str) -> None:
    """`text` behind `first`, and its further lines below its own beginning: a sentence is never cut."""
    indent = first.cell_len + 4
    lines = Text(text).wrap(out, max(out.width - indent, 20))
    for place, line in enumerate(lines):
        line.rstrip()
        head = Text.assemble("  ", first, "  ") if place == 0 else Text(" " * indent)
        out.print(head.append_text(line), no_wrap=True, overflow="crop")


def next_commands(*commands: str) -> Text:
    """What to run next."""
    return Text("Next: " + " · ".join(commands), "dim")
