"""`idtrail dead-letters`: lists records that could not be read, and redrives or discards them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console

from idtrail.cli import SINCE, Json, Organization, Until, app, connect
from idtrail.cli.letter_screens import decided, headline, show_letters, show_other_reasons, show_results
from idtrail.cli.screen import ago, console, next_commands, number, print_json, print_lines, table, when

if TYPE_CHECKING:
    from idtrail.cli.client import Api

letters = typer.Typer(
    no_args_is_help=True, help="Records that could not be read: where they came from, why, and what became of them."
)
app.add_typer(letters, name="dead-letters")

PATH: Final = "/api/v1/dead-letters"

Ids = Annotated[list[UUID] | None, typer.Argument(help="Ids, from the list.", show_default=False)]
Id = Annotated[list[UUID] | None, typer.Option(help="These only; may be repeated.", show_default=False)]
Source = Annotated[
    str | None,
    typer.Option(
        help="The beginning of the source's name, such as a file's; with * or ? a pattern.", show_default=False
    ),
]
Reason = Annotated[str | None, typer.Option(help="The reason's short word, such as no_timestamp.", show_default=False)]
Since = Annotated[
    str | None,
    typer.Option(*SINCE, help="From this time on: a time, a date, or an age such as 24h or 7d.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show for each what would happen, and change nothing.")]


@letters.command("list")
def list_letters(
    id: Id = None,
    source: Source = None,
    reason: Reason = None,
    organization: Organization = None,
    since: Since = None,
    until: Until = None,
    state: Annotated[
        str | None, typer.Option(help="Only those waiting, redriven or discarded.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of rows.")] = 100,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first: where each came from, why it is here, and what became of it."""
    api = connect()
    narrowed = {**_narrowed(id, source, reason, organization, since, until), "state": state}
    items = list(api.pages(PATH, narrowed, limit))
    if as_json:
        print_json(items)
        return
    out = console()
    show_letters(out, items, api.get(f"{PATH}/stats", narrowed)["items"], datetime.now(UTC))
    _doubt(out, api, reason)


@letters.command("stats")
def count_letters(
    id: Id = None,
    source: Source = None,
    reason: Reason = None,
    organization: Organization = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Count dead letters by reason and source, with the first and the last of each."""
    narrowed = _narrowed(id, source, reason, organization, since, until)
    api = connect()
    counts = api.get(f"{PATH}/stats", narrowed)["items"]
    if as_json:
        print_json(counts)
        return
    out, now = console(), datetime.now(UTC)
    headline(out, counts)
    if not counts:
        _doubt(out, api, reason)
        return
    rows = table("waiting", "of", "reason", "first", "last", "source", right=("waiting", "of"))
    for item in counts:
        rows.add_row(
            "  " + number(item["waiting"]),
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
    letter_id: Annotated[UUID, typer.Argument(help="Its id, from the list.")],
    organization: Organization = None,
    as_json: Json = False,
) -> None:
    """Show one with its decisions and its bytes, read from the log."""
    letter = connect().get(f"{PATH}/{letter_id}", {"organization": organization})
    if as_json:
        print_json(letter)
        return
    out, now = console(), datetime.now(UTC)
    out.print(
        f"{letter['state']} · {letter['source']}, {letter['position']}: {letter['message']}",
        soft_wrap=True,
        markup=False,
    )
    for found in letter["decisions"]:
        told = {"decision_reason": found["reason"], "decision_message": found["message"], "attempts": 1}
        out.print(f"  {decided({**found, **told}, now)}", soft_wrap=True, markup=False)
    out.print(
        f"  {letter['size']} bytes at {letter['log_topic']}[{letter['log_partition']}]@{letter['log_offset']}, "
        f"{ago(letter['known_at'], now)}",
        soft_wrap=True,
    )
    gone = "  They are no longer on the log, which keeps them for 90 days."
    print_lines(out, gone if letter["raw"] is None else letter["raw"], soft_wrap=True, markup=False)
    if letter["state"] == "redriven":
        out.print(next_commands(f"idtrail events {letter['event_id']}"), soft_wrap=True)
    elif letter["raw"] is not None:
        next_ones = [f"idtrail dead-letters redrive {letter_id} --dry-run"]
        if letter["state"] == "waiting":
            next_ones.append(f'idtrail dead-letters discard {letter_id} --because "…"')
        out.print(next_commands(*next_ones), soft_wrap=True)


@letters.command("redrive")
def redrive_letters(
    ids: Ids = None,
    source: Source = None,
    reason: Reason = None,
    organization: Organization = None,
    since: Since = None,
    until: Until = None,
    into: Annotated[
        str, typer.Option(help="The organization that their sources belong to, if it was set wrongly.")
    ] = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make events of dead letters that can be read now. Needs an admin token.

    Each becomes an event of the source that it came from, with that source's trust; its place of origin stays
    in its headers. What still cannot be read waits on with its new reason. Doing it twice doubles nothing.
    Exit code 1 if a letter that was to be redriven still waits.
    """
    narrowed = _narrowed(ids, source, reason, organization, since, until)
    results = _all_pages(f"{PATH}/redrive", {"into": into, "dry_run": dry_run}, narrowed)
    left = any(item["outcome"] in ("still_unreadable", "gone") for item in results)
    if as_json:
        print_json(results)
    else:
        show_results(console(), results, dry_run=dry_run, done=("redriven", "would be redriven"))
    if left and not dry_run:
        raise typer.Exit(1)


@letters.command("discard")
def discard_letters(
    because: Annotated[str, typer.Option("--because", help="Why they are discarded: recorded with your token's name.")],
    ids: Ids = None,
    source: Source = None,
    reason: Reason = None,
    organization: Organization = None,
    since: Since = None,
    until: Until = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Record that dead letters are not wanted as events. Needs an admin token.

    Nothing is deleted: the letter stays listed with who discarded it, when and why, and can still be redriven
    by its id.
    """
    narrowed = _narrowed(ids, source, reason, organization, since, until)
    results = _all_pages(f"{PATH}/discard", {"because": because, "dry_run": dry_run}, narrowed)
    if as_json:
        print_json(results)
    else:
        show_results(console(), results, dry_run=dry_run, done=("discarded", "would be discarded"))


def _doubt(out: Console, api: Api, reason: str | None) -> None:
    """If no letter has the requested reason, print the reasons that exist."""
    if reason and not api.get(f"{PATH}/stats", {"reason": reason})["items"]:
        show_other_reasons(out, reason, api.get(f"{PATH}/stats")["items"])


def _narrowed(
    ids: Sequence[UUID] | None,
    source: str | None,
    reason: str | None,
    organization: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, str | list[str] | None]:
    named = [str(letter_id) for letter_id in ids or ()]
    texts = {"source": source, "reason": reason, "organization": organization, "since": since, "until": until}
    return {"id": named or None, **texts}


def _all_pages(path: str, body: object, narrowed: dict[str, str | list[str] | None]) -> list[Any]:
    api, results, cursor = connect(), [], None
    while True:
        page = api.post(path, body, {**narrowed, "cursor": cursor})
        results += page["items"]
        cursor = page["next"]
        if cursor is None:
            return results
