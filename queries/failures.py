"""What failed and why: attempts that failed, by application, cause and attribute."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from queries.selection import Selection
from queries.store import Store
from schemas.cause import CAUSES, Cause

Row = dict[str, Any]


class Failures(NamedTuple):
    """The answer in the first line, then the groups, most tries first."""

    attempts: int
    failures: int
    groups: list[Row]


_IN_RANGE: Final = "SELECT * FROM attempts FINAL WHERE {range} AND {filters}"

_TOTALS: Final = "SELECT count(), countIf(outcome = 'failure') FROM ({attempts})"

# A person's trouble is over with the person's own success in that application; credentials' with any.
_GROUPS: Final = """
SELECT
    f.application_id AS application_id, any(f.application_name) AS application, f.cause AS cause,
    f.attribute AS attribute, sum(f.tries) AS tries, uniqExactIf(f.subject_id, f.kind = 'user') AS people,
    uniqExactIf(f.subject_id, f.kind = 'group') AS groups, min(f.first) AS first, max(f.last) AS last,
    countIf(f.last > s.at) AS unresolved, any(a.at) AS last_success,
    argMax(f.detail, f.last) AS detail, argMax(f.http_status, f.last) AS http_status
FROM (
    SELECT application_id, any(application_name) AS application_name, cause, attribute, kind, subject_id,
        count() AS tries, min(occurred_at) AS first, max(occurred_at) AS last,
        argMax(detail, occurred_at) AS detail, argMax(http_status, occurred_at) AS http_status
    FROM ({attempts}) WHERE outcome = 'failure'
    GROUP BY application_id, cause, attribute, kind, subject_id
) AS f
LEFT JOIN (
    SELECT application_id, kind, subject_id, max(occurred_at) AS at FROM ({attempts})
    WHERE outcome = 'success' GROUP BY application_id, kind, subject_id
) AS s ON f.application_id = s.application_id AND f.kind = s.kind AND f.subject_id = s.subject_id
LEFT JOIN (
    SELECT application_id, max(occurred_at) AS at FROM ({attempts}) WHERE outcome = 'success' GROUP BY application_id
) AS a ON f.application_id = a.application_id
GROUP BY application_id, cause, attribute
ORDER BY tries DESC, last DESC
LIMIT {{limit:UInt32}}
"""


def failures_sql(selection: Selection) -> tuple[str, str]:
    """The statements for the totals and for the groups."""
    attempts = _IN_RANGE.format(range=selection.range_sql(), filters=selection.filter_sql())
    return _TOTALS.format(attempts=attempts), _GROUPS.format(attempts=attempts)


def list_failures(store: Store, selection: Selection, limit: int) -> Failures:
    """Failures of the twelve types in the selection's range.

    A group is `open` while somebody's last attempt with that trouble has not been followed by a success;
    one of credentials while the application has not accepted anything since.
    """
    totals, groups = failures_sql(selection)
    parameters = selection.parameters()
    ((attempts, failures),) = store.query(totals, parameters)
    rows = store.query_dicts(groups, parameters | {"limit": limit})
    for row in rows:
        text = CAUSES[Cause(row["cause"] or "unknown")]
        is_open = row["last"] > row["last_success"] if row["cause"] == Cause.CREDENTIALS else row["unresolved"] > 0
        row |= {"state": "open" if is_open else "resolved", "sentence": text.sentence, "remedy": text.remedy}
        row["retryable"] = text.retryable
    return Failures(attempts, failures, rows)


_WINDOWS: Final = (
    "SELECT organization, window_start, application_id, application_name, event_type, cause, attempts, failures,"
    " subjects, first_event, last_event, first_at, last_at FROM failure_windows FINAL"
    " WHERE ({organization:String} = '' OR organization = {organization:String})"
    " AND window_start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
    " AND window_start < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND attempts > 0"
    " ORDER BY window_start DESC, application_name, event_type, cause LIMIT {limit:UInt32}"
)


def list_windows(store: Store, selection: Selection, limit: int) -> list[Row]:
    """The minutes that the Faust agents and the backfill have folded, newest first."""
    parameters = selection.parameters()
    return store.query_dicts(
        _WINDOWS,
        {
            "organization": selection.organization or "",
            "since": parameters["since"],
            "until": parameters["until"],
            "limit": limit,
        },
    )
