"""`idtrail integrations`: whether the credentials of each integration work, and when they will expire."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from idtrail.cli import Json, Organization, app, connect
from idtrail.cli.integration_screens import WORDS, app_name, show_integration, show_integrations, soon_lines
from idtrail.cli.screen import command, console, counted, in_organization, moment, next_commands, number, print_json
from queries.integrations.health import UNWELL, State

PATH: Final = "/api/v1/integrations"


@app.command()
def integrations(
    application: Annotated[
        str | None, typer.Argument(metavar="[APP]", help="Only this one, in full: id or name.", show_default=False)
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="As of this time: a time, a date, or an age (24h, 7d); now by default.", show_default=False),
    ] = None,
    organization: Organization = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of integrations.")] = 200,
    as_json: Json = False,
) -> None:
    """Show which credentials work, which are refused and since when, and which will expire."""
    api = connect()
    if application is not None:
        found = api.get(f"{PATH}/{quote(application, safe='')}", {"at": at, "organization": organization})
        if as_json:
            print_json(found)
        else:
            show_integration(console(), found)
        return
    answer = api.get(f"{PATH}/health", {"at": at, "organization": organization, "limit": limit})
    if as_json:
        print_json(answer["items"])
    else:
        _show(answer)


def _show(answer: dict[str, Any]) -> None:
    out, items, when = console(), answer["items"], moment(answer["at"])
    assert when is not None
    counts = {state: count for state in State if (count := answer["states"].get(state, 0))}
    told = ", ".join(f"{number(count)} {WORDS.get(state, state.value)}" for state, count in counts.items())
    heard = sum(counts.values())
    more = f", the first {number(len(items))} shown (--limit)" if heard > len(items) else ""
    out.print(f"{counted(heard, 'integration')}{': ' if told else ''}{told}{more}", soft_wrap=True)
    if not items:
        return
    out.print()
    show_integrations(out, items, when)
    near = list(soon_lines(items, when))
    if near:
        out.print()
        out.print("Credentials that expire within 30 days")
        for line in near:
            out.print(f"  {line}", soft_wrap=True, markup=False)
    first = items[0]
    shared = len({item["organization"] for item in items if app_name(item) == app_name(first)}) > 1
    within = in_organization(first["organization"] if shared else None)
    commands = [command("idtrail", "integrations", app_name(first), *within)]
    if State(first["state"]) in UNWELL:
        commands.append("idtrail incidents --cause credentials")
    out.print(next_commands(*commands), soft_wrap=True)
