"""The app of the watch screen: queries, follows, redraws changes a few times a second, and handles keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.events import DescendantFocus, Resize
from textual.widgets import Input
from textual.worker import Worker

from idtrail.cli.watch import pages
from idtrail.cli.watch.board import Board, matching
from idtrail.cli.watch.layout import CSS, HEIGHTS, LEAST_HEIGHT, LEAST_WIDTH, WIDE, WIDTHS
from idtrail.cli.watch.listing import Listing
from idtrail.cli.watch.page_screen import Clock, Lines, PageScreen
from idtrail.cli.watch.page_source import PageSource
from idtrail.cli.watch.prompt import Prompt
from idtrail.cli.watch.source import Source, waits
from idtrail.cli.watch.tables import FAILURES, INCIDENTS, INTEGRATIONS, footer, heights
from schemas.errors import IdtrailError

FRAME: Final = 3
"""Lines around the lists: the answer, the state of the feed, the keys."""
DRAW_SECONDS: Final = 0.25
ROUND: Final = timedelta(seconds=30)
"""The time between two rounds of queries; the feed brings news at once."""

Sleep = Callable[[float], Awaitable[None]]

OF_THE_LISTS: Final = frozenset({"help", "filter", "unfilter", "pause", "reload", "life"})


class WatchApp(App[Exception]):
    """The lists. The board holds what is known; the source is asked for the rest.

    It ends with an error if background work fails unexpectedly: a defect.
    """

    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", show=False, priority=False),
        Binding("question_mark,f1", "help", show=False),
        Binding("slash", "filter", show=False),
        Binding("escape", "unfilter", show=False),
        Binding("p", "pause", show=False),
        Binding("r", "reload", show=False),
        Binding("l", "life", show=False),
    ]

    def __init__(self, source: Source, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(ansi_color=True)
        self.animation_level = "none"
        self.board = Board()
        self._source, self._clock, self._sleep = source, clock, sleep
        self._pages = PageSource(source)
        self._text = ""
        self._said = ""
        self._asked: datetime | None = None
        self._asking = False
        self._last_id = ""
        self._chosen = "incidents"

    def compose(self) -> ComposeResult:
        yield Lines(id="headline")
        yield Lines(id="status")
        yield Lines(id="sizes")
        with Horizontal(id="body"):
            with Vertical(id="lists"):
                yield Listing(INCIDENTS, "incident_id", "nothing is open", id="incidents")
                yield Listing(FAILURES, "event_id", "nothing failed in the last 24 h", id="failures")
            with Vertical(id="beside"):
                yield Listing(INTEGRATIONS, "application_id", "no integration was seen yet", id="integrations")
                yield Lines(id="pipeline")
        yield Lines(id="footer")
        yield Prompt(id="ask")

    def on_mount(self) -> None:
        self.query_one("#incidents").focus()
        self._work(self._follow)
        self.set_interval(DRAW_SECONDS, self._tick)
        self._tick()

    def _work(self, work: Callable[[], Awaitable[None]], group: str = "default") -> None:
        """Run work in the background. Textual would show a defect with the values of all variables, including
        tokens."""

        async def guarded() -> None:
            try:
                await work()
            except Exception as error:
                self.exit(error)

        _: Worker[None] = self.run_worker(guarded, group=group, exclusive=group != "default")

    # Input

    async def _follow(self) -> None:
        """Follow the feed without end; after a loss it resumes from the last id."""
        wait = waits()
        while True:
            why = "the API ended the feed"
            try:
                async for message in self._source.follow(self._last_id):
                    now = self._clock()
                    if not self.board.link.live:
                        self.board.connected(now)
                        wait = waits()
                        self._asked = None
                    self._last_id = message.id if message.id or message.kind == "gap" else self._last_id
                    if message.kind and self.board.take(message.kind, message.data, now):
                        self._asked = None
                    if message.kind == "dropped":
                        why = str(message.data.get("reason") or why)
            except IdtrailError as error:
                why = str(error)
            seconds = wait()
            now = self._clock()
            self.board.lost(why, now, now + timedelta(seconds=seconds))
            self._asked = None  # stale answers must not look current
            await self._sleep(seconds)

    async def _ask(self) -> None:
        begun = self.board.begin()
        try:
            self.board.load(await self._source.ask(), begun)
        finally:
            self._asking = False

    # Display

    def _tick(self) -> None:
        """Query when it is time, and draw what changed."""
        now = self._clock()
        if not self._asking and (self._asked is None or now - self._asked >= ROUND):
            self._asked, self._asking = now, True
            self._work(self._ask)
        with suppress(NoMatches):  # a tick may come before the lists exist or after they are gone
            self.draw()

    def draw(self) -> None:
        """Draw what is known now. A page over the lists stays as it is."""
        if len(self.screen_stack) > 1:
            return
        now, (width, height) = self._clock(), self.size
        board = self.board
        told = f"idtrail watch needs {LEAST_WIDTH} columns and {LEAST_HEIGHT} lines; this has {width} and {height}"
        self.query_one("#sizes", Lines).tell([told[:width], told[width:]])
        self.query_one("#headline", Lines).tell([board.headline(now, width)])
        only = f"only rows with {self._text!r} (Esc: all) · " if self._text else ""
        said = f"{self._said} · " if self._said else ""
        self.query_one("#status", Lines).tell([only + said + board.status(now)])
        waiting = "" if board.loaded else "asking …"
        none = f"no row has {self._text!r}" if self._text else waiting
        for name, items in (
            ("incidents", board.incidents(now)),
            ("failures", board.failures()),
            ("integrations", board.integrations),
        ):
            why = f"not known: {board.failed[name]}" if name in board.failed else none
            self._list(name).show(list(matching(items, self._text)), now, why)
        lines = board.pipeline(now)
        self.query_one("#pipeline", Lines).tell(lines)
        self.query_one("#footer", Lines).tell([footer(width)])
        counts = (len(self._list("incidents").items), len(self._list("integrations").items), len(lines))
        shares = heights(height - FRAME, *counts, beside=width >= WIDE)
        for name, share in shares._asdict().items():
            self.query_one(f"#{name}").styles.height = share
        if self.focused is None:  # a terminal too small for the lists took the focus from them
            self._list(self._chosen).focus()

    @property
    def _prompt(self) -> Prompt:
        return self.query_one("#ask", Prompt)

    def _list(self, name: str) -> Listing:
        return self.query_one(f"#{name}", Listing)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Remember the list that keys apply to."""
        if isinstance(event.widget, Listing) and event.widget.id:
            self._chosen = event.widget.id

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self._tick)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable keys of the lists while a page is over them."""
        return action not in OF_THE_LISTS or len(self.screen_stack) == 1

    def action_help(self) -> None:
        """Show the keys."""
        self._open(pages.help_page())

    def action_pause(self) -> None:
        """Freeze the lists, or continue."""
        self.board.pause(self._clock())
        self._tick()

    def action_reload(self) -> None:
        """Query all lists again."""
        self._asked, self._said = None, ""
        self._tick()

    def action_filter(self) -> None:
        """Prompt for the text that rows must contain."""
        self._prompt.ask("filter", "rows with this text (Esc: all): ", self._text)

    def action_unfilter(self) -> None:
        """Show every row again."""
        self._text = self._said = ""
        self._prompt.close()
        self._tick()

    def action_life(self) -> None:
        """Open the lifecycle of the chosen row's person."""
        focused = self.focused
        item = focused.chosen if isinstance(focused, Listing) else None
        if item is not None and focused is self._list("failures") and (person := pages.person_of(item)):
            self._open_life(person)
        elif item is not None and focused is self._list("incidents"):
            self._fetch(lambda: self._pages.life_of_incident(item))
        else:
            self._prompt.ask("life", "whose lifecycle? id, user name or mail address: ", "")

    def on_listing_opened(self, opened: Listing.Opened) -> None:
        """Handle Enter on a row."""
        if opened.listing.id == "incidents":
            self._fetch(lambda: self._pages.incident(opened.item))
        elif opened.listing.id == "failures":
            self._fetch(lambda: self._pages.failure(opened.item["event_id"]))
        elif opened.item["last_failure"]:
            self._fetch(lambda: self._pages.failure(opened.item["last_failure"]["event_id"]))

    def on_input_changed(self, changed: Input.Changed) -> None:
        """Filter while the text is typed."""
        if self._prompt.purpose == "filter":
            self._text = changed.value
            self._tick()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Handle Enter in the prompt."""
        purpose, text = self._prompt.purpose, submitted.value.strip()
        self._prompt.close()
        if purpose == "life" and text:
            self._fetch(lambda: self._pages.life(text, None))

    # Pages

    def _open(self, page: pages.Page) -> None:
        self.push_screen(PageScreen(page, self._clock, self._open_life))

    def _open_life(self, person: pages.Person) -> None:
        self._fetch(lambda: self._pages.life(person.subject_id, person.organization))

    def _fetch(self, page: Callable[[], Awaitable[pages.Page]]) -> None:
        """Open a page; errors are shown in the second line."""

        async def fetch() -> None:
            try:
                found = await page()
            except IdtrailError as error:
                self._said = str(error)
            else:
                self._said = ""
                self._open(found)

        self._said = "asking …"
        self._work(fetch, group="pages")
