"""`idtrail doctor`: checks that everything is as it should be, and says how to fix what is not."""

from __future__ import annotations

import asyncio

import typer

from idtrail.cli import Json, app
from idtrail.cli.screen import console, print_json


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check settings, Java, jars, broker, store, API and spools. Exit code 3 when something is wrong."""
    from idtrail.doctor import Check, examine
    from idtrail.logs import configure_logs
    from idtrail.settings import load_settings

    configure_logs(level="error")

    async def all_of_them() -> list[Check]:
        return [finding async for finding in examine(load_settings())]

    findings = asyncio.run(all_of_them())
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        out = console()
        wrong = sum(not finding.good for finding in findings)
        out.print("everything is as it should be" if not wrong else f"{wrong} of {len(findings)} checks failed")
        for finding in findings:
            mark = "ok   " if finding.good else "WRONG"
            out.print(f"  {mark}  {finding.name}: {finding.text}", soft_wrap=True, style="" if finding.good else "red")
    if not all(finding.good for finding in findings):
        raise typer.Exit(3)
