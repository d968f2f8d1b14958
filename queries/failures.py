"""Groups failed attempts by application, cause and attribute."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from queries.incidents.ends import DELETED, EVERYBODY, FAILURE_SCOPE, MOMENT, SUCCESS_SCOPES, end_parameters
from queries.scope import SCOPE
from queries.selection import Selection, in_force_sql
from queries.store import Store
from schemas.cause import CAUSES, Cause
from schemas.times import SENTINEL, to_microseconds

Row = dict[str, Any]


class Failures(NamedTuple):
    """The totals, then the groups, those with the most attempts first."""

    attempts: int
    """Whatever the cause: an attempt that succeeds has none."""
    failures: int
    """Of the causes asked for."""
    groups: list[Row]
    total: int
    """The number of groups, including those beyond the limit."""


_TRY: Final = (
    "Tuple(kind String, subject_id String, cause String, attribute String, tries UInt64, first DateTime64(6, 'UTC'),"
    " last DateTime64(6, 'UTC'), moment UInt256, application String, detail String, http_status UInt16, event_id UUID)"
)


def _groups_sql(attempts: str) -> str:
    """Return the SQL of the groups of failures. `attempts` has these, and the successes of their applications.

    Attempts become one row per subject and kind of attempt, then one per scope: few, however many the attempts.
    """
    return f"""
SELECT
    organization, application_id, argMax(t.application, t.moment) AS application, t.cause AS cause,
    t.attribute AS attribute, sum(t.tries) AS tries, uniqExactIf(t.subject_id, t.kind = 'user') AS people,
    uniqExactIf(t.subject_id, t.kind = 'group') AS groups, min(t.first) AS first, max(t.last) AS last,
    max(t.moment > greatest(ended, deleted)) AS open, any(accepted_at) AS last_success,
    argMax(t.detail, t.moment) AS detail, argMax(t.http_status, t.moment) AS http_status,
    argMax(t.event_id, t.moment) AS last_event, count() OVER () AS total
FROM (
    SELECT organization, application_id, failures, ended, max(deletion) OVER own AS deleted,
        max(accepted) OVER own AS accepted_at
    FROM (
        SELECT organization, application_id, groupArrayIf(try, failed) AS failures, maxIf(moment, NOT failed) AS ended,
            maxIf(moment, deletes) AS deletion, maxIf(last, NOT failed AND kind != 'integration') AS accepted,
            arrayJoin(if(failed, [{FAILURE_SCOPE}], {SUCCESS_SCOPES})) AS scope
        FROM (
            SELECT organization, application_id, kind, subject_id, event_type, action, account_state, cause,
                outcome = 'failure' AS failed, {DELETED} AS deletes, max(occurred_at) AS last, max({MOMENT}) AS moment,
                argMaxIf(tuple(application_name, detail, http_status, event_id), {MOMENT}, failed) AS said,
                CAST(tuple(kind, subject_id, cause, attribute, count(), min(occurred_at), last, moment, said.1, said.2,
                    said.3, said.4) AS {_TRY}) AS try
            FROM ({attempts})
            GROUP BY organization, application_id, kind, subject_id, event_type, action, account_state, cause,
                attribute, failed, deletes
        )
        GROUP BY organization, application_id, scope
        HAVING notEmpty(failures) OR deletion > 0 OR scope = {EVERYBODY}
    )
    WINDOW own AS (PARTITION BY organization, application_id)
)
ARRAY JOIN failures AS t
GROUP BY organization, application_id, cause, attribute
ORDER BY tries DESC, last DESC, application_id, cause, attribute
LIMIT {{limit:UInt32}}
"""


_CHOSEN_BY: Final = (
    "organization", "occurred_at", "time_quality", "application_id", "application_name", "event_type", "subject_id",
    "outcome", "cause", "kind",
)  # fmt: skip
_COLUMNS: Final = (*_CHOSEN_BY, "attribute", "detail", "http_status", "action", "account_state")
_UP_TO_NOW: Final = "occurred_at <= fromUnixTimestamp64Micro({now:Int64}, 'UTC')"
_ATTEMPT: Final = "kind != 'other'"
"""The copy in force may be none of the twelve types."""
_SINCE: Final = "occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"


def failures_sql(selection: Selection) -> tuple[str, str]:
    """Return the statements of the totals and of the groups. The conditions apply to the failures; the successes that
    end them are all those of the failures' applications."""
    tried = _conditions(replace(selection, causes=()))
    failed = f"outcome = 'failure' AND {_conditions(selection)}"
    hurt = f"SELECT DISTINCT organization, application_id FROM attempts WHERE {SCOPE} AND {failed}"
    succeeded = f"outcome = 'success' AND {_SINCE} AND {_UP_TO_NOW}"
    ours = f"({failed} OR {succeeded} AND (organization, application_id) GLOBAL IN ({hurt}))"
    totals = in_force_sql(_CHOSEN_BY, "attempts", tried, f"{tried} AND {_ATTEMPT}", "events")
    attempts = in_force_sql(_COLUMNS, "attempts", ours, f"({failed} OR {succeeded}) AND {_ATTEMPT}", "events")
    return f"SELECT count(), countIf({failed}) FROM ({totals})", _groups_sql(attempts)


def _conditions(selection: Selection) -> str:
    return f"{selection.range_sql()} AND {selection.filter_sql()}"


def list_failures(store: Store, selection: Selection, limit: int, now: datetime) -> Failures:
    """Return failures of the twelve event types in the selection's range. Selections by actor, text or outcome are not
    supported.

    A group is `open` while any of its failures has not ended, as incidents end, by now.
    """
    totals, groups = failures_sql(selection)
    own = None if selection.organization is None else [selection.organization]
    parameters = selection.parameters() | end_parameters(store, own) | {"limit": limit, "now": to_microseconds(now)}
    ((attempts, failures),) = store.query(totals, parameters)
    rows = store.query_dicts(groups, parameters) if failures else []
    total = rows[0]["total"] if rows else 0
    return Failures(attempts, failures, [_told(row) for row in rows], total)


def _told(row: Row) -> Row:
    text = CAUSES[Cause(row["cause"] or "unknown")]
    never = row["last_success"] <= SENTINEL
    return {
        **{name: value for name, value in row.items() if name not in ("total", "open")},
        "last_success": None if never else row["last_success"],
        "state": "open" if row["open"] else "resolved",
        "sentence": text.sentence,
        "remedy": text.remedy,
        "retryable": text.retryable,
    }


_WINDOWS: Final = (
    "SELECT organization, window_start, application_id, application_name, event_type, cause, attempts, failures,"
    " subjects, first_event, last_event, first_at, last_at FROM failure_windows FINAL"
    " WHERE {organization} AND {range} AND attempts > 0 AND {filter}"
    " ORDER BY window_start DESC, application_name, event_type, cause LIMIT {{limit:UInt32}}"
)


def windows_sql(selection: Selection) -> str:
    """Return the SQL of windows that begin in the range. Only conditions on columns of windows apply."""
    return _WINDOWS.format(
        organization=SCOPE,
        range=selection.range_sql().replace("occurred_at", "window_start"),
        filter=selection.filter_sql(),
    )


def list_windows(store: Store, selection: Selection, limit: int) -> list[Row]:
    """Return the minutes that the Faust agents and the backfill have folded, the newest first.

    For selections by application, event type and cause only.
    """
    return store.query_dicts(windows_sql(selection), selection.parameters() | {"limit": limit})
