"""How much there is: events by type and outcome, dead letters, the range that is known."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from queries.selection import Selection
from queries.store import Store

Row = dict[str, Any]


class Statistics(NamedTuple):
    """Of one organization, or of all."""

    events: int
    people: int
    applications: int
    first: Any
    last: Any
    types: list[Row]
    """event_type, events, and of them success, failure, reported_absent, unknown."""
    dead_letters: int
    unplaced: int
    """Events whose time cannot be believed."""


_TYPES: Final = (
    "SELECT event_type, count() AS events, countIf(outcome = 'success') AS success,"
    " countIf(outcome = 'failure') AS failure, countIf(outcome = 'reported_absent') AS reported_absent,"
    " countIf(outcome = 'unknown') AS unknown, any(kind) AS kind FROM ("
    "SELECT event_id, event_type, outcome, kind FROM events WHERE {range}"
    " ORDER BY version DESC LIMIT 1 BY event_id"
    ") GROUP BY event_type ORDER BY events DESC, event_type"
)
_RANGE: Final = (
    "SELECT min(occurred_at), max(occurred_at), uniqExactIf(subject_id, kind = 'user'),"
    " uniqExactIf(application_id, kind != 'other' AND application_id != '') FROM events WHERE {range}"
)
_SCOPE: Final = "({organization:String} = '*' OR organization = {organization:String})"


def read_statistics(store: Store, selection: Selection) -> Statistics:
    """Exact, by event id and copy in force."""
    parameters = selection.parameters()
    where = selection.range_sql()
    types = store.query_dicts(_TYPES.format(range=where), parameters)
    ((first, last, people, applications),) = store.query(_RANGE.format(range=where), parameters)
    scope = {"organization": "*" if selection.organization is None else selection.organization}
    ((dead,),) = store.query(f"SELECT count() FROM dead_letters FINAL WHERE {_SCOPE}", scope)
    ((unplaced,),) = store.query(
        f"SELECT uniqExact(event_id) FROM events WHERE {_SCOPE} AND time_quality != 'ok'", scope
    )
    total = sum(row["events"] for row in types)
    return Statistics(
        total, people, applications, first if total else None, last if total else None, types, dead, unplaced
    )
