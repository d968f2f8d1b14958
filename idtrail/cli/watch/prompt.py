"""The line at the bottom that asks for a text, in place of the keys."""

from __future__ import annotations

from textual.widget import Widget
from textual.widgets import Input


class Prompt(Input):
    """An input that is hidden until it asks, and gives the focus back afterwards."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, compact=True)
        self.purpose = ""
        """What the text is for; empty while nothing is asked."""
        self._before: Widget | None = None

    def on_mount(self) -> None:
        self.cursor_blink = False
        self.can_focus = False

    def ask(self, purpose: str, placeholder: str, value: str) -> None:
        """Ask for a text, starting with `value`."""
        self._before = self.screen.focused
        self.placeholder, self.value = placeholder, value
        self.screen.add_class("asking")
        self.can_focus = True
        self.focus()
        self.purpose = purpose

    def close(self) -> None:
        """Close the prompt."""
        if self.purpose:
            self.purpose = ""
            self.can_focus = False
            self.screen.remove_class("asking")
            if self._before is not None:
                self._before.focus()
