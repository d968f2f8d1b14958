"""A page over the lists, and lines of text that are redrawn only if they change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Key, Resize
from textual.screen import Screen
from textual.widgets import Static

from idtrail.cli.watch import pages
from idtrail.cli.watch.tables import fitted

Clock = Callable[[], datetime]


class Lines(Static):
    """Lines of text, each cut to its width."""

    _told = ""

    def tell(self, lines: list[str]) -> None:
        """Show the lines, if they differ from those shown."""
        text = "\n".join(fitted(line, max(self.size.width, 1)).rstrip() for line in lines)
        if text != self._told:
            self._told = text
            self.update(Text(text, no_wrap=True))


class PageScreen(Screen[None]):
    """A page over the lists."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,backspace", "back", show=False),
        Binding("j,down", "scroll(1)", show=False, priority=True),
        Binding("k,up", "scroll(-1)", show=False, priority=True),
        Binding("l", "life(1)", show=False),
    ]

    def __init__(self, page: pages.Page, clock: Clock, open_life: Callable[[pages.Person], None]) -> None:
        super().__init__()
        self._page, self._clock, self._open_life = page, clock, open_life

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(id="page")
        yield Lines(id="footer")

    def on_resize(self, event: Resize) -> None:
        text = pages.text_of(self._page, max(event.size.width - 2, 20), self._clock())
        self.query_one("#page", Static).update(Text(text))
        count = len(self._page.people)
        people = "" if not count else "  l lifecycle" if count == 1 else f"  1 … {count} lifecycle"
        self.query_one("#footer", Lines).tell([f"Esc back  arrows scroll{people}"])

    def on_key(self, event: Key) -> None:
        if event.character and event.character in "123456789":
            self.action_life(int(event.character))

    def action_life(self, place: int) -> None:
        """Open the lifecycle of one of the page's people."""
        if place <= len(self._page.people):
            self._open_life(self._page.people[place - 1])

    def action_back(self) -> None:
        """Close the page."""
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
