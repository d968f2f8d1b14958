"""The line at the foot that asks for a text, in place of the keys."""

from __future__ import annotations

from textual.widget import Widget
from textual.widgets import Input


class Prompt(Input):
    """Unseen until it asks. What had the focus before has it again afterwards."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, compact=True)
        self.purpose = ""
        """What the text is wanted for; empty while nothing is asked."""
        self._before: Widget | None = None

    def on_mount(self) -> None:
        self.cursor_blink = False
        self.can_focus = False

    def ask(self, purpose: str, placeholder: str, value: str) -> None:
        """Ask, with `value` to begin with."""
        self._before = self.screen.focused
        self.placeholder, self.value = placeholder, value
        self.screen.add_class("asking")
        self.can_focus = True
        self.focus()
        self.purpose = purpose

    def close(self) -> None:
        """Ask no more."""
        if self.purpose:
            self.purpose = ""
            self.can_focus = False
            self.screen.remove_class("asking")
            if self._before is not None:
                self._before.focus()
