"""`idtrail dead-letters`: records that could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from idtrail.cli import Json, app
from idtrail.cli.client import Api
from idtrail.cli.screen import ago, console, counted, next_commands, number, print_json, table, when
from idtrail.settings import load_settings

letters = typer.Typer(no_args_is_help=True, help="Records that could not be read: where they came from and why.")
app.add_typer(letters, name="dead-letters")

Source = Annotated[
    str | None,
    typer.Option(
        help="The beginning of the source's name, such as a file's; with * or ? a pattern.", show_default=False
    ),
]
Reason = Annotated[str | None, typer.Option(help="The reason's short word, such as no_timestamp.", show_default=False)]
Organization = Annotated[str | None, typer.Option(help="Only this organization's.", show_default=False)]
Since = Annotated[str | None, typer.Option(help="A time, a date, or an age such as 24h or 7d.", show_default=False)]
Until = Annotated[str | None, typer.Option(help="Before this time.", show_default=False)]

PATH = "/api/v1/dead-letters"


@letters.command("list")
def list_letters(
    source: Source = None,
    reason: Reason = None,
    organization: Organization = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Most rows.")] = 100,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first."""
    api = Api(load_settings())
    narrowed = {"source": source, "reason": reason, "organization": organization, "since": since, "until": until}
    items = list(api.pages(PATH, narrowed, limit))
    if as_json:
        print_json(items)
        return
    counts = api.get(f"{PATH}/stats", narrowed)["items"]
    out, now = console(), datetime.now(UTC)
    out.print(_headline(counts), soft_wrap=True, markup=False)
    for item in items:
        out.print(
            f"  {item['letter_id']}  {ago(item['known_at'], now)}  {item['source']}", soft_wrap=True, markup=False
        )
        out.print(f"    {item['position']}: {item['message']}", soft_wrap=True, markup=False)
    if items:
        show = f"idtrail dead-letters show {items[0]['letter_id']}"
        out.print(next_commands(show, "idtrail dead-letters stats"), soft_wrap=True)


@letters.command("stats")
def count_letters(
    source: Source = None,
    reason: Reason = None,
    organization: Organization = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Count dead letters by reason and source, with the first and the last of each."""
    narrowed = {"source": source, "reason": reason, "organization": organization, "since": since, "until": until}
    counts = Api(load_settings()).get(f"{PATH}/stats", narrowed)["items"]
    if as_json:
        print_json(counts)
        return
    out, now = console(), datetime.now(UTC)
    out.print(_headline(counts), soft_wrap=True, markup=False)
    if not counts:
        return
    rows = table("letters", "reason", "first", "last", "source", right=("letters",))
    for item in counts:
        rows.add_row(
            number(item["letters"]),
            item["reason"],
            when(item["first"], seconds=False),
            ago(item["last"], now),
            item["source"],
        )
    out.print()
    out.print(rows)
    out.print(next_commands(f"idtrail dead-letters list --reason {counts[0]['reason']}"), soft_wrap=True)


@letters.command("show")
def show_letter(
    letter_id: Annotated[UUID, typer.Argument(help="Its id, from the list.")], as_json: Json = False
) -> None:
    """Show one with its bytes, read from the log."""
    letter = Api(load_settings()).get(f"{PATH}/{letter_id}")
    if as_json:
        print_json(letter)
        return
    out = console()
    out.print(f"{letter['source']}, {letter['position']}: {letter['message']}", soft_wrap=True, markup=False)
    out.print(
        f"  {letter['size']} bytes at {letter['log_topic']}[{letter['log_partition']}]@{letter['log_offset']}",
        soft_wrap=True,
    )
    out.print(letter["raw"], soft_wrap=True, markup=False)


def _headline(counts: Sequence[Any]) -> str:
    """`12 dead letters: 9 no_timestamp, 3 not_json`."""
    by_reason: Counter[str] = Counter()
    for item in counts:
        by_reason[item["reason"]] += item["letters"]
    reasons = ", ".join(f"{number(count)} {reason}" for reason, count in by_reason.most_common())
    return counted(by_reason.total(), "dead letter") + (f": {reasons}" if reasons else "")
