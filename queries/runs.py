"""The SQL that reads an application's failures with the success that ended each. Pure.

An attempt is what the copy in force says, of its copies at one application. Parameters: `organizations` and
`applications`, side by side; `ids` (hexadecimal; with `SOME`); `begin` (microseconds); and the causes that end
with any success of the integration (`of_all`) or of the same event type (`of_type`).
"""

from __future__ import annotations

from typing import Final

SOME: Final = "incident_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))"
EVERY: Final = "incident_id != toFixedString('', 16)"

_OURS: Final = (
    "(organization, application_id) IN"
    " (SELECT arrayJoin(arrayZip({organizations:Array(String)}, {applications:Array(String)})))"
    " AND time_quality = 'ok'"
)
_LATER: Final = f"{_OURS} AND occurred_at >= fromUnixTimestamp64Micro({{begin:Int64}}, 'UTC')"


def _in_force(columns: str, within: str, wanted: str) -> str:
    """The events of which some copy is wanted, as the copy in force has them."""
    told = ", ".join(f"tupleElement(copy, {place}) AS {name}" for place, name in enumerate(columns.split(", "), 1))
    return (
        f"SELECT organization, application_id, event_id, {told} FROM ("
        f"SELECT organization, application_id, event_id, argMax(tuple({columns}), tuple(version, fingerprint)) AS copy"
        f" FROM attempts_by_application WHERE {within} AND event_id GLOBAL IN ("
        f"SELECT event_id FROM attempts_by_application WHERE {within} AND {wanted})"
        f" GROUP BY organization, application_id, event_id) WHERE {wanted}"
    )


_FAILED: Final = (
    "occurred_at, application_name, incident_id, kind, event_type, subject_id, cause, attribute, detail, http_status"
)
_ACCEPTED: Final = "occurred_at, kind, event_type, subject_id, action, outcome"
_CHANGED: Final = "occurred_at, kind, event_type, actor_name"
_APPLICATION: Final = "concat(organization, '\\n', application_id, '\\n')"
_SCOPE: Final = (
    f"concat({_APPLICATION}, multiIf(cause IN {{of_all:Array(String)}}, '',"
    " cause IN {of_type:Array(String)}, concat('t', event_type), concat('s', kind, subject_id)))"
)
_ENDED_SCOPES: Final = (
    f"arrayMap(own -> concat({_APPLICATION}, own), ['', concat('t', event_type), concat('s', kind, subject_id)])"
)


def begin_sql(wanted: str) -> str:
    """One row: the store's clock, the first failure (both in microseconds), how many copies of failures."""
    return (
        "SELECT toUnixTimestamp64Micro(now64(6)), toUnixTimestamp64Micro(min(occurred_at)), count()"
        f" FROM attempts_by_application WHERE {_OURS} AND {wanted}"
    )


def runs_sql(wanted: str) -> str:
    """One row for each subject of an incident and each success (or none) that ended failures of it."""
    accepted = _in_force(_ACCEPTED, _LATER, "outcome = 'success'")
    return (
        f"WITH failed AS (SELECT *, {_SCOPE} AS scope, toUnixTimestamp64Micro(occurred_at) AS at"
        f" FROM ({_in_force(_FAILED, _OURS, wanted)})),"
        f" accepted AS (SELECT *, toUnixTimestamp64Micro(occurred_at) AS at FROM ({accepted})),"
        " ends AS (SELECT scope, at, min(event_id) AS event_id FROM ("
        f"SELECT arrayJoin({_ENDED_SCOPES}) AS scope, at, event_id FROM accepted WHERE kind != 'integration'"
        # Where an integration was deleted nothing can fail any more.
        " UNION ALL SELECT scope, at, event_id"
        " FROM (SELECT DISTINCT organization, application_id, scope FROM failed) AS hurt"
        " INNER JOIN (SELECT organization, application_id, at, event_id FROM accepted"
        " WHERE kind = 'integration' AND action = 'delete') AS gone USING (organization, application_id))"
        " WHERE scope GLOBAL IN (SELECT scope FROM failed) GROUP BY scope, at)"
        " SELECT organization, application_id, failed.incident_id, failed.subject_id, failed.kind, count() AS attempts,"
        " min(failed.at) AS first_at, max(failed.at) AS last_at,"
        " UUIDStringToNum(toString(argMin(failed.event_id, tuple(failed.at, failed.event_id)))) AS first_event,"
        " UUIDStringToNum(toString(argMax(failed.event_id, tuple(failed.at, failed.event_id)))) AS last_event,"
        " ends.at AS ended_at, UUIDStringToNum(toString(any(ends.event_id))) AS ended_by,"
        " argMax(tuple(detail, http_status, application_name, cause, attribute),"
        " tuple(failed.at, failed.event_id)) AS said"
        " FROM failed ASOF LEFT JOIN ends ON failed.scope = ends.scope AND failed.at < ends.at"
        " GROUP BY organization, application_id, incident_id, subject_id, kind, ended_at"
    )


def changes_sql() -> str:
    """The events of the integrations' configuration."""
    changed = _in_force(_CHANGED, _OURS, "kind = 'integration'")
    return (
        "SELECT organization, application_id, toUnixTimestamp64Micro(occurred_at),"
        " UUIDStringToNum(toString(event_id)), event_type, actor_name"
        f" FROM ({changed})"
    )
