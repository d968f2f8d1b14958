"""Groups failed attempts by application, cause and attribute."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from queries.runs import CLOSES, TURNS
from queries.scope import SCOPE
from queries.selection import Selection
from queries.store import Store
from schemas.cause import CAUSES, Cause
from schemas.times import LATEST, SENTINEL, to_microseconds

Row = dict[str, Any]


class Failures(NamedTuple):
    """The totals, then the groups, those with the most attempts first."""

    attempts: int
    failures: int
    groups: list[Row]
    total: int
    """The number of groups, including those beyond the limit."""


_TOTALS: Final = (
    "SELECT count(), countIf(outcome = 'failure') FROM ({attempts})"
    " WHERE occurred_at < fromUnixTimestamp64Micro({{end:Int64}}, 'UTC')"
)

# A person's trouble ends with the person's own success in the application. The trouble of a closing ends with an
# attempt that closes or opens the account; that of credentials ends with any success.
_GROUPS: Final = """
SELECT
    f.organization AS organization, f.application_id AS application_id,
    argMax(f.try.application_name, f.try.occurred_at) AS application, f.try.cause AS cause,
    f.try.attribute AS attribute, count() AS tries, uniqExactIf(f.subject_id, f.kind = 'user') AS people,
    uniqExactIf(f.subject_id, f.kind = 'group') AS groups, min(f.try.occurred_at) AS first,
    max(f.try.occurred_at) AS last,
    countIf(f.try.occurred_at > if(f.try.closes, f.own_turn, f.own_success)) AS unresolved,
    max(f.any_success) AS last_success, argMax(f.try.detail, f.try.occurred_at) AS detail,
    argMax(f.try.http_status, f.try.occurred_at) AS http_status,
    argMax(f.try.event_id, f.try.occurred_at) AS last_event, count() OVER () AS total
FROM (
    SELECT organization, application_id, kind, subject_id, own_success, own_turn, any_success, arrayJoin(tries) AS try
    FROM (
        SELECT *, max(own_success) OVER (PARTITION BY organization, application_id) AS any_success
        FROM (
            SELECT organization, application_id, kind, subject_id,
                maxIf(occurred_at, {accepted}) AS own_success,
                maxIf(occurred_at, {accepted} AND {turns}) AS own_turn,
                groupArrayIf(
                    CAST(tuple(event_id, occurred_at, application_name, cause, attribute, detail, http_status, {closes})
                        AS {failed}),
                    outcome = 'failure' AND occurred_at < fromUnixTimestamp64Micro({{end:Int64}}, 'UTC'){causes}
                ) AS tries
            FROM ({attempts})
            GROUP BY organization, application_id, kind, subject_id
        )
    )
) AS f
GROUP BY organization, application_id, cause, attribute
ORDER BY tries DESC, last DESC, application_id, cause, attribute
LIMIT {{limit:UInt32}}
"""
_ACCEPTED: Final = "outcome = 'success' AND occurred_at <= fromUnixTimestamp64Micro({now:Int64}, 'UTC')"
_FAILED: Final = (
    "Tuple(event_id UUID, occurred_at DateTime64(6, 'UTC'), application_name String, cause String,"
    " attribute String, detail String, http_status UInt16, closes Bool)"
)
_COLUMNS: Final = (
    "organization", "application_id", "application_name", "kind", "subject_id", "outcome", "cause", "attribute",
    "detail", "http_status", "action", "account_state",
)  # fmt: skip


def failures_sql(selection: Selection) -> tuple[str, str]:
    """Return the statements of the totals and of the groups, for the parameters of `_all_attempts`."""
    everything = _all_attempts(selection)
    causes = " AND cause IN {failed_by:Array(String)}" if selection.causes else ""
    return (
        _TOTALS.format(attempts=everything.in_force_sql(("outcome",), "attempts")),
        _GROUPS.format(
            attempts=everything.in_force_sql(_COLUMNS, "attempts"),
            causes=causes,
            failed=_FAILED,
            closes=CLOSES,
            turns=TURNS,
            accepted=_ACCEPTED,
        ),
    )


def _all_attempts(selection: Selection) -> Selection:
    """Return the selection widened to successes up to now, since these decide whether a trouble is over."""
    return replace(selection, until=LATEST, outcomes=(), causes=())


def list_failures(store: Store, selection: Selection, limit: int, now: datetime) -> Failures:
    """Return failures of the twelve event types in the selection's range. Selections by actor, text or outcome are not
    supported.

    A group is `open` while somebody's last failure has not been followed by a success of their own in that application.
    A failed closing must be followed by one that closes or opens the account. A failure of credentials is open while
    the application has accepted nothing since, from anybody.
    """
    totals, groups = failures_sql(selection)
    parameters = _all_attempts(selection).parameters() | {"end": to_microseconds(selection.until)}
    ((attempts, failures),) = store.query(totals, parameters)
    parameters |= {"limit": limit, "failed_by": list(selection.causes), "now": to_microseconds(now)}
    rows = store.query_dicts(groups, parameters) if failures else []
    total = rows[0]["total"] if rows else 0
    return Failures(attempts, failures, [_told(row) for row in rows], total)


def _told(row: Row) -> Row:
    text = CAUSES[Cause(row["cause"] or "unknown")]
    is_open = row["last"] > row["last_success"] if row["cause"] == Cause.CREDENTIALS else row["unresolved"] > 0
    never = row["last_success"] <= SENTINEL
    return {
        **{name: value for name, value in row.items() if name not in ("total", "unresolved")},
        "last_success": None if never else row["last_success"],
        "state": "open" if is_open else "resolved",
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
