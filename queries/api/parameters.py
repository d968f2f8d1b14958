"""Query parameters that several routes share."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import Depends, Query

from queries.api.access import Given, Organization
from queries.selection import Selection
from schemas.cause import Cause
from schemas.errors import BadUsage
from schemas.events import Kind
from schemas.outcome import Outcome
from schemas.times import EARLIEST, LATEST, TimeQuality, parse_timestamp

_AGO: Final = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_when(text: str, now: datetime, name: str) -> datetime:
    """A time (RFC 3339, or a date), or an age such as `24h` or `7d`. Raises `BadUsage`."""
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return max(now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}), EARLIEST)
    whole = f"{text}T00:00:00Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text
    moment = parse_timestamp(whole)
    if moment.quality is not TimeQuality.OK:
        raise BadUsage(f"{name}: {text[:40]!r} is neither a time (2026-03-19T14:00:00Z) nor an age (24h, 7d)")
    return moment.at


Since = Annotated[str, Query(description="From this time on: RFC 3339, a date, or an age such as 24h or 7d.")]
Until = Annotated[str | None, Query(description="Before this time; now and a day ahead when absent.")]


def time_range(since: str, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Raises `BadUsage` for a range that is none."""
    begin = parse_when(since, now, "since")
    end = min(parse_when(until, now, "until") if until else now + timedelta(hours=25), LATEST)
    if begin >= end:
        raise BadUsage("since must be before until")
    return begin.astimezone(UTC), end.astimezone(UTC)


def selection(
    context: Given,
    organization: Organization,
    since: Since = "7d",
    until: Until = None,
    time: Annotated[
        Literal["placed", "unplaced"], Query(description="unplaced: events whose time cannot be believed.")
    ] = "placed",
    type: Annotated[list[str] | None, Query(description="Event types; several mean any of them.")] = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    outcome: Annotated[list[Outcome] | None, Query()] = None,
    cause: Annotated[list[Cause] | None, Query()] = None,
    application: Annotated[str, Query(max_length=256, description="Id or name.")] = "",
    subject: Annotated[str, Query(max_length=256, description="Id, user name or mail address.")] = "",
    actor: Annotated[str, Query(max_length=256, description="Who caused it: id or name.")] = "",
    text: Annotated[str, Query(max_length=256, description="Part of detail, names or type, in any case.")] = "",
) -> Selection:
    """The filter that the parameters spell."""
    begin, end = time_range(since, until, context.clock())
    return Selection(
        organization=organization,
        since=begin,
        until=end,
        unplaced=time == "unplaced",
        event_types=tuple(type or ()),
        kinds=tuple(item.value for item in kind or ()),
        outcomes=tuple(item.value for item in outcome or ()),
        causes=tuple(item.value for item in cause or ()),
        application=application,
        subject=subject,
        actor=actor,
        text=text,
    )


Selected = Annotated[Selection, Depends(selection)]
