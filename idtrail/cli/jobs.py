"""Follows a job of the serving process from the command line, with a progress bar on standard error."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from idtrail.cli import say

if TYPE_CHECKING:
    from idtrail.cli.client import Api

LOOK_SECONDS: Final = 0.5
INTERRUPTED: Final = 130
"""The exit code of a command that Ctrl-C ended."""


def follow(api: Api, job: str, steps: Mapping[str, str]) -> dict[str, Any]:
    """Wait until the job has ended, and return its result. Without a terminal no bar is drawn.

    Ctrl-C ends only the waiting, with a message that the job goes on.
    """
    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            shown = bar.add_task("starting", total=None)
            while True:
                state: dict[str, Any] = api.get(f"/api/v1/jobs/{job}")
                step = steps.get(state["step"], state["step"])
                bar.update(shown, description=step, completed=state["done"], total=state["total"] or None)
                if not state["running"]:
                    return state
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        say(
            f"the {job} goes on in the serving process: `idtrail {job}` watches it again, "
            f"DELETE {api.url}/api/v1/jobs/{job} stops it"
        )
        raise typer.Exit(INTERRUPTED) from None
