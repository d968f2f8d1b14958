"""One list on the watch screen. It draws only visible rows, and redraws only changed lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from idtrail.cli.screen import STYLES
from idtrail.cli.watch.tables import Column, Place, fitted, heading, places, row
from idtrail.item import Item

_TITLES: Final = Style(bold=True)
_PLAIN: Final = Style()
_HERE: Final = Style(reverse=True)
_WORDS: Final = {word: Style.parse(style) for word, style in {**STYLES, "regressed": "red"}.items()}
"""Colours repeat what the word says."""


class Listing(Widget, can_focus=True):
    """A heading and rows. The chosen row stays chosen while others come above it, except that the first stays the
    first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
        Binding("enter", "open", show=False),
    ]

    class Opened(Message):
        """Sent when Enter is pressed on a row."""

        def __init__(self, listing: Listing, item: Item) -> None:
            super().__init__()
            self.listing, self.item = listing, item

    def __init__(self, columns: tuple[Column, ...], key: str, empty: str, *, id: str) -> None:
        super().__init__(id=id)
        self._columns, self._key, self._empty = columns, key, empty
        self._items: Sequence[Item] = ()
        self._now: datetime | None = None
        self._chosen = ""
        self._at = self._top = 0
        self._strips: list[Strip] = []
        self._seen: list[object] = []

    @property
    def items(self) -> Sequence[Item]:
        """The listed items."""
        return self._items

    @property
    def chosen(self) -> Item | None:
        """The chosen item."""
        return self._items[self._at] if self._items else None

    def show(self, items: Sequence[Item], now: datetime, empty: str = "") -> None:
        """Show `items` as of `now`, or the text `empty` if there are none."""
        self._items, self._now, self._empty = items, now, empty or self._empty
        if self._at and self._chosen:
            where = next((at for at, item in enumerate(items) if item[self._key] == self._chosen), None)
            if where is not None:
                self._top = max(self._top + where - self._at, 0)
                self._at = where
        self._settle()
        self._draw()

    def action_move(self, by: int) -> None:
        """Choose another row."""
        self._at += by
        self._settle()
        self._draw()

    def action_page(self, by: int) -> None:
        """Move by a screenful."""
        self.action_move(by * max(self.size.height - 2, 1))

    def action_open(self) -> None:
        """Send `Opened` for the chosen row."""
        if self.chosen is not None:
            self.post_message(self.Opened(self, self.chosen))

    def on_resize(self) -> None:
        self._settle()
        self._draw()

    def on_focus(self) -> None:
        self._draw()

    def on_blur(self) -> None:
        self._draw()

    def render_line(self, y: int) -> Strip:
        """Return a line as it was last drawn."""
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def _settle(self) -> None:
        """Keep the chosen row within the rows and visible."""
        self._at = min(max(self._at, 0), max(len(self._items) - 1, 0))
        seen = max(self.size.height - 1, 1)
        self._top = min(self._top, self._at, max(len(self._items) - seen, 0))
        self._top = max(self._top, self._at - seen + 1, 0)
        self._chosen = self._items[self._at][self._key] if self._items else ""

    def _draw(self) -> None:
        """Redraw the visible rows, and tell Textual which lines changed."""
        width, height = self.size
        if not width or not height or self._now is None:
            return
        shown = places(self._columns, width)
        lines: list[list[tuple[str, Style]]] = [[(self._heading(shown, width), _TITLES)]]
        for at in range(self._top, min(self._top + height - 1, len(self._items))):
            lines.append(self._row(shown, at, self._now))
        if not self._items:
            lines.append([(fitted(f"  {self._empty}", width), _PLAIN)])
        lines += [[(" " * width, _PLAIN)]] * (height - len(lines))
        old, self._seen = self._seen, list(lines)
        self._strips = [Strip([Segment(text, style) for text, style in line], width) for line in lines[:height]]
        for y in range(height):
            if y >= len(old) or old[y] != lines[y]:
                self.refresh(Region(0, y, width, 1))

    def _heading(self, shown: list[Place], width: int) -> str:
        text = (">" if self.has_focus else " ") + heading(shown)
        seen = self.size.height - 1
        if len(self._items) > seen:
            told = f" {self._top + 1}-{min(self._top + seen, len(self._items))} of {len(self._items):,}"
            text = fitted(text.rstrip(), width - len(told)) + told
        return fitted(text, width)

    def _row(self, shown: list[Place], at: int, now: datetime) -> list[tuple[str, Style]]:
        here = self.has_focus and at == self._at
        cells = row(shown, self._items[at], now)
        parts = [(">" if here else " ", _HERE if here else _PLAIN)]
        for place, cell in enumerate(cells):
            style = _WORDS.get(cell.strip(), _PLAIN)
            parts.append((cell, style + _HERE if here else style))
            if place < len(cells) - 1:
                parts.append((" ", _HERE if here else _PLAIN))
        return parts
