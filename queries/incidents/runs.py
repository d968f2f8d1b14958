"""SQL that reads an application's failures with the success that ended each. Pure.

An attempt is what the copy in force says, among its copies at one application. If that copy has no believable time, the
attempt does not count; nor does it if only copies of ways open to many name the application, and a better one does not.
Parameters: the applications (`ours`), each with its organization; `ids` (hexadecimal; with `SOME`); `begin`
(microseconds); and those of `queries.incidents.ends` and `queries.copies`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from queries.copies import DOUBTFUL, better_ways, elsewhere_sql, in_force_sql
from queries.incidents.ends import DELETED, FAILURE_SCOPE, MOMENT, OWN_SCOPE, SUCCESS_SCOPES, end_parameters
from queries.store import Store

SOME: Final = "incident_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))"
EVERY: Final = "incident_id != toFixedString('', 16)"

_OURS: Final = "(organization, application_id) IN {ours:Array(Tuple(String, String))}"
_PLACED: Final = f"{_OURS} AND time_quality = 'ok'"
"""Copies that may count, if they are in force: a copy without a time may be in force before them."""
_LATER: Final = "occurred_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')"
_TWICE: Final = f"SELECT event_id FROM attempts_by_application WHERE {_OURS} GROUP BY event_id HAVING count() > 1"


def _in_force(columns: str, ids: str, wanted: str, here: str) -> str:
    """Return the SQL of the events with these ids that satisfy `wanted` by their copy in force and count `here`."""
    return f"SELECT * FROM ({in_force_sql(columns, _OURS, f'({ids})', wanted)}) WHERE {here}"


def _here(some: str) -> str:
    """Return the condition that an event counts at its application, for events with a copy that satisfies `some`."""
    return f"(application_id, event_id) GLOBAL NOT IN ({elsewhere_sql(f'{_OURS} AND ({some})')})"


_FAILED: Final = (
    "occurred_at, application_name, incident_id, kind, event_type, action, account_state, subject_id, cause, attribute,"
    " detail, http_status"
)
_ACCEPTED: Final = "occurred_at, kind, event_type, action, account_state, subject_id, outcome"
_AT: Final = "toUnixTimestamp64Micro(occurred_at)"
_EVENT: Final = "UUIDToNum(event_id)"
_OF_INTEGRATION: Final = "kind = 'integration'"
_CHANGED: Final = "occurred_at, kind, event_type, action, outcome, actor_name"


def run_parameters(
    store: Store, applications: Collection[tuple[str, str]], ids: Collection[bytes] | None = None
) -> dict[str, object]:
    """Return the parameters of all statements here except `begin` and `events`.

    For applications, given as (organization, id), and with `SOME` for these incidents.
    """
    organizations = {organization for organization, _ in applications}
    values: dict[str, object] = {"ours": list(applications), **end_parameters(store, organizations)}
    values |= better_ways(store, organizations)
    return values if ids is None else values | {"ids": sorted(one.hex() for one in ids)}


def begin_sql(wanted: str) -> str:
    """Return the SQL of one row: the store's clock and the first failure, in microseconds, and the number of failure
    copies."""
    return (
        "SELECT toUnixTimestamp64Micro(now64(6)), toUnixTimestamp64Micro(min(occurred_at)), count()"
        f" FROM attempts_by_application WHERE {_PLACED} AND {wanted}"
    )


def runs_sql(wanted: str, *, own: bool = False) -> str:
    """Return the SQL of one row per subject of an incident and per success (or none) that ended its failures.

    With `own`, only a success of the same person or group ends them, whatever the cause, and no deletion does.
    """
    scope = OWN_SCOPE if own else FAILURE_SCOPE
    some_copy = f"SELECT event_id FROM attempts_by_application WHERE {_PLACED} AND {wanted}"
    accepted = f"{_LATER} AND outcome = 'success'"
    here = _here(f"{wanted} OR {_LATER}")
    deleted = (
        f" UNION ALL SELECT scope, {MOMENT} AS moment, {_AT} AS at, {_EVENT} AS event"
        f" FROM (SELECT DISTINCT organization, application_id, {scope} AS scope FROM attempts_by_application"
        f" WHERE {_PLACED} AND {wanted}) AS hurt"
        f" INNER JOIN ({_changed(DELETED)}) AS gone USING (organization, application_id)"
    )
    return (
        f"WITH failed AS (SELECT *, {scope} AS scope, {MOMENT} AS moment"
        f" FROM ({_in_force(_FAILED, some_copy, wanted, here)})),"
        # Nearly every event has one copy: examining only those with more takes a tenth of the time.
        " accepted AS ("
        f"SELECT organization, application_id, event_id, {_ACCEPTED} FROM attempts_by_application"
        f" WHERE {_PLACED} AND {accepted} AND event_id GLOBAL NOT IN ({_TWICE}) AND {here}"
        f" UNION ALL {_in_force(_ACCEPTED, _TWICE, accepted, here)}),"
        " ends AS (SELECT scope, moment, at, event FROM ("
        f"SELECT arrayJoin({SUCCESS_SCOPES}) AS scope, {MOMENT} AS moment, {_AT} AS at, {_EVENT} AS event FROM accepted"
        f"{'' if own else deleted})"
        f" WHERE scope GLOBAL IN (SELECT {scope} FROM attempts_by_application WHERE {_PLACED} AND {wanted}))"
        " SELECT organization, application_id, failed.incident_id, failed.subject_id, failed.kind, count() AS attempts,"
        f" min({_AT}) AS first_at, max({_AT}) AS last_at,"
        f" argMin({_EVENT}, failed.moment) AS first_event, argMax({_EVENT}, failed.moment) AS last_event,"
        " ends.at AS ended_at, ends.event AS ended_by,"
        " argMax(tuple(detail, http_status, application_name, cause, attribute), failed.moment) AS said"
        " FROM failed ASOF LEFT JOIN ends ON failed.scope = ends.scope AND failed.moment < ends.moment"
        " GROUP BY organization, application_id, incident_id, subject_id, kind, ended_at, ended_by"
    )


def copies_sql() -> str:
    """Return the SQL of the copies of `events` whose copies differ in what incidents need, one row per copy.

    Doubtful copies at other applications are among them: such an event may have counted there so far.
    """
    columns = (
        "organization, application_id, event_id, incident_id, kind, subject_id, outcome,"
        " toUnixTimestamp64Micro(occurred_at) AS at"
    )
    copies = f"SELECT {columns} FROM attempts_by_application WHERE event_id IN {{events:Array(UUID)}}"
    others = f"{DOUBTFUL} AND NOT {_OURS}"
    return (
        f"SELECT {_EVENT}, organization, application_id, tupleElement(arrayJoin(copies) AS copy, 1),"
        f" {', '.join(f'tupleElement(copy, {place})' for place in range(2, 6))}"
        f" FROM (SELECT organization, application_id, event_id, {_OURS} AS own, groupUniqArray(tuple("
        "incident_id, kind, subject_id, outcome = 'success', at)) AS copies"
        f" FROM ({copies} AND {_OURS} UNION ALL {copies} AND {others})"
        " GROUP BY organization, application_id, event_id HAVING length(copies) > 1 OR NOT own)"
    )


def changes_sql() -> str:
    """Return the SQL of the events that configure the integrations."""
    return (
        f"SELECT organization, application_id, {_AT}, {_EVENT}, event_type, actor_name"
        f" FROM ({_changed(_OF_INTEGRATION)})"
    )


def _changed(wanted: str) -> str:
    some_copy = f"SELECT event_id FROM attempts_by_application WHERE {_PLACED} AND {wanted}"
    return _in_force(_CHANGED, some_copy, wanted, _here(_OF_INTEGRATION))
