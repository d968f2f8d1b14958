"""Counts events by type and outcome, and dead letters, and gives the known time range."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from queries.dead_letters import WAITING
from queries.scope import SCOPE
from queries.selection import Selection
from queries.store import Store

Row = dict[str, Any]


class Statistics(NamedTuple):
    """The statistics of one organization, or of all."""

    events: int
    people: int
    applications: int
    first: datetime | None
    last: datetime | None
    types: list[Row]
    """event_type, kind, events, and how many of them are success, failure, reported_absent and unknown."""
    dead_letters: int
    """Waiting letters."""
    unplaced: int
    """Events whose time cannot be believed; they are in no time range, and not in `events`."""


_TYPES: Final = (
    "SELECT event_type, any(e.kind) AS kind, count() AS events, countIf(outcome = 'success') AS success,"
    " countIf(outcome = 'failure') AS failure, countIf(outcome = 'reported_absent') AS reported_absent,"
    " countIf(outcome = 'unknown') AS unknown, grouping(event_type) AS whole,"
    " uniqExactIf((organization, subject_id), e.kind = 'user') AS people,"
    " uniqExactIf((organization, application_id), e.kind != 'other' AND application_id != '') AS applications,"
    " min(occurred_at) AS first, max(occurred_at) AS last"
    " FROM ({events}) AS e GROUP BY GROUPING SETS ((event_type), ()) ORDER BY events DESC, event_type"
)
_COLUMNS: Final = ("organization", "event_type", "kind", "outcome", "subject_id", "application_id")
_COUNTS: Final = ("event_type", "kind", "events", "success", "failure", "reported_absent", "unknown")


def statistics_sql(selection: Selection) -> str:
    """Return the SQL of one row per type, and one for all types."""
    return _TYPES.format(events=selection.in_force_sql(_COLUMNS))


def read_statistics(store: Store, selection: Selection) -> Statistics:
    """Return exact statistics, by event id and copy in force."""
    parameters = selection.parameters()
    rows = store.query_dicts(statistics_sql(selection), parameters)
    ((dead,),) = store.query(
        f"SELECT count() FROM dead_letters FINAL WHERE {SCOPE} AND {WAITING.format(own=SCOPE)}", parameters
    )
    misplaced = replace(selection, unplaced=True)
    ((unplaced,),) = store.query(f"SELECT count() FROM ({misplaced.in_force_sql(())})", misplaced.parameters())
    (whole,) = (row for row in rows if row["whole"])
    return Statistics(
        events=whole["events"],
        people=whole["people"],
        applications=whole["applications"],
        first=whole["first"] if whole["events"] else None,
        last=whole["last"] if whole["events"] else None,
        types=[{name: row[name] for name in _COUNTS} for row in rows if not row["whole"]],
        dead_letters=dead,
        unplaced=unplaced,
    )
