"""SQL that reads events by their copy in force, from the copies at one application, and which events it is not to count
there. Pure, except for `better_ways`.

In force is the copy with the largest (version, fingerprint), whatever its time. If it has no believable time, the event
does not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from queries.foreign import OPEN, has_better_ways
from queries.selection import IN_FORCE
from queries.store import Store

_BETTER: Final = "organization IN {better:Array(String)}"
DOUBTFUL: Final = f"(version <= {OPEN} AND {_BETTER})"
"""A copy that came by a way open to many, in an organization that has better ways. Parameter: `better_ways`."""


def better_ways(store: Store, organizations: Iterable[str]) -> dict[str, Any]:
    """Return the parameter of `DOUBTFUL`."""
    return {"better": sorted(own for own in set(organizations) if has_better_ways(store, own))}


def elsewhere_sql(some: str) -> str:
    """Return the SQL of events that do not count at an application, as (application_id, event_id): the copy in force
    names another one, or is no attempt.

    `some` selects rows of attempts. Only events whose copies there are all doubtful are looked up: that costs nothing
    where events come by better ways.
    """
    copies = f"SELECT event_id FROM attempts_by_application WHERE ({some})"
    doubtful = (
        f"{copies} AND event_id GLOBAL IN ({copies} AND {DOUBTFUL})"
        f" GROUP BY organization, application_id, event_id HAVING max(NOT {DOUBTFUL}) = 0"
    )
    return (
        "SELECT arrayJoin(arrayFilter(own -> own != best, named)) AS application_id, event_id FROM (SELECT event_id,"
        f" argMax(if(kind = 'other', '', toString(application_id)), {IN_FORCE}) AS best,"
        " groupUniqArray(toString(application_id)) AS named"
        f" FROM events WHERE {_BETTER} AND event_id GLOBAL IN ({doubtful}) GROUP BY event_id)"
    )


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
