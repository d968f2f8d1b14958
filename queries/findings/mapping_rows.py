"""Reads the rows that findings about mappings and groups are made of: everybody's last attempts, not all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from queries.accounts.folding import Row, in_force
from queries.events import stored_event
from queries.findings.finding import App
from queries.findings.mappings import Left, Remap, empties, remaps_of
from queries.findings.rows import LIMITS, OF_APPS, RANGE, read_theirs, values_of
from queries.pieces import IDS_AT_ONCE, pieces
from queries.selection import IN_FORCE
from queries.store import Store
from schemas.action import CLOSINGS, PUSHES
from schemas.parts import Change
from schemas.sent import fields_for
from schemas.times import EARLIEST, to_microseconds

_OF_APP: Final = "organization = {organization:String} AND application_id = {application:String}"
_BEFORE: Final = "occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
_KEY: Final = "organization, application_id, occurred_at, event_id"
_CLOSES: Final = f"action IN {CLOSINGS}"
_ATTEMPTED: Final = f"subject_id GLOBAL IN (SELECT subject_id FROM attempts_by_application WHERE {_OF_APP} AND kind ="
_USERS: Final = f"{_ATTEMPTED} 'user')"
_GROUPS: Final = f"{_ATTEMPTED} 'group')"
_TOOK_EFFECT: Final = (
    f"time_quality = 'ok' AND (({_CLOSES} AND outcome IN ('success', 'reported_absent'))"
    f" OR (action IN {PUSHES} AND outcome = 'success'))"
)

REMAPS_SQL: Final = (
    f"SELECT event_id, occurred_at FROM attempts_by_application WHERE {OF_APPS} AND {RANGE}"
    " AND time_quality = 'ok' AND event_type = 'idm_integration_update' AND outcome = 'success'"
    " LIMIT {limit:UInt32}"
)
RAW_SQL: Final = (
    "SELECT event_id, occurred_at, version, fingerprint, event_type, outcome, application_id, actor_name, raw,"
    " schema_version FROM events WHERE organization = {organization:String} AND occurred_at IN"
    " (SELECT arrayJoin(arrayMap(at -> fromUnixTimestamp64Micro(at, 'UTC'), {times:Array(Int64)})))"
    " AND event_id IN {events:Array(UUID)} LIMIT {limit:UInt32}"
)


def _pushed(*states: str) -> str:
    return (
        "(event_id, version, fingerprint) GLOBAL IN (SELECT event_id, version, fingerprint FROM account_turns"
        f" WHERE {_OF_APP} AND {_USERS} AND {_BEFORE} AND kind = 'user' AND action IN {PUSHES}"
        f" AND account_state IN [{', '.join(map(repr, states))}])"
    )


LAST_SQL: Final = (
    "SELECT event_id, occurred_at, version, fingerprint, time_quality, kind, action, outcome, subject_id,"
    f" multiIf({_pushed('inactive', 'deleted')}, 'inactive', {_pushed('active')}, 'active', '') AS account_state,"
    " CAST([], 'Array(String)') AS changed FROM"
    f" (SELECT * FROM attempts_by_application WHERE {_OF_APP} AND {_BEFORE} AND kind = 'user'"
    f" ORDER BY {_KEY}, {IN_FORCE} DESC LIMIT 1 BY {_KEY})"
    f" WHERE {_TOOK_EFFECT}"
    f" ORDER BY occurred_at DESC, UUIDToNum(event_id) DESC LIMIT 1 BY subject_id, action, outcome, account_state"
    " LIMIT {limit:UInt32}"
)
"""Selects everybody's last accepted attempt of each sort, and of pushes the last one per account state."""
_NAMED: Final = "arrayFilter(name -> has({fields:Array(String)}, lower(name)), changed)"
VALUES_SQL: Final = (
    "SELECT event_id, occurred_at, version, fingerprint, time_quality, kind, action, outcome, subject_id,"
    " account_state, changed FROM (SELECT * FROM events_by_subject WHERE organization = {organization:String}"
    f" AND {_USERS} AND application_id = {{application:String}} AND {_BEFORE}"
    f" ORDER BY organization, subject_id, occurred_at, event_id, {IN_FORCE} DESC"
    " LIMIT 1 BY organization, subject_id, occurred_at, event_id)"
    f" WHERE kind = 'user' AND {_TOOK_EFFECT}"
    " ORDER BY occurred_at DESC, UUIDToNum(event_id) DESC"
    f" LIMIT 1 BY subject_id, action, outcome, account_state, {_NAMED} LIMIT {{limit:UInt32}}"
)
"""Like `LAST_SQL`, plus everybody's last accepted push of each combination of some attributes."""
NAMING_SQL: Final = (
    f"SELECT DISTINCT application_id FROM attempts_by_application WHERE {OF_APPS} AND {RANGE}"
    f" AND time_quality = 'ok' AND kind = 'group' AND action IN {PUSHES} AND outcome = 'success' LIMIT {{limit:UInt32}}"
)
GROUPS_SQL: Final = (
    "SELECT event_id, occurred_at, version, fingerprint, time_quality, event_type, kind, action, outcome, http_status,"
    " subject_id, subject_name FROM (SELECT *, lagInFrame((toString(action), subject_name)) OVER"
    " (PARTITION BY subject_id ORDER BY occurred_at, UUIDToNum(event_id)) AS last"
    " FROM (SELECT * FROM events_by_subject WHERE organization = {organization:String}"
    f" AND {_GROUPS} AND application_id = {{application:String}} AND {_BEFORE}"
    f" ORDER BY organization, subject_id, occurred_at, event_id, {IN_FORCE} DESC"
    " LIMIT 1 BY organization, subject_id, occurred_at, event_id)"
    f" WHERE kind = 'group' AND {_TOOK_EFFECT})"
    " WHERE action != 'update' OR (toString(action), subject_name) != last LIMIT {limit:UInt32}"
)
"""Selects creations and deletions of groups, and of updates in a row that give the same name the first one."""


def read_remaps(store: Store, apps: Sequence[App], since: datetime, until: datetime) -> dict[str, list[Remap]]:
    """Return changes of mappings that began within the range, in order, by application of one organization."""
    values = values_of(apps, since, until)
    changes = store.query(REMAPS_SQL, values, LIMITS)
    if not changes:
        return {}
    values |= {
        "events": [str(event_id) for event_id, _ in changes],
        "times": [to_microseconds(at) for _, at in changes],
    }
    rows = [row for row in in_force(store.query_dicts(RAW_SQL, values, LIMITS)) if row["outcome"] == "success"]
    found: dict[str, list[Remap]] = defaultdict(list)
    by_event = {row["event_id"]: row["application_id"] for row in rows}
    for remap in remaps_of((row, _changes(row)) for row in rows):
        found[by_event[remap.event_id]].append(remap)
    return found


def _changes(row: Row) -> Iterable[Change]:
    return stored_event(row).changes or ()


def read_last(store: Store, app: App, until: datetime) -> list[Row]:
    """Return the rows that `stale_people` needs."""
    return store.query_dicts(LAST_SQL, _values(app, until), LIMITS)


def read_values(store: Store, app: App, remaps: Iterable[Remap], until: datetime) -> list[Row]:
    """Return the rows that `left_behind` needs."""
    fields = {field for remap in remaps for attribute in remap.removed for field in fields_for(attribute)}
    return store.query_dicts(VALUES_SQL, _values(app, until) | {"fields": sorted(fields)}, LIMITS)


def not_emptied(store: Store, app: App, left: Iterable[Left]) -> list[Left]:
    """Return those whose last push did not empty the attribute, which only its own bytes say."""
    by_event: dict[UUID, list[Left]] = defaultdict(list)
    for one in left:
        by_event[one.event_id].append(one)
    kept: list[Left] = []
    for some in pieces(list(by_event), IDS_AT_ONCE):
        values = {
            "organization": app.organization,
            "events": list(map(str, some)),
            "times": [to_microseconds(by_event[own][0].at) for own in some],
            "limit": LIMITS.rows + 1,
        }
        for row in in_force(store.query_dicts(RAW_SQL, values, LIMITS)):
            event = stored_event(row)
            kept += [one for one in by_event[row["event_id"]] if not empties(event, one.attribute)]
    return kept


def read_groups(store: Store, apps: Sequence[App], since: datetime, until: datetime) -> Iterator[tuple[App, list[Row]]]:
    """Yield the rows that `twice_groups` needs, for applications in which groups were created or updated within the
    range."""
    values = values_of(apps, since, until)
    naming = {application for (application,) in store.query(NAMING_SQL, values, LIMITS)}
    for app in apps:
        if app.application_id in naming:
            rows = store.query_dicts(GROUPS_SQL, _values(app, until), LIMITS)
            for own in read_theirs(store, app.organization, [app.application_id], EARLIEST, until):
                rows += [row for row in own if row["kind"] == "integration"]
            yield app, rows


def _values(app: App, until: datetime) -> dict[str, Any]:
    return {
        "organization": app.organization,
        "application": app.application_id,
        "until": to_microseconds(until),
        "limit": LIMITS.rows + 1,
    }
