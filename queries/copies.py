"""SQL that reads events by their copy in force, from the copies at one application. Pure.

In force is the copy with the largest (version, fingerprint), whatever its time. If it has no believable time, the event
does not count.
"""

from __future__ import annotations

from queries.selection import IN_FORCE


def in_force_sql(columns: str, own: str, ids: str, wanted: str) -> str:
    """Return the SQL of the copies in force of events with these ids that satisfy `wanted`.

    `own` selects the applications whose attempts are read. `ids` is a set or a select in brackets. The result has
    organization, application_id, event_id and `columns`, which must begin with occurred_at.
    """
    names = columns.split(", ")
    told = ", ".join(f"tupleElement(copy, {place}) AS {name}" for place, name in enumerate(names, 1))
    return (
        f"SELECT organization, application_id, event_id, {told} FROM (SELECT organization, application_id, event_id,"
        f" argMax(tuple({columns}, time_quality), {IN_FORCE}) AS copy"
        f" FROM attempts_by_application WHERE ({own}) AND event_id GLOBAL IN {ids}"
        " GROUP BY organization, application_id, event_id)"
        f" WHERE tupleElement(copy, {len(names) + 1}) = 'ok' AND ({wanted})"
    )
