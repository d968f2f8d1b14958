"""`idtrail watch`: shows failures and incidents as they come, on one screen."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from idtrail.cli import app
from schemas.errors import BadUsage


@app.command()
def watch() -> None:
    """Watch incidents and failures as they come, and the integrations; ? shows the keys."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") in (None, "dumb"):
        raise BadUsage("watch draws on a terminal; for a pipe take `idtrail tail` or `idtrail failures --json`")
    from idtrail.cli.client import Api
    from idtrail.cli.watch.source import ApiSource
    from idtrail.settings import load_settings

    source = ApiSource(lambda: Api(load_settings()))  # nothing may be printed beside its screen
    from idtrail.cli.watch.app import WatchApp  # Textual is slow to import: only this command waits for it

    defect = WatchApp(source, lambda: datetime.now(UTC)).run(mouse=False)
    if defect is not None:
        raise defect
