"""A filter of events and its SQL. Pure; the server binds every value.

An event is what its copy in force says: the copy with the largest (version, fingerprint), whatever its time. `GLOBAL
IN` is what a cluster needs, and the same as `IN` elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from queries.conditions import CONDITIONS
from queries.scope import SCOPE, scoped
from schemas.times import to_microseconds

IN_FORCE: Final = "tuple(version, fingerprint)"
"""The copy with the largest value is in force. Versions tie if copies were appended in one millisecond; fingerprints
differ."""
_BITS: Final = "toUInt32(cityHash64(event_id))"


@dataclass(frozen=True, slots=True)
class Selection:
    """Selects events. All given conditions must hold; a list matches any of its values."""

    organization: str | None
    """None selects every organization, for tokens that may see all of them."""
    since: datetime
    until: datetime
    asked: str = ""
    """The range as the caller wrote it, such as `7d`. A cursor is bound to it, since the clock moves on between
    pages."""
    unplaced: bool = False
    """Selects events whose time cannot be believed, instead of a time range."""
    event_types: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    application: str = ""
    """Id or name."""
    subject: str = ""
    """Id, user name or mail address; names in any case."""
    actor: str = ""
    """Id or name."""
    incident: str = ""
    """The id, in hex, of the incident that the failures belong to."""
    text: str = ""
    """Part of the detail, of a name or of the event type, in any case."""

    def range_sql(self) -> str:
        """Return the condition on the time."""
        if self.unplaced:
            return "time_quality != 'ok' AND occurred_at = toDateTime64(0, 6, 'UTC')"
        return (
            "occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
            " AND occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
        )

    def given(self) -> dict[str, Any]:
        """Return what was asked for besides the organization and the time, by the name of its condition."""
        return {name: value for name in CONDITIONS if (value := getattr(self, name))}

    def filter_sql(self) -> str:
        """Return the other conditions."""
        return " AND ".join(CONDITIONS[name].sql(name) for name in self.given()) or "1"

    def in_force_sql(self, columns: Iterable[str], table: str = "events") -> str:
        """Return a sub-select of the events that meet all conditions: event_id, occurred_at and `columns`.

        It has one row per event, with the values of its copy in force. A copy that is not in force neither counts nor
        hides the event, even if it has another time or says something else.
        """
        read = {column for name in self.given() for column in CONDITIONS[name].columns}
        names = ("occurred_at", "time_quality", *columns, *sorted(read))
        wanted = f"{self.range_sql()} AND {self.filter_sql()}"
        return in_force_sql(names, table, wanted, wanted)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of all conditions."""
        values = scoped(self.organization)
        values |= {name: list(value) if isinstance(value, tuple) else value for name, value in self.given().items()}
        if not self.unplaced:
            values |= {"since": to_microseconds(self.since), "until": to_microseconds(self.until)}
        return values


def in_force_sql(columns: Iterable[str], table: str, some_copy: str, wanted: str, whole: str = "") -> str:
    """Return a sub-select of the events that meet `wanted` by their copy in force: event_id and `columns`.

    `some_copy` selects the events examined, by any copy. `columns` must hold all that `wanted` reads. `whole` is the
    table of all copies, if `table` lacks some of those that are not in force.

    Nearly every event has one row, which is read as it is: choosing among copies takes four times as long and as much
    memory, so only events with several rows are chosen from. To find them, events examined are told from others by 32
    bits of the id, a quarter of it; others that share these are counted too, to no harm.
    """
    whole = whole or table
    names = list(dict.fromkeys(columns))
    told = ", ".join(("event_id", *names))
    elements = ", ".join(f"tupleElement(copy, {place}) AS {name}" for place, name in enumerate(names, 1))
    examined = f"{_BITS} GLOBAL IN (SELECT {_BITS} FROM {table} WHERE {SCOPE} AND {some_copy})"
    repeated = " UNION ALL ".join(
        f"SELECT event_id FROM {each} WHERE {SCOPE} AND {examined} GROUP BY event_id HAVING count() > 1"
        for each in dict.fromkeys((table, whole))
    )
    several = "(SELECT arrayJoin(several))"
    return (
        f"WITH (SELECT groupArray(event_id) FROM ({repeated})) AS several"
        f" SELECT {told} FROM {table} WHERE {SCOPE} AND {some_copy} AND event_id GLOBAL NOT IN {several}"
        f" UNION ALL SELECT {told} FROM (SELECT event_id, {elements} FROM ("
        f"SELECT event_id, argMax(tuple({', '.join(names)}), {IN_FORCE}) AS copy FROM {whole}"
        f" WHERE {SCOPE} AND event_id GLOBAL IN {several} GROUP BY event_id)) WHERE {wanted}"
    )
