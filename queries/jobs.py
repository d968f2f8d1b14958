"""Long work on the whole trail that the serving process does when it is asked to: rebuild, verify, backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class JobState:
    """One job, while it runs and afterwards."""

    job: str
    """`rebuild`, `verify` or `backtest`."""
    running: bool
    step: str
    done: int
    """Records so far."""
    total: int
    """Records to do, as far as is known."""
    started_at: datetime
    ended_at: datetime | None = None
    error: str = ""
    """Why it ended before it was done."""
    result: dict[str, Any] = field(default_factory=dict)
    """What it found, once it is done."""


class Jobs(Protocol):
    """One at a time: they read and write the same tables."""

    def start_rebuild(self, *, accept_loss: bool) -> JobState:
        """Begin, or go on with the one that was begun. Raises `UserError` while another job runs."""

    def start_verify(self) -> JobState:
        """The same."""

    def start_backtest(
        self, rules: Sequence[str], against: Sequence[str], organization: str, since: datetime, until: datetime
    ) -> JobState:
        """Run rules, each the text of its file, over what is stored; without `against`, beside what was told.

        Raises `BadRule`; an organization that is empty stands for all.
        """

    def state(self, job: str) -> JobState | None:
        """The last one of this process; None: none yet."""

    async def stop(self, job: str) -> JobState | None:
        """Stop it where it is; a rebuild can be gone on with."""
