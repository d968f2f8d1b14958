"""Long jobs on the whole trail that the serving process runs on request: rebuild, verify, backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class JobState:
    """A job, while it runs and afterwards."""

    job: str
    """`rebuild`, `verify` or `backtest`."""
    running: bool
    step: str
    done: int
    """Records done so far."""
    total: int
    """Records to do, as far as known."""
    started_at: datetime
    ended_at: datetime | None = None
    error: str = ""
    """Why it ended before it was done."""
    result: dict[str, Any] = field(default_factory=dict)
    """The result, once it is done."""


class Jobs(Protocol):
    """Runs one job at a time, since jobs read and write the same tables."""

    def start_rebuild(self, *, accept_loss: bool) -> JobState:
        """Start a rebuild, or continue one that was started. Raises `UserError` while another job runs."""

    def start_verify(self) -> JobState:
        """Start a verification. Raises `UserError` while another job runs."""

    def start_backtest(
        self, rules: Sequence[str], against: Sequence[str], organization: str, since: datetime, until: datetime
    ) -> JobState:
        """Run rules, given as the texts of their files, over what is stored, and compare with `against`, or without it
        with what was detected.

        An empty organization stands for all. Raises `BadRule`.
        """

    def state(self, job: str) -> JobState | None:
        """Return the last job of this kind in this process; None if there was none."""

    async def stop(self, job: str) -> JobState | None:
        """Stop the job where it is. A rebuild can be continued."""
