"""What the store itself counts, and what the windows say."""

from __future__ import annotations

from typing import Any

from queries.store import BULK_LIMITS, Store

# Written without a look at the fold: ClickHouse's own words for the same promise.
_COUNT = """
SELECT organization, toUnixTimestamp(minute), f.1 AS application, f.3 AS type, f.4 AS cause, count(),
    countIf(f.5 = 'failure'), uniqExactIf(f.6, f.5 = 'failure' AND f.6 != ''),
    argMin(toString(event_id), (f.7, toString(event_id))), argMax(toString(event_id), (f.7, toString(event_id))),
    argMax(f.2, (f.7, toString(event_id)))
FROM (
    SELECT organization, toStartOfMinute(occurred_at) AS minute, event_id,
        argMax((application_id, application_name, event_type, cause, outcome, subject_id, occurred_at),
            (version, fingerprint)) AS f
    FROM events WHERE kind != 'other' AND time_quality = 'ok'
    GROUP BY organization, minute, event_id
)
GROUP BY organization, minute, application, type, cause
ORDER BY organization, minute, application, type, cause
"""
_WINDOWS = """
SELECT organization, toUnixTimestamp(window_start), application_id, event_type, cause, attempts, failures, subjects,
    toString(first_event), toString(last_event), application_name
FROM failure_windows FINAL WHERE attempts > 0
ORDER BY organization, window_start, application_id, event_type, cause
"""


def counted(store: Store) -> list[tuple[Any, ...]]:
    """Windows as the store counts them from its events."""
    return [tuple(map(str, row)) for row in store.query(_COUNT, limits=BULK_LIMITS)]


def windowed(store: Store) -> list[tuple[Any, ...]]:
    """Windows as they were folded and written."""
    return [tuple(map(str, row)) for row in store.query(_WINDOWS, limits=BULK_LIMITS)]
