"""Reads the rows that findings are made of: for a few applications within a time range, each table by its key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from queries.accounts.because import TAKE_BACK
from queries.accounts.bindings import ACTIVATED, BINDING_COLUMNS, GROUP_DELETED
from queries.accounts.bound import Bound, bindings_of, bound_at
from queries.accounts.folding import Row
from queries.accounts.step import COLUMNS
from queries.accounts.trial import perhaps_tests
from queries.findings.changed import tried_again
from queries.findings.finding import App
from queries.findings.mass_changes import LITTLE, History
from queries.pieces import IDS_AT_ONCE, pieces
from queries.selection import IN_FORCE
from queries.store import BULK_LIMITS, Limits, Store
from schemas.action import CLOSINGS
from schemas.association import ASSOCIATION_CHANGE
from schemas.times import EARLIEST, to_microseconds

APPS_AT_ONCE: Final = 20
SUBJECTS_AT_ONCE: Final = 200
LIMITS: Final = Limits(seconds=60, rows=200_000)
"""Limits on `APPS_AT_ONCE` applications. A larger question is refused and must be narrowed. Each statement asks for one
row more than allowed, so that the store refuses instead of truncating."""

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
_CLOSING: Final = f"(action IN {CLOSINGS} OR kind = 'integration')"

CLOSINGS_SQL: Final = (
    f"SELECT * FROM (SELECT {_ATTEMPT}, '' AS account_state, '' AS group_id, '' AS group_name"
    f" FROM attempts_by_application"
    f" WHERE {OF_APPS} AND {RANGE} AND event_id IN"
    f" (SELECT event_id FROM attempts_by_application WHERE {OF_APPS} AND {RANGE} AND {_CLOSING}){_BEST})"
    f" WHERE time_quality = 'ok' AND {_CLOSING} ORDER BY occurred_at, event_id LIMIT {{limit:UInt32}}"
)
"""Selects closing attempts and what configured the integration."""
FIRST: Final = 8
"""More attempts than the test of an activation has. A subject that is no test shows it by then."""
FIRST_SQL: Final = (
    f"SELECT * FROM (SELECT {_ATTEMPT}, account_state, '' AS group_id, '' AS group_name FROM events_by_subject"
    f" WHERE {OF_APPS} AND subject_id IN {{subjects:Array(String)}} AND kind IN ('user', 'group') AND {RANGE}{_BEST})"
    " WHERE time_quality = 'ok' AND action != 'lookup' ORDER BY occurred_at, event_id"
    f" LIMIT {FIRST} BY application_id, kind, subject_id LIMIT {{limit:UInt32}}"
)
"""Selects the first attempts on some people and groups, from the beginning of the log to a time."""
BACK_SQL: Final = (
    f"SELECT * FROM (SELECT {_ATTEMPT}, account_state, changed, group_id, group_name FROM events_by_subject"
    f" WHERE {OF_APPS} AND subject_id IN {{subjects:Array(String)}} AND {RANGE}{_BEST}) WHERE time_quality = 'ok'"
    f" AND (action = 'create' OR account_state = 'active' OR event_type IN {(*TAKE_BACK, ASSOCIATION_CHANGE)})"
    " LIMIT {limit:UInt32}"
)
"""Selects what may show that some people were taken back: the directory's events, and attempts to open accounts."""
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
"""Selects bindings of groups to applications, from the beginning of the log to a time."""
REMOVED_SQL: Final = (
    f"SELECT * FROM (SELECT {_ASSOCIATION} FROM associations WHERE {_OWN} AND application_id = ''"
    f" AND group_id IN {{groups:Array(String)}} AND {RANGE}{_BEST})"
    " WHERE action = 'remove' AND time_quality = 'ok' ORDER BY occurred_at, event_id LIMIT {limit:UInt32}"
)
"""Selects removals of people from some groups."""
_HISTORY: Final = ", ".join(dict.fromkeys((*COLUMNS, *BINDING_COLUMNS, "version", "fingerprint", "subject_name")))
THEIRS_SQL: Final = (
    f"SELECT {_HISTORY} FROM events_by_subject WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}}"
    f" AND {RANGE} AND event_type != 'sso_auth' LIMIT {{limit:UInt32}}"
)
"""Selects every copy of the events about some people, groups or applications."""


def read_closings(store: Store, apps: Sequence[App], since: datetime, until: datetime) -> dict[App, list[Row]]:
    """Return the rows that `mass_changes` needs, by application of one organization.

    These are closing attempts, activations, removals of people from groups that were bound to it, what shows whether a
    subject is an activation's test, and what may show that people were taken back between a failed attempt and the next
    one.
    """
    found: dict[str, list[Row]] = defaultdict(list)
    values = values_of(apps, since, until)
    for row in store.query_dicts(CLOSINGS_SQL, values, LIMITS):
        found[row["application_id"]].append(row)
    for row in list(_of_tests(store, apps, until, found)):
        found[row["application_id"]].append(row)
    bound = read_bound(store, apps, until)
    bindings = bindings_of(row for rows in bound.values() for row in rows)
    for application, row in list(_taken_back(store, values, found, bindings)):
        found[application].append(row)
    for row in store.query_dicts(REMOVED_SQL, values | {"groups": sorted(bindings)}, LIMITS) if bindings else ():
        for application in bound_at(bindings[row["group_id"]], row["occurred_at"]):
            found[application].append(row)
    return {app: found[app.application_id] for app in apps}


def _of_tests(store: Store, apps: Sequence[App], until: datetime, found: Mapping[str, list[Row]]) -> Iterator[Row]:
    """Yield the first attempts on subjects closed just after an activation, and all activations."""
    perhaps = {application: perhaps_tests(rows) for application, rows in found.items()}
    values = values_of(apps, EARLIEST, until)
    for some in pieces(sorted(set().union(*perhaps.values())), IDS_AT_ONCE):
        yield from store.query_dicts(FIRST_SQL, values | {"subjects": some}, LIMITS)
    tried = [application for application, subjects in perhaps.items() if subjects]
    for rows in read_theirs(store, apps[0].organization, tried, EARLIEST, until):
        yield from (row for row in rows if row["kind"] == "integration")


def _taken_back(
    store: Store, values: dict[str, Any], found: Mapping[str, list[Row]], bindings: Mapping[str, Sequence[Bound]]
) -> Iterator[tuple[str, Row]]:
    """Yield what may show that subjects tried again were taken back meanwhile, for each application."""
    values = {**values, "applications": [*found, ""]}
    again = {application: tried_again(rows) for application, rows in found.items()}
    for some in pieces(sorted(set().union(*again.values())), IDS_AT_ONCE):
        for row in store.query_dicts(BACK_SQL, values | {"subjects": some}, LIMITS):
            bound = bound_at(bindings.get(row["group_id"], ()), row["occurred_at"])
            for application, subjects in again.items():
                concerns = row["application_id"] == application or (
                    not row["application_id"] and (not row["group_id"] or application in bound)
                )
                if row["subject_id"] in subjects and concerns:
                    yield application, row


def read_bound(store: Store, apps: Sequence[App], until: datetime) -> dict[str, list[Row]]:
    """Return the bindings of groups to these applications, from the beginning of the log to a time."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in store.query_dicts(BOUND_SQL, values_of(apps, EARLIEST, until), LIMITS):
        found[row["application_id"]].append(row)
    return found


def read_history(store: Store, app: App, since: datetime) -> History:
    """Return the application's history that its baseline needs, given that events are read from `since` on."""
    begun = begins(store, [app]).get(app.application_id, since)
    if begun < since:
        return History(begun, 0)
    ((people,),) = store.query(PEOPLE_SQL, values_of([app], begun, begun + LITTLE))
    return History(begun, people)


def begins(store: Store, apps: Sequence[App]) -> Mapping[str, datetime]:
    """Return when each application was first attempted."""
    return dict(store.query(BEGUN_SQL, values_of(apps, EARLIEST, EARLIEST)))


def read_theirs(
    store: Store, organization: str, subjects: Sequence[str], since: datetime, until: datetime
) -> Iterable[list[Row]]:
    """Yield all events of some people, groups or applications, in batches of subjects."""
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
    """Return the rows that may have set a burst off, for `set_off`."""
    bound = read_bound(store, [app], until)[app.application_id]
    groups = sorted({row["group_id"] for row in bound})
    acts = list(bound)
    for rows in read_theirs(store, app.organization, [app.application_id, *groups], since, until):
        acts += [row for row in rows if row["kind"] == "integration" or row["event_type"] == GROUP_DELETED]
    for rows in read_theirs(store, app.organization, subjects, since, until):
        acts += [row for row in rows if row["kind"] == "other"]
    return [row for row in acts if row["event_type"] != ACTIVATED]


def values_of(apps: Sequence[App], since: datetime, until: datetime) -> dict[str, Any]:
    """Return the parameters of a statement about some applications of one organization."""
    return {
        "organization": apps[0].organization,
        "applications": [app.application_id for app in apps],
        "since": to_microseconds(since),
        "until": to_microseconds(until),
        "limit": LIMITS.rows + 1,
    }
