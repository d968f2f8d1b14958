"""Folds the windows and incidents of a whole generation at once from its events; nothing is published.

ClickHouse itself counts the windows, as `streams.windows.fold` does; tests compare the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from queries.arrow import INCIDENTS_ARROW_SCHEMA, batch
from queries.store import BULK_LIMITS, Store
from queries.window_counts import COUNTED, windows_sql
from schemas.envelope import TRUST_STEP
from streams.chunk import MAX_MONTHS
from streams.interest import Application
from streams.runs import refold
from streams.span_reader import Place

COPIES_AT_ONCE: Final = 1_000_000
"""Copies in the days that one statement folds, unless one day alone holds more."""

_DAYS: Final = (
    "SELECT toString(toDate(occurred_at)) AS day, count() FROM events WHERE {counted} AND {touched}"
    " GROUP BY day ORDER BY day"
)
_TOUCHED: Final = "toDate(occurred_at) IN (SELECT DISTINCT toDate(occurred_at) FROM events WHERE {since})"
_APPLICATIONS: Final = (
    "SELECT DISTINCT organization, application_id FROM attempts_by_application WHERE {since}"
    " ORDER BY organization, application_id"
)


def fold_windows(store: Store, since: Mapping[Place, int]) -> None:
    """Count the windows of the days that hold an event at or after these offsets; of all days if there are no
    offsets."""
    condition, parameters = _behind(since)
    touched = _TOUCHED.format(since=condition) if any(since.values()) else "1"
    days = store.query(_DAYS.format(counted=COUNTED, touched=touched), parameters, BULK_LIMITS)
    for some in days_at_once(days):
        store.command(f"INSERT INTO failure_windows {windows_sql(TRUST_STEP)}", {"days": some})


def days_at_once(days: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """Yields groups of days that one statement can fold: few copies, few months."""
    some: list[str] = []
    copies = 0
    for day, count in days:
        if some and (copies + count > COPIES_AT_ONCE or len({one[:7] for one in (*some, day)}) > MAX_MONTHS):
            yield some
            some, copies = [], 0
        some.append(day)
        copies += count
    if some:
        yield some


def touched_applications(store: Store, since: Mapping[Place, int]) -> list[Application]:
    """Return the applications with an event at or after these offsets."""
    condition, parameters = _behind(since)
    found = store.query(_APPLICATIONS.format(since=condition), parameters, BULK_LIMITS)
    return [(organization, application) for organization, application in found]


def fold_incidents(store: Store, application: Application, token: str) -> None:
    """Fold all incidents of an application. An incident from an earlier fold that no failure makes now is emptied."""
    folded = refold(store, [application])
    rows = [(*incident, folded.at) for incident in folded.changed]
    if rows:
        store.insert_arrow("incidents", batch(rows, INCIDENTS_ARROW_SCHEMA), token)


def _behind(since: Mapping[Place, int]) -> tuple[str, dict[str, Any]]:
    """Return the condition that selects rows at or after these offsets, and its parameters."""
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for n, ((topic, partition), offset) in enumerate(since.items()):
        conditions.append(
            f"log_topic = {{t{n}:String}} AND log_partition = {{p{n}:UInt16}} AND log_offset >= {{o{n}:UInt64}}"
        )
        parameters |= {f"t{n}": topic, f"p{n}": partition, f"o{n}": offset}
    return f"({' OR '.join(conditions) or '1'})", parameters
