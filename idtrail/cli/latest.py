"""Shows what came last if a range is empty, so that nobody takes the range for everything."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from idtrail.cli import ALWAYS
from idtrail.cli.screen import ago, next_commands, when
from schemas.errors import Away, UserError

if TYPE_CHECKING:
    from idtrail.cli.client import Api

ATTEMPTS: Final = ("integration", "user", "group")
"""The kinds of events that are attempts."""


def latest_event(api: Api, wanted: Mapping[str, Any]) -> str | None:
    """Return when the latest event that matches the API's parameters occurred, ignoring their beginning."""
    with suppress(Away, UserError):  # a full store may take too long: the range is empty all the same
        for event in api.pages("/api/v1/events", {**wanted, "since": ALWAYS}, 1):
            return str(event["occurred_at"])
    return None


def show_latest(out: Console, what: str, at: str, now: datetime, again: str) -> None:
    """Print the sentence and the command that shows it: `again`, with the day to start from."""
    out.print(f"The last {what} was {when(at, seconds=False)} ({ago(at, now)}).", soft_wrap=True)
    out.print(next_commands(f"{again} --since {when(at)[:10]}"), soft_wrap=True)
