"""Reads incidents and their states. An incident groups failures of one application, cause, attribute and text; the
streams fold them.

A state depends on the time of the question, so it is computed when read and never stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

import pyarrow as pa

from queries.arrow import INCIDENTS_ARROW_SCHEMA
from queries.cursor import Cursor, decode_cursor, encode_cursor, question_of
from queries.incidents.runs import SOME, run_parameters, runs_sql
from queries.scope import SCOPE, scoped
from queries.selection import Selection
from queries.store import Store
from schemas.cause import CAUSES, Cause
from schemas.errors import Ambiguous, NotFound
from schemas.signature import NONE
from schemas.times import LATEST, SENTINEL, to_microseconds

Row = dict[str, Any]

QUIET: Final = timedelta(hours=24)
"""Directories retry within minutes or hours: after a day without a failure, nobody is trying any more."""
MAX_CANDIDATES: Final = 5


class IncidentState(StrEnum):
    """The state of an incident."""

    OPEN = "open"
    REGRESSED = "regressed"
    """Open again after it had ended."""
    QUIET = "quiet"
    """It has not ended, and nothing was tried since."""
    RESOLVED = "resolved"


def state_of(row: Mapping[str, Any], now: datetime) -> IncidentState:
    """Return the state of a row as `incident_object` takes it."""
    if _has_ended(row, now):
        return IncidentState.RESOLVED
    if now - _time(row["last_at"]) >= QUIET:
        return IncidentState.QUIET
    return IncidentState.REGRESSED if row["episodes"] > 1 else IncidentState.OPEN


def _has_ended(row: Mapping[str, Any], now: datetime) -> bool:
    return SENTINEL < _time(row["ended_at"]) <= now


def incident_text(incident_id: bytes) -> str | None:
    """Return an incident's id as text; None for `NONE`."""
    return None if incident_id == NONE else incident_id.hex()


def incident_object(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return a row of `incidents` as the JSON object that the API and the topic show.

    `row` has the columns of the table, as the store returns them or as its Arrow batch takes them: times aware or in
    microseconds since 1970, ids as UUID or bytes. Take it from `as_of` for the number of those still affected.
    """
    text = CAUSES[Cause(row["cause"] or Cause.UNKNOWN)]
    ended = _has_ended(row, now)
    change_event = _event(row["change_event"])
    return {
        "incident_id": bytes(row["incident_id"]).hex(),
        "organization": row["organization"],
        "application_id": row["application_id"],
        "application": row["application_name"],
        "cause": row["cause"],
        "attribute": row["attribute"],
        "detail": row["detail"],
        "http_status": row["http_status"],
        "state": state_of(row, now).value,
        "attempts": row["attempts"],
        "people": row["people"],
        "groups": row["groups"],
        "affected": row["affected"],
        "first_at": _stamp(row["first_at"]),
        "last_at": _stamp(row["last_at"]),
        "first_event": _event(row["first_event"]),
        "last_event": _event(row["last_event"]),
        "episodes": row["episodes"],
        "since": _stamp(row["since"]),
        "ended_at": _stamp(row["ended_at"]) if ended else None,
        "ended_by": _event(row["ended_by"]) if ended else None,
        "change": change_event
        and {
            "event_id": change_event,
            "event_type": row["change_type"],
            "at": _stamp(row["change_at"]),
            "actor": row["change_actor"],
        },
        "sentence": text.sentence,
        "remedy": text.remedy,
        "retryable": text.retryable,
    }


def _time(at: datetime | int) -> datetime:
    return at if isinstance(at, datetime) else SENTINEL + timedelta(microseconds=at)


def _stamp(at: datetime | int) -> str:
    return _time(at).isoformat().replace("+00:00", "Z")


def _event(event_id: UUID | bytes) -> str | None:
    found = event_id if isinstance(event_id, UUID) else UUID(bytes=bytes(event_id))
    return str(found) if found.int else None


@dataclass(frozen=True, slots=True)
class Incidents:
    """Selects incidents. All given conditions must hold; a list matches any of its values."""

    organization: str | None
    """None selects every organization, for tokens that may see all of them."""
    since: datetime
    until: datetime
    asked: str = ""
    """The range as the caller wrote it. A cursor is bound to it, since the clock moves on between pages."""
    failing: bool = False
    """Selects only incidents that failed in the range; otherwise those that go on count as well."""
    states: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    application: str = ""
    """Id or name."""
    subject: str = ""
    """Id, user name or mail address of somebody whose attempts failed."""

    def failed(self) -> Selection:
        """Return the selection of the subject's failures at any time."""
        return Selection(
            self.organization, SENTINEL, LATEST, subject=self.subject, outcomes=("failure",), causes=self.causes
        )

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of all conditions."""
        values = self.failed().parameters() | {"states": list(self.states), "application": self.application}
        return values | {"begin": to_microseconds(self.since), "end": to_microseconds(self.until)}


class Page(NamedTuple):
    """A page of incidents as JSON objects, and the cursor of the next page; None on the last page."""

    items: list[Row]
    next: str | None


COLUMNS: Final = tuple(name for name in INCIDENTS_ARROW_SCHEMA.names if name != "folded_at")
"""The columns of the table, except the one that orders its versions."""
_LIST: Final = ", ".join(COLUMNS)
_EPOCH: Final = "toDateTime64(0, 6, 'UTC')"
_ENDED: Final = f"(ended_at > {_EPOCH} AND ended_at <= fromUnixTimestamp64Micro({{now:Int64}}, 'UTC'))"
_STATE: Final = (
    f"multiIf({_ENDED}, 'resolved', last_at <= fromUnixTimestamp64Micro({{quiet:Int64}}, 'UTC'), 'quiet',"
    " episodes > 1, 'regressed', 'open')"
)
_RANK: Final = "multiIf(state = 'resolved', 2, state = 'quiet', 1, 0)"


def incidents_sql(chosen: Incidents, *, after: bool) -> str:
    """Return the SQL of a page of incidents: ongoing before quiet before ended, in each the newest trouble first."""
    still = "0" if chosen.failing else f"NOT {_ENDED}"
    where = [
        SCOPE,
        "attempts > 0",
        "first_at < fromUnixTimestamp64Micro({end:Int64}, 'UTC')",
        f"(last_at >= fromUnixTimestamp64Micro({{begin:Int64}}, 'UTC') OR {still})",
    ]
    if chosen.states:
        where.append("state IN {states:Array(String)}")
    if chosen.causes:
        where.append("cause IN {causes:Array(String)}")
    if chosen.application:
        where.append(
            "(application_id = {application:String} OR lowerUTF8(application_name) = lowerUTF8({application:String}))"
        )
    if chosen.subject:
        failed = chosen.failed().in_force_sql(("incident_id",), "attempts_by_application")
        where.append(f"incident_id GLOBAL IN (SELECT incident_id FROM ({failed}))")
    if after:
        where.append(
            "(rank > {after_rank:UInt8} OR rank = {after_rank:UInt8} AND (since, id)"
            " < (fromUnixTimestamp64Micro({after_at:Int64}, 'UTC'), {after_id:String}))"
        )
    return (
        f"SELECT {_LIST}, {_STATE} AS state, {_RANK} AS rank, lower(hex(incident_id)) AS id"
        f" FROM incidents FINAL WHERE {' AND '.join(where)} ORDER BY rank, since DESC, id DESC LIMIT {{limit:UInt32}}"
    )


def list_incidents(store: Store, chosen: Incidents, now: datetime, cursor: str | None = None, limit: int = 100) -> Page:
    """Return a page of at most `limit` incidents. Raises `BadUsage` for a cursor of another question.

    Later pages keep the `now` of the first, so that no incident is repeated because it became quiet meanwhile. One that
    fails or ends meanwhile may be repeated.
    """
    question = question_of(chosen)
    after = decode_cursor(cursor, question) if cursor else None
    place: dict[str, Any] = {}
    if after is not None:
        chosen, now = replace(chosen, since=after.since, until=after.until), after.now
        place = {"after_at": to_microseconds(after.at), "after_id": after.id.hex, "after_rank": after.rank}
    rows = store.query_dicts(
        incidents_sql(chosen, after=after is not None),
        chosen.parameters()
        | place
        | {"now": to_microseconds(now), "quiet": to_microseconds(now - QUIET), "limit": limit + 1},
    )
    items = [incident_object(row, now) for row in as_of(store, rows[:limit], now)]
    if len(rows) <= limit:
        return Page(items, None)
    last = rows[limit - 1]
    until = Cursor(last["since"], UUID(last["id"]), chosen.since, chosen.until, now, last["rank"])
    return Page(items, encode_cursor(until, question))


_AFFECTED: Final = (
    f"SELECT run.incident_id, uniqExact(run.kind, run.subject_id) FROM ({runs_sql(SOME)}) AS run"
    " WHERE run.ended_at = 0 OR run.ended_at > {now:Int64} GROUP BY run.incident_id"
)


def as_of(store: Store, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]]:
    """Return rows of `incidents` with the people and groups that are affected at `now`.

    Timestamps may be ahead of the clock. The rows count every success; one that is still to come has ended nothing.
    """
    ahead = [row for row in rows if _time(row["ended_at"]) > now]
    if not ahead:
        return list(rows)
    applications = {(row["organization"], row["application_id"]) for row in ahead}
    values = run_parameters(store, sorted(applications), {bytes(row["incident_id"]) for row in ahead})
    values |= {"begin": min(to_microseconds(_time(row["first_at"])) for row in ahead), "now": to_microseconds(now)}
    affected = {bytes(incident): count for incident, count in store.query(_AFFECTED, values)}
    return [{**row, "affected": affected.get(bytes(row["incident_id"]), row["affected"])} for row in rows]


ONE: Final = (
    f"SELECT {_LIST} FROM incidents FINAL WHERE {SCOPE} AND attempts > 0"
    f" AND startsWith(lower(hex(incident_id)), {{beginning:String}}) ORDER BY incident_id LIMIT {MAX_CANDIDATES}"
)
"""Selects incidents whose id begins with a given text."""


def find_incident(store: Store, organization: str | None, beginning: str) -> Row:
    """Return the row of the incident whose id begins with `beginning`. Raises `Ambiguous` and `NotFound`, also
    for another organization's incident."""
    rows = store.query_dicts(ONE, {**scoped(organization), "beginning": beginning.lower()})
    if not rows:
        raise NotFound(f"no incident {beginning[:32]}")
    if len(rows) > 1:
        candidates = [bytes(row["incident_id"]).hex() for row in rows]
        raise Ambiguous(f"several incidents begin with {beginning[:32]!r}: {', '.join(candidates)}", candidates)
    return rows[0]


def stored_sql(ids: str) -> str:
    """Return the SQL of incidents of organizations folded since a time, as their Arrow batch takes them.

    `ids` is the condition on the id, `EVERY` or `SOME`.
    """
    columns = ", ".join(map(_as_written, INCIDENTS_ARROW_SCHEMA))
    return (
        f"SELECT {columns} FROM incidents FINAL WHERE organization IN {{organizations:Array(String)}}"
        f" AND folded_at >= {{folded_since:Int64}} AND {ids}"
    )


def _as_written(column: pa.Field[Any]) -> str:
    if pa.types.is_timestamp(column.type):
        return f"toUnixTimestamp64Micro({column.name})"
    if pa.types.is_fixed_size_binary(column.type) and column.name != "incident_id":  # it is bytes in both
        return f"UUIDStringToNum(toString({column.name}))"
    return column.name
