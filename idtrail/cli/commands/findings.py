"""`idtrail findings`: shows what the events prove together, and how to undo a mass change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import quote

import typer

from idtrail.cli import UNTIL, Json, Since, app, connect
from idtrail.cli.finding_screens import show_finding, show_findings
from idtrail.cli.screen import console, print_json

PATH: Final = "/api/v1/findings"


@app.command()
def findings(
    finding: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Only this one, in full, with the steps to undo it.", show_default=False),
    ] = None,
    since: Since = "30d",
    until: Annotated[str | None, typer.Option(*UNTIL, help="Begun before this time.", show_default=False)] = None,
    app_name: Annotated[
        str | None, typer.Option("--app", help="Only this application: id or name.", show_default=False)
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only these, such as mass_deletions; may be repeated.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of findings.")] = 200,
    as_json: Json = False,
) -> None:
    """Find mass changes of accounts, what mappings left behind, and groups that a provider has twice.

    Exit code 3 when there are findings, so that it can be a check; with ID 0.
    """
    api = connect()
    asked = {"since": since, "until": until, "application": app_name, "kind": kind}
    if finding is not None:
        found = api.get(f"{PATH}/{quote(finding, safe='')}", asked)
        if as_json:
            print_json(found)
        else:
            show_finding(console(), found, datetime.now(UTC))
        return
    answer = api.get(PATH, {**asked, "limit": limit})
    if as_json:
        print_json(answer["items"])
    else:
        show_findings(console(), answer, datetime.now(UTC))
    if answer["total"]:
        raise typer.Exit(3)
