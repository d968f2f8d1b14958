"""`idtrail lifecycle`: shows a person's attempts in every application, what set each off, and the state of each
account."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from idtrail.cli import ALWAYS, Json, Organization, Since, Until, app, connect
from idtrail.cli.lifecycle_screen import SHOWN, show_lifecycle
from idtrail.cli.screen import console, counted, print_json, when
from idtrail.lifecycle_page import names, report
from schemas.errors import UserError
from schemas.times import parse_when

if TYPE_CHECKING:
    from idtrail.cli.client import Api

PATH: Final = "/api/v1/lifecycle"
PAGE: Final = 50_000
"""As many as can be asked for: the API folds the whole lifecycle for each page."""
MOST: Final = 100_000
"""The most steps that are fetched, since they are held in memory."""


@app.command()
def lifecycle(
    person: Annotated[str, typer.Argument(help="Id, user name or mail address.")],
    since: Since = ALWAYS,
    until: Until = None,
    app_name: Annotated[str | None, typer.Option("--app", help="Only this application: id or name.")] = None,
    known_at: Annotated[
        str | None,
        typer.Option(help="Answer by what was known then; by default, by all that is known now.", show_default=False),
    ] = None,
    organization: Organization = None,
    limit: Annotated[
        int,
        typer.Option(min=0, help="Maximum number of accounts and rows on the screen, the latest rows; 0 shows all."),
    ] = SHOWN,
    everything: Annotated[bool, typer.Option("--all", help="Every event, none folded together.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a self-contained report into this file.", metavar="FILE")
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay a person's lifecycle: every attempt with what set it off, and what each account came to."""
    asked = {
        "person": person, "since": since, "until": until, "application": app_name, "known_at": known_at,
        "organization": organization, "timeline": html is not None,
    }  # fmt: skip
    answer = whole_lifecycle(connect(), asked)
    now = datetime.now(UTC)
    if html is not None:
        filters = {"Since": "" if since == ALWAYS else since, "Until": until or "", "Application": app_name or ""}
        filters["As known at"] = f"{when(answer['known_at'])} UTC" if known_at else ""
        begin = parse_when(since, now, "since") if filters["Since"] else None
        end = parse_when(until, now, "until") if until else None
        write_report(html, report(answer, filters, now, begin, end))
    if as_json:
        print_json(answer)
    elif html is not None:
        who, _ = names(answer["person"])
        console().print(
            f"{html}: {who}, {counted(len(answer['items']), 'event')}, {counted(len(answer['accounts']), 'account')}",
            soft_wrap=True,
            markup=False,
        )
    else:
        show_lifecycle(
            console(), answer, now, asked=person, everything=everything, limit=limit, application=app_name or ""
        )


def whole_lifecycle(api: Api, asked: dict[str, Any]) -> dict[str, Any]:
    """Return all pages of the answer as one; `next` is null unless there are more than `MOST` steps."""
    answer: dict[str, Any] = api.get(PATH, {**asked, "limit": PAGE})
    while answer["next"] and len(answer["items"]) < MOST:
        page = api.get(PATH, {**asked, "limit": PAGE, "cursor": answer["next"]})
        answer["items"] += page["items"]
        answer["next"] = page["next"]
    return answer


def write_report(file: Path, page: str) -> None:
    """Write the whole page or nothing. Raises `UserError` if it cannot be written."""
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
