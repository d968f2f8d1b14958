"""Query parameters that several routes share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, NamedTuple

from fastapi import Depends, Query

from queries.api.access import Given, Organization
from queries.applications import find_application
from queries.selection import Selection
from queries.unknown import refuse_unknown_types
from schemas.cause import Cause
from schemas.events import ALIASES, Kind
from schemas.outcome import Outcome
from schemas.times import EARLIEST, LATEST, parse_past, parse_when, require_order

AHEAD: Final = timedelta(hours=25)
"""Without `until`, a range reaches this far past now, since producers' clocks differ."""
MAX_VALUES: Final = 50
"""The most values of a parameter that may be repeated."""


class Range(NamedTuple):
    """A time range, and how it was asked for."""

    since: datetime
    until: datetime
    asked: str


Since = Annotated[
    str, Query(max_length=64, description="From this time on: RFC 3339, a date, or an age such as 24h or 7d.")
]
Until = Annotated[
    str | None, Query(max_length=64, description="Before this time; a day past now when absent: clocks differ.")
]
CursorText = Annotated[str | None, Query(max_length=512, description="The `next` of the previous page.")]
Text = Annotated[str, Query(max_length=256)]
Name = Annotated[str, Query(max_length=256, description="Id or name.")]
Types = Annotated[list[str] | None, Query(max_length=MAX_VALUES, description="Event types; any of them.")]
Causes = Annotated[list[Cause] | None, Query(max_length=MAX_VALUES)]


def time_range(since: str, until: str | None, now: datetime) -> Range:
    """Return the range of the parameters. Raises `BadUsage` for an invalid one."""
    begin = parse_when(since, now, "since")
    end = min(parse_when(until, now, "until") if until else now + AHEAD, LATEST)
    if not until and begin >= end:
        parse_past(since, now, "since")  # raises if it is in the future
    require_order(begin, end)
    return Range(begin.astimezone(UTC), end.astimezone(UTC), f"{since} to {until or 'now'}")


def application_ids(context: Given, organization: Organization, application: Name = "") -> tuple[str, ...] | None:
    """Return the ids of the application asked for; None if none was. Raises `Unknown`.

    Every route that filters by application depends on it, except the live feed, where one may wait for a new
    application.
    """
    return find_application(context.store, organization, application) if application else None


ApplicationIds = Annotated[tuple[str, ...] | None, Depends(application_ids)]


def canonical(types: list[str] | None) -> tuple[str, ...]:
    """Return event types by their own names, whichever alias was given."""
    return tuple(ALIASES.get(name, name) for name in types or ())


def event_filter(
    organization: Organization,
    type: Types = None,
    kind: Annotated[list[Kind] | None, Query(max_length=MAX_VALUES)] = None,
    outcome: Annotated[list[Outcome] | None, Query(max_length=MAX_VALUES)] = None,
    cause: Causes = None,
    application: Name = "",
    subject: Annotated[str, Query(max_length=256, description="Id, user name or mail address.")] = "",
    actor: Annotated[str, Query(max_length=256, description="Who caused it: id or name.")] = "",
    incident: Annotated[str, Query(pattern="^[0-9a-fA-F]{32}$", description="Only of this incident.")] = "",
    text: Annotated[str, Query(max_length=256, description="Part of detail, names or type, in any case.")] = "",
) -> Selection:
    """Return the filter of the parameters, without a time range."""
    return Selection(
        organization=organization,
        since=EARLIEST,
        until=LATEST,
        event_types=canonical(type),
        kinds=tuple(item.value for item in kind or ()),
        outcomes=tuple(item.value for item in outcome or ()),
        causes=tuple(item.value for item in cause or ()),
        application=application,
        subject=subject,
        actor=actor,
        incident=incident.lower(),
        text=text,
    )


Filtered = Annotated[Selection, Depends(event_filter)]


def selection(
    context: Given,
    filtered: Filtered,
    known: ApplicationIds,
    since: Since = "7d",
    until: Until = None,
    time: Annotated[
        Literal["placed", "unplaced"],
        Query(description="unplaced: the events whose time cannot be believed, whatever the range."),
    ] = "placed",
) -> Selection:
    """Return the filter within the requested range."""
    refuse_unknown_types(context.store, filtered.organization, filtered.event_types)
    begin, end, asked = time_range(since, until, context.clock())
    return replace(filtered, since=begin, until=end, asked=asked, unplaced=time == "unplaced")


Selected = Annotated[Selection, Depends(selection)]
