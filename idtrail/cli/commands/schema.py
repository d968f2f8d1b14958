"""`idtrail schema`: prints the JSON Schemas of the typed events, and shows what came in that they do not know."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from idtrail.cli import SINCE, Json, app, connect
from idtrail.cli.screen import ago, console, counted, number, print_json, when
from schemas.errors import BadUsage

schemas = typer.Typer(invoke_without_command=True, help="The typed events' JSON Schemas, and drift away from them.")
app.add_typer(schemas, name="schema")

_WORDS: Final = {
    "unknown_type": "unknown type",
    "new_field": "new field",
    "changed_type": "changed type",
    "more": "event with more than is told",
}
_PLURAL: Final = {"more": "events with more than is told"}


@schemas.callback()
def names(context: typer.Context) -> None:
    """Print the names of the typed events."""
    if context.invoked_subcommand is None:
        from schemas.events import EVENT_TYPES

        for name in EVENT_TYPES:
            typer.echo(name)


@schemas.command()
def show(
    event_type: Annotated[str, typer.Argument(help="A provisioning event type, such as user_deprovision.")],
) -> None:
    """Print the JSON Schema of an event type."""
    from importlib import resources

    from schemas.events import ALIASES, EVENT_TYPES

    name = ALIASES.get(event_type, event_type)
    file = resources.files("schemas") / "json" / f"{name}.json"
    if name not in EVENT_TYPES or not file.is_file():
        raise BadUsage(f"{event_type!r} is none of the typed events: `idtrail schema` lists them")
    typer.echo(file.read_text().rstrip())


@schemas.command()
def drift(
    since: Annotated[
        str, typer.Option(*SINCE, help="What came in from this day on: a time, a date, or an age.")
    ] = "30d",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of findings.")] = 200,
    as_json: Json = False,
) -> None:
    """Show event types, fields and JSON types that are new to idtrail. Exit code 3 when there are any.

    Nothing is lost by them: such events are stored byte for byte. Names and types are shown, never values.
    """
    answer = connect().get("/api/v1/schema/drift", {"since": since, "limit": limit})
    if as_json:
        print_json(answer["items"])
    else:
        show_drift(console(), answer, since, datetime.now(UTC))
    if answer["total"]:
        raise typer.Exit(3)


def show_drift(out: Console, answer: dict[str, Any], since: str, now: datetime) -> None:
    """Print the findings."""
    items = answer["items"]
    head = f"in the last {since}" if since[-1:] in "smhdw" else f"since {since}"
    if not items:
        out.print(f"nothing new {head}")
        return
    kinds = Counter(item["kind"] for item in items)
    counts = [counted(kinds[kind], word, _PLURAL.get(kind)) for kind, word in _WORDS.items() if kinds[kind]]
    out.print(f"{', '.join(counts)} {head}", soft_wrap=True)
    for item in items:
        out.print(f"  {_what(item)}", soft_wrap=True, markup=False)
        span = f"first {when(item['first'], seconds=False)}, last {ago(item['last'], now)}"
        most = "at most " if item["at_most"] else ""
        out.print(f"    {most}{counted(item['events'], 'event')}, {span}", soft_wrap=True, style="dim")
        out.print(f"    idtrail events {item['sample']}", soft_wrap=True, style="dim")
    if answer["total"] > len(items):
        out.print(f"  and {number(answer['total'] - len(items))} more: --limit {answer['total']}")


def _what(item: dict[str, Any]) -> str:
    whose = item["event_type"] or "types that are not known"
    shape = f" ({item['shape']})" if item["shape"] not in ("", None, item["found"]) else ""
    match item["kind"]:
        case "unknown_type":
            return f"unknown type  {item['name']}"
        case "new_field":
            return f"new field     {item['name']}: {item['found']}{shape}  in {whose}"
        case "changed_type":
            expected = " or ".join(item["expected"])
            return f"changed type  {item['name']}: {item['found']}{shape} instead of {expected}  in {whose}"
        case _:
            return f"more          in {whose}"
