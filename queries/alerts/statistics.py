"""Counts alerts by rule, severity and state, and measures how long people took."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from queries.alerts.listing import Alerts, Row, chosen_sql
from queries.store import Store

MAX_RULES: Final = 200
"""The rules with the most alerts."""

_EPOCH: Final = "toDateTime64(0, 6, 'UTC')"
_RESOLVED_AT: Final = "if(said = 'resolve' AND said_at >= triggered_at, said_at, ended_at)"
_ACKNOWLEDGED: Final = f"acknowledged_at > {_EPOCH}"
_TIMES: Final = (
    f"countIf({_ACKNOWLEDGED}) AS acknowledged, countIf(state = 'resolved') AS resolved,"
    f" quantileExactIf(0.5)(greatest(0, dateDiff('second', opened_at, acknowledged_at)), {_ACKNOWLEDGED}) AS"
    " acknowledge_seconds,"
    f" quantileExactIf(0.5)(greatest(0, dateDiff('second', opened_at, {_RESOLVED_AT})), state = 'resolved') AS"
    " resolve_seconds"
)


def counts_sql(chosen: Alerts) -> str:
    """Return the SQL that counts alerts by severity and state."""
    return (
        f"SELECT severity, state, count() AS alerts FROM ({chosen_sql(chosen)}) GROUP BY severity, state"
        " ORDER BY severity, state LIMIT {limit:UInt32}"
    )


def times_sql(chosen: Alerts) -> str:
    """Return the SQL of the totals over all chosen alerts."""
    return f"SELECT count() AS alerts, sum(events) AS all_events, {_TIMES} FROM ({chosen_sql(chosen)}) LIMIT 1"


def rules_sql(chosen: Alerts) -> str:
    """Return the SQL of counts and times by rule, the rules with the most alerts first."""
    return (
        "SELECT rule_id, count() AS alerts, countIf(state NOT IN ('resolved', 'withdrawn')) AS going_on,"
        f" sum(events) AS all_events, {_TIMES} FROM ({chosen_sql(chosen)})"
        " GROUP BY rule_id ORDER BY alerts DESC, rule_id LIMIT {limit:UInt32}"
    )


def count_alerts(store: Store, chosen: Alerts, now: datetime) -> Row:
    """Return counts and times of the chosen alerts, in total and by rule."""
    values = chosen.parameters(now) | {"limit": MAX_RULES}
    total, rules, counts = (store.query_dicts(sql(chosen), values) for sql in (times_sql, rules_sql, counts_sql))
    severities: dict[str, int] = {}
    states: dict[str, int] = {}
    for row in counts:
        severities[row["severity"]] = severities.get(row["severity"], 0) + row["alerts"]
        states[row["state"]] = states.get(row["state"], 0) + row["alerts"]
    return {**_told(total[0]), "severities": severities, "states": states, "rules": [_told(row) for row in rules]}


def _told(row: dict[str, Any]) -> Row:
    """Set medians of no alerts to None."""
    events, acknowledged, resolved = row.pop("all_events"), row.pop("acknowledged"), row.pop("resolved")
    return {
        **row,
        "events": events,
        "acknowledge_seconds": row["acknowledge_seconds"] if acknowledged else None,
        "resolve_seconds": row["resolve_seconds"] if resolved else None,
    }
