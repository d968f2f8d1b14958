"""What findings are made of, read from the store: of a few applications within a time range, each table by its key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from queries.bindings import ACTIVATED, BINDING_COLUMNS, GROUP_DELETED
from queries.bound import bindings_of, bound_at
from queries.finding import App
from queries.folding import Row
from queries.mass_changes import LITTLE, History
from queries.pieces import IDS_AT_ONCE, pieces
from queries.selection import IN_FORCE
from queries.step import COLUMNS
from queries.store import BULK_LIMITS, Limits, Store
from queries.trial import perhaps_tests
from schemas.times import EARLIEST, to_microseconds

APPS_AT_ONCE: Final = 20
SUBJECTS_AT_ONCE: Final = 200
LIMITS: Final = Limits(seconds=60, rows=200_000)
"""Rows of `APPS_AT_ONCE` applications; a question that needs more is refused, and has to be narrowed: every statement
asks for one row more than it may have, so that the store refuses instead of cutting."""

_ATTEMPT: Final = (
    "event_id, occurred_at, version, fingerprint, time_quality, event_type, kind, action, outcome, subject_id,"
    " application_id, actor_name"
)
_OWN: Final = "organization = {organization:String}"
OF_APPS: Final = f"{_OWN} AND application_id IN {{applications:Array(String)}}"
RANGE: Final = (
    "occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
    " AND occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
)
_BEST: Final = f" ORDER BY event_id, {IN_FORCE} DESC LIMIT 1 BY event_id"
_CLOSING: Final = "(action IN ('deprovision', 'delete') OR kind = 'integration')"

CLOSINGS_SQL: Final = (
    f"SELECT * FROM (SELECT {_ATTEMPT}, '' AS group_id, '' AS group_name FROM attempts_by_application"
    f" WHERE {OF_APPS} AND {RANGE} AND event_id IN"
    f" (SELECT event_id FROM attempts_by_application WHERE {OF_APPS} AND {RANGE} AND {_CLOSING}){_BEST})"
    f" WHERE time_quality = 'ok' AND {_CLOSING} ORDER BY occurred_at, event_id LIMIT {{limit:UInt32}}"
)
"""What was closed, and what configured the integration."""
FIRST: Final = 8
"""More than a test is attempted: whoever is none shows it by then."""
FIRST_SQL: Final = (
    f"SELECT * FROM (SELECT {_ATTEMPT}, '' AS group_id, '' AS group_name FROM events_by_subject"
    f" WHERE {OF_APPS} AND subject_id IN {{subjects:Array(String)}} AND kind IN ('user', 'group') AND {RANGE}{_BEST})"
    " WHERE time_quality = 'ok' AND action != 'lookup' ORDER BY occurred_at, event_id"
    f" LIMIT {FIRST} BY application_id, kind, subject_id LIMIT {{limit:UInt32}}"
)
"""The first attempts on some people and groups, ever until then."""
BEGUN_SQL: Final = (
    "SELECT application_id, min(occurred_at) FROM attempts_by_application"
    f" WHERE {OF_APPS} AND time_quality = 'ok' AND kind != 'integration'"
    " GROUP BY application_id LIMIT {limit:UInt32}"
)
PEOPLE_SQL: Final = (
    f"SELECT uniqExact(subject_id) FROM attempts_by_application WHERE {OF_APPS} AND {RANGE} AND kind = 'user'"
)

_ASSOCIATION: Final = (
    f"{', '.join(BINDING_COLUMNS)}, version, fingerprint, 'other' AS kind, CAST([], 'Array(String)') AS changed"
)
BOUND_SQL: Final = (
    f"SELECT * FROM (SELECT {_ASSOCIATION} FROM associations WHERE {OF_APPS} AND event_type = 'association_change'"
    f" AND occurred_at < fromUnixTimestamp64Micro({{until:Int64}}, 'UTC'){_BEST})"
    " WHERE outcome != 'failure' AND time_quality = 'ok' ORDER BY occurred_at, event_id LIMIT {limit:UInt32}"
)
"""Bindings of groups to applications, ever until then."""
REMOVED_SQL: Final = (
    f"SELECT * FROM (SELECT {_ASSOCIATION} FROM associations WHERE {_OWN} AND application_id = ''"
    f" AND group_id IN {{groups:Array(String)}} AND {RANGE}{_BEST})"
    " WHERE action = 'remove' AND time_quality = 'ok' ORDER BY occurred_at, event_id LIMIT {limit:UInt32}"
)
"""Removals of people from some groups."""
_HISTORY: Final = ", ".join(dict.fromkeys((*COLUMNS, *BINDING_COLUMNS, "version", "fingerprint", "subject_name")))
THEIRS_SQL: Final = (
    f"SELECT {_HISTORY} FROM events_by_subject WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}}"
    f" AND {RANGE} AND event_type != 'sso_auth' LIMIT {{limit:UInt32}}"
)
"""Every copy of what is about some people, groups or applications."""


def read_closings(store: Store, apps: Sequence[App], since: datetime, until: datetime) -> dict[App, list[Row]]:
    """What `mass_changes` is told of, by application of one organization: closing attempts, activations, removals of
    people from groups that were bound to it; of whoever may be an activation's test also what tells."""
    found: dict[str, list[Row]] = defaultdict(list)
    values = values_of(apps, since, until)
    for row in store.query_dicts(CLOSINGS_SQL, values, LIMITS):
        found[row["application_id"]].append(row)
    for row in list(_of_tests(store, apps, until, found)):
        found[row["application_id"]].append(row)
    bound = read_bound(store, apps, until)
    bindings = bindings_of(row for rows in bound.values() for row in rows)
    for row in store.query_dicts(REMOVED_SQL, values | {"groups": sorted(bindings)}, LIMITS) if bindings else ():
        for application in bound_at(bindings[row["group_id"]], row["occurred_at"]):
            found[application].append(row)
    return {app: found[app.application_id] for app in apps}


def _of_tests(store: Store, apps: Sequence[App], until: datetime, found: Mapping[str, list[Row]]) -> Iterator[Row]:
    """Of whoever was closed just after an activation the first attempts, and all activations."""
    perhaps = {application: perhaps_tests(rows) for application, rows in found.items()}
    values = values_of(apps, EARLIEST, until)
    for some in pieces(sorted(set().union(*perhaps.values())), IDS_AT_ONCE):
        yield from store.query_dicts(FIRST_SQL, values | {"subjects": some}, LIMITS)
    tried = [application for application, subjects in perhaps.items() if subjects]
    for rows in read_theirs(store, apps[0].organization, tried, EARLIEST, until):
        yield from (row for row in rows if row["kind"] == "integration")


def read_bound(store: Store, apps: Sequence[App], until: datetime) -> dict[str, list[Row]]:
    """The bindings of groups to these applications, ever until then."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in store.query_dicts(BOUND_SQL, values_of(apps, EARLIEST, until), LIMITS):
        found[row["application_id"]].append(row)
    return found


def read_history(store: Store, app: App, since: datetime) -> History:
    """What the application is measured by, in what is read from `since` on."""
    begun = begins(store, [app]).get(app.application_id, since)
    if begun < since:
        return History(begun, 0)
    ((people,),) = store.query(PEOPLE_SQL, values_of([app], begun, begun + LITTLE))
    return History(begun, people)


def begins(store: Store, apps: Sequence[App]) -> Mapping[str, datetime]:
    """When each was first attempted."""
    return dict(store.query(BEGUN_SQL, values_of(apps, EARLIEST, EARLIEST)))


def read_theirs(
    store: Store, organization: str, subjects: Sequence[str], since: datetime, until: datetime
) -> Iterable[list[Row]]:
    """All events of some people, groups or applications, of so many at once."""
    for some in pieces(subjects, SUBJECTS_AT_ONCE):
        values: dict[str, Any] = {
            "organization": organization,
            "subjects": list(some),
            "since": to_microseconds(since),
            "until": to_microseconds(until),
            "limit": BULK_LIMITS.rows + 1,
        }
        yield store.query_dicts(THEIRS_SQL, values, BULK_LIMITS)


def read_acts(store: Store, app: App, subjects: Sequence[str], since: datetime, until: datetime) -> list[Row]:
    """What may have set a burst off: see `set_off`."""
    bound = read_bound(store, [app], until)[app.application_id]
    groups = sorted({row["group_id"] for row in bound})
    acts = list(bound)
    for rows in read_theirs(store, app.organization, [app.application_id, *groups], since, until):
        acts += [row for row in rows if row["kind"] == "integration" or row["event_type"] == GROUP_DELETED]
    for rows in read_theirs(store, app.organization, subjects, since, until):
        acts += [row for row in rows if row["kind"] == "other"]
    return [row for row in acts if row["event_type"] != ACTIVATED]


def values_of(apps: Sequence[App], since: datetime, until: datetime) -> dict[str, Any]:
    """The parameters of a statement about some applications of one organization."""
    return {
        "organization": apps[0].organization,
        "applications": [app.application_id for app in apps],
        "since": to_microseconds(since),
        "until": to_microseconds(until),
        "limit": LIMITS.rows + 1,
    }
