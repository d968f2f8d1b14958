"""The SQL of events as their copies in force have them, of the copies at one application. Pure.

In force is the one copy of the largest (version, fingerprint), wherever in time it stands: where it tells no time that
can be believed, the event counts for nothing.
"""

from __future__ import annotations

from queries.selection import IN_FORCE


def in_force_sql(columns: str, own: str, ids: str, wanted: str) -> str:
    """Of the events with these ids (a set, or a select in brackets) among the attempts of the applications that are
    `own`, those that are wanted: organization, application_id, event_id and `columns`, which begin with occurred_at."""
    names = columns.split(", ")
    told = ", ".join(f"tupleElement(copy, {place}) AS {name}" for place, name in enumerate(names, 1))
    return (
        f"SELECT organization, application_id, event_id, {told} FROM (SELECT organization, application_id, event_id,"
        f" argMax(tuple({columns}, time_quality), {IN_FORCE}) AS copy"
        f" FROM attempts_by_application WHERE ({own}) AND event_id GLOBAL IN {ids}"
        " GROUP BY organization, application_id, event_id)"
        f" WHERE tupleElement(copy, {len(names) + 1}) = 'ok' AND ({wanted})"
    )
