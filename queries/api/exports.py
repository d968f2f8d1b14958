"""Routes that return a whole list as a file, with a manifest that describes it and shows whether it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import chain
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from queries.api import account_models, event_models, incident_models
from queries.api.access import Given, InTurn
from queries.api.context import Context
from queries.api.exposures import AskedExposures, exposure_answer
from queries.api.findings import AskedFindings, Finding, told_all
from queries.api.incidents import AskedIncidents
from queries.api.parameters import Selected
from queries.api.places import Stored, StoredLog
from queries.api.turns import Share
from queries.events import list_events
from queries.exports.archive import archive
from queries.exports.form import Format
from queries.exports.formats import Row, columns_of, encode
from queries.exposures import list_exposures
from queries.findings.listing import list_findings
from queries.incidents.listing import list_incidents
from queries.pieces import IDS_AT_ONCE
from queries.suspects import MAX_SUSPECTS
from schemas.errors import BadUsage

router = APIRouter(prefix="/api/v1/exports", tags=["exports"])

PAGE: Final = IDS_AT_ONCE
"""A page looks for better copies of its events in the whole trail, which takes as long for thousands as for one."""
EXPOSURES_FIRST: Final = (
    "person", "application", "since", "reason", "last_cause", "last_detail", "closing_tries", "used_since",
    "sign_ins_known",
)  # fmt: skip
"""Who, where, since when and why."""
PLACED: Final = (
    "Events whose time cannot be believed (missing, garbage, in the future) are not in it, whatever the range: "
    "`idtrail export events --unplaced` (`time=unplaced`) has them."
)
UNPLACED: Final = "Only events whose time cannot be believed are in it, whatever the range."
"""Notes in an export of events: which of the two kinds it is."""
_ZIP: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        "description": "A ZIP file of the list and of manifest.json: filters, rows, bytes, SHA-256.",
    }
}

Form = Annotated[Format, Query(description="`ocsf-…` is for events.")]
Pages = Callable[[str | None], tuple[list[Any], str | None]]
"""Return the items after a cursor, and the next cursor."""


@router.get("/events", response_class=StreamingResponse, responses=_ZIP)
async def events(
    context: Given, share: InTurn, stored: StoredLog, chosen: Selected, format: Form = Format.NDJSON
) -> StreamingResponse:
    """Export all events that meet the filter, newest first, each by its copy in force."""
    rows = _rows(lambda cursor: list_events(context.store, chosen, cursor, PAGE), event_models.Event)
    notes = (UNPLACED if chosen.unplaced else PLACED,)
    return await _file(context, share, stored, "events", format, event_models.Event, rows, asdict(chosen), notes=notes)


@router.get("/incidents", response_class=StreamingResponse, responses=_ZIP)
async def incidents(
    context: Given, share: InTurn, stored: StoredLog, chosen: AskedIncidents, format: Form = Format.NDJSON
) -> StreamingResponse:
    """Export incidents of a time range, and those that are still ongoing."""
    now = context.clock()
    rows = _rows(lambda cursor: list_incidents(context.store, chosen, now, cursor, PAGE), incident_models.Incident)
    return await _file(context, share, stored, "incidents", format, incident_models.Incident, rows, asdict(chosen))


@router.get("/exposures", response_class=StreamingResponse, responses=_ZIP)
async def exposures(
    context: Given, share: InTurn, stored: StoredLog, asked: AskedExposures, format: Form = Format.NDJSON
) -> StreamingResponse:
    """Export accounts that should be closed and are not confirmed closed, now or at a time, each with its reason."""

    def listed(cursor: str | None) -> tuple[list[Any], None]:
        exposures = list_exposures(context.store, *asked)
        if not exposures.complete:
            raise BadUsage(
                f"exposures: {MAX_SUSPECTS:,} accounts or more of an organization may be exposed, so a file would be"
                " incomplete; GET /api/v1/exposures has those that were looked at"
            )
        return [exposure_answer(each) for each in exposures.everything()], None

    rows = _rows(listed, account_models.Exposure)
    filters = {
        "organization": asked.organization,
        "at": asked.at or asked.now,
        "sla_seconds": int(asked.sla.total_seconds()),
    }
    return await _file(
        context, share, stored, "exposures", format, account_models.Exposure, rows, filters, EXPOSURES_FIRST
    )


@router.get("/findings", response_class=StreamingResponse, responses=_ZIP)
async def findings(
    context: Given, share: InTurn, stored: StoredLog, asked: AskedFindings, format: Form = Format.NDJSON
) -> StreamingResponse:
    """Export findings of a time range, the latest first."""

    def listed(cursor: str | None) -> tuple[list[Any], None]:
        return told_all(context.store, list_findings(context.store, asked)), None

    rows = _rows(listed, Finding)
    return await _file(context, share, stored, "findings", format, Finding, rows, asdict(asked))


def _rows(pages: Pages, model: type[BaseModel]) -> Iterator[Row]:
    """Return the items of all pages, as the API shows them."""
    cursor: str | None = None
    while True:
        items, cursor = pages(cursor)
        for item in items:
            yield model.model_validate(item).model_dump()
        if cursor is None:
            return


async def _file(
    context: Context,
    share: Share,
    stored: Stored,
    of: str,
    form: Format,
    model: type[BaseModel],
    rows: Iterator[Row],
    filters: dict[str, Any],
    first: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> StreamingResponse:
    """Return the response. Errors in the question are raised before anything is sent.

    A later failure cuts the file off, and no ZIP reader takes it for complete.
    """
    if form.ocsf_version and model is not event_models.Event:
        raise BadUsage(f"format: {form} is for events; {of} come as ndjson, csv or parquet")
    log = [{"topic": place.topic, "partition": place.partition, "stored": place.stored} for place in stored.places]
    counted = _Counted(await run_in_threadpool(_begun, rows))
    told = {
        "export": of,
        "format": form.value,
        "made_at": context.clock(),
        "filters": {
            name: value for name, value in filters.items() if value is not False and value not in ("", (), None)
        },
        "notes": [*form.notes, *notes],
        "behind": stored.behind,
        "log": log,
    }
    blocks = encode(counted, columns_of(model, first), form)
    name = f"{of}.{form.suffix}"
    return StreamingResponse(
        share.each(archive(name, blocks, lambda: {**told, "rows": counted.number})),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="idtrail-{of}-{_stamp(context.clock())}.zip"'},
    )


def _begun(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield the rows, after the first page was fetched."""
    for first in rows:
        return chain((first,), rows)
    return iter(())


class _Counted(Iterator[Row]):
    """Counts rows as they are read."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.number = 0

    def __next__(self) -> Row:
        row = next(self._rows)
        self.number += 1
        return row


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")
