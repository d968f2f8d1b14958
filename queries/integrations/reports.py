"""Reports the integrations with the health of their credentials, now or at a time in the past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from queries.applications import find_application
from queries.copies import in_force_sql
from queries.incidents.details import names_of
from queries.integrations.health import UNWELL, Health, State, fold
from queries.integrations.marks import LIMITS, read_marks
from queries.integrations.spans import App
from queries.pieces import pieces
from queries.scope import SCOPE, scoped
from queries.store import Store
from schemas.errors import Ambiguous, NotFound
from schemas.times import EARLIEST, to_microseconds

AT_ONCE: Final = 50
"""Integrations whose failures one statement counts."""
MAX_INTEGRATIONS: Final = 10_000
"""Looked at for those in trouble, however few are asked for."""
MAX_SUBJECTS: Final = 100
MAX_CANDIDATES: Final = 5
_RANKS: Final = {state: rank for rank, state in enumerate(State)}


class Failures(NamedTuple):
    """Failures with the same answer since the last accepted attempt."""

    cause: str
    http_status: int
    """0 if no answer came or none was recorded."""
    attempts: int
    last_at: datetime


class Stuck(NamedTuple):
    """A person or group with an attempt in the last trouble that was refused for the credentials and never made
    good."""

    subject_id: str
    kind: str
    """`user` or `group`."""
    name: str
    refusals: int
    first_at: datetime
    last_at: datetime


class Report(NamedTuple):
    """One integration at one time."""

    organization: str
    application_id: str
    application: str
    health: Health
    failures: list[Failures]
    """Failures since the last accepted attempt, whatever their cause, the most frequent first."""
    people_stuck: int
    """How many people were refused in the last trouble and not accepted since."""
    groups_stuck: int


class Reports(NamedTuple):
    """Some integrations, those in trouble first, and how many there are."""

    items: list[Report]
    states: Counter[State]
    """Of all that were heard of by then."""
    total: int
    """How many there are now."""


_HEARD_OF: Final = (
    "SELECT organization, application_id, tupleElement(argMaxIfMerge(i.name), 1) AS application, count() OVER ()"
    f" FROM integrations AS i WHERE {SCOPE} GROUP BY organization, application_id"
)
_BY_NAME: Final = " ORDER BY lowerUTF8(application), organization, application_id LIMIT {limit:UInt32}"
ALL: Final = _HEARD_OF + _BY_NAME
_CALLED: Final = " HAVING application_id = {name:String} OR lowerUTF8(application) = lowerUTF8({name:String})"
CALLED: Final = _HEARD_OF + _CALLED + _BY_NAME


def _since(number: int) -> str:
    own = f"organization = {{organization_{number}:String}} AND application_id = {{application_{number}:String}}"
    then = (
        f"occurred_at >= fromUnixTimestamp64Micro({{since_{number}:Int64}}, 'UTC')"
        " AND occurred_at <= fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND kind != 'integration'"
    )
    some_copy = f"(SELECT event_id FROM attempts_by_application WHERE {own} AND time_quality = 'ok' AND {then})"
    columns = "occurred_at, kind, subject_id, outcome, cause, http_status"
    return f"SELECT {number} AS place, * FROM ({in_force_sql(columns, own, some_copy, then)})"


def failures_sql(integrations: int) -> str:
    """Return the SQL of failures of this many integrations by cause and status, each from its own time on."""
    rows = " UNION ALL ".join(_since(number) for number in range(integrations))
    return (
        "SELECT place, cause, http_status, count() AS attempts, max(occurred_at) AS last_at"
        f" FROM ({rows}) WHERE outcome = 'failure' GROUP BY place, cause, http_status"
        " ORDER BY place, attempts DESC, cause, http_status LIMIT {limit:UInt32}"
    )


def stuck_sql(integrations: int, *, counted: bool) -> str:
    """Return the SQL of subjects refused from a time on and not accepted since: with `counted` their numbers, else
    who."""
    rows = " UNION ALL ".join(_since(number) for number in range(integrations))
    refused = "outcome = 'failure' AND cause = 'credentials'"
    each = (
        f"SELECT place, kind, subject_id, countIf({refused}) AS refusals,"
        f" minIf(occurred_at, {refused}) AS first_at, maxIf(occurred_at, {refused}) AS last_at"
        f" FROM ({rows}) WHERE subject_id != '' GROUP BY place, kind, subject_id"
        " HAVING refusals > 0 AND maxIf(tuple(occurred_at, event_id), outcome = 'success')"
        f" < maxIf(tuple(occurred_at, event_id), {refused})"
    )
    if counted:
        return (
            "SELECT place, countIf(kind = 'user'), countIf(kind = 'group')"
            f" FROM ({each}) GROUP BY place LIMIT {{limit:UInt32}}"
        )
    return (
        "SELECT subject_id, kind, refusals, first_at, last_at"
        f" FROM ({each}) ORDER BY last_at DESC, kind, subject_id LIMIT {{limit:UInt32}}"
    )


def report_all(store: Store, organization: str | None, at: datetime, limit: int) -> Reports:
    """Return up to `limit` reports on integrations known at `at`, those in trouble first, and how many there are."""
    rows = store.query(ALL, {**scoped(organization), "limit": MAX_INTEGRATIONS})
    names = _names(rows)
    heard = _heard(store, names, at)
    urgent = sorted(heard, key=lambda app: _RANKS[heard[app].state])[:limit]
    items = _reports(store, names, {app: heard[app] for app in urgent}, at)
    return Reports(items, Counter(health.state for health in heard.values()), rows[0][3] if rows else 0)


def report_one(store: Store, organization: str | None, name: str, at: datetime) -> tuple[Report, list[Stuck]]:
    """Return the report on the integration with this id or name, and who is stuck. Raises `NotFound` and
    `Ambiguous`."""
    rows = store.query(CALLED, {**scoped(organization), "name": name, "limit": MAX_CANDIDATES})
    if len(rows) > 1:
        raise _several(name[:64], [(own, application_id) for own, application_id, *_ in rows])
    names = _names(rows)
    reports = _reports(store, names, _heard(store, names, at), at)
    if not reports:
        if not rows:
            find_application(store, organization, name)
        raise NotFound(
            f"{name[:64]!r} has no integration" + (" by then" if rows else ": nothing was provisioned there")
        )
    (report,) = reports
    troubles = report.health.troubles
    if not troubles:
        return report, []
    app = report.organization, report.application_id
    values = _from([app], [troubles[-1].start.at], at) | {"limit": MAX_SUBJECTS}
    rows = store.query(stuck_sql(1, counted=False), values, LIMITS)
    called = names_of(store, report.organization, [subject_id for subject_id, *_ in rows])
    return report, [Stuck(row[0], row[1], called.get(row[0], ""), *row[2:]) for row in rows]


def read_healths(store: Store, at: datetime, limit: int) -> list[tuple[App, str, Health]]:
    """Return the health of the integrations of every organization, with names but without failures and stuck people."""
    names = _names(store.query(ALL, {**scoped(None), "limit": limit}))
    return [(app, names[app], health) for app, health in _healths(store, names, at).items()]


def _names(rows: Sequence[tuple[Any, ...]]) -> dict[App, str]:
    return {(organization, application_id): name for organization, application_id, name, _ in rows}


def _healths(store: Store, names: Mapping[App, str], at: datetime) -> dict[App, Health]:
    return {
        app: fold(marks, names[app], at)
        for some in pieces(list(names), AT_ONCE)
        for app, marks in read_marks(store, some, at).items()
    }


def _heard(store: Store, names: Mapping[App, str], at: datetime) -> dict[App, Health]:
    """Return the integrations that had any event by then, with their health."""
    healths = _healths(store, names, at)
    quiet = {app: health for app, health in healths.items() if not health.since and not health.change}
    failing = _failures(store, quiet, at)
    return {app: health for app, health in healths.items() if app not in quiet or app in failing}


def _reports(store: Store, names: Mapping[App, str], healths: dict[App, Health], at: datetime) -> list[Report]:
    failures = _failures(store, healths, at)
    stuck = _stuck(store, healths, at)
    return [
        Report(*app, names[app], health, failures.get(app, []), *stuck.get(app, (0, 0)))
        for app, health in healths.items()
    ]


def _failures(store: Store, healths: dict[App, Health], at: datetime) -> dict[App, list[Failures]]:
    found: dict[App, list[Failures]] = {}
    for some in pieces(list(healths), AT_ONCE):
        goods = [healths[app].last_good for app in some]
        since = [good.at if good else EARLIEST for good in goods]
        values = _from(some, since, at) | {"limit": LIMITS.rows}
        for place, *failures in store.query(failures_sql(len(some)), values, LIMITS):
            found.setdefault(some[place], []).append(Failures(*failures))
    return found


def _stuck(store: Store, healths: dict[App, Health], at: datetime) -> dict[App, tuple[int, int]]:
    """Return how many people and groups are stuck in each integration that is in trouble or whose last trouble is still
    reported."""
    told = [app for app, health in healths.items() if health.state in UNWELL or health.state is State.RECOVERED]
    found: dict[App, tuple[int, int]] = {}
    for some in pieces(told, AT_ONCE):
        values = _from(some, [healths[app].troubles[-1].start.at for app in some], at) | {"limit": LIMITS.rows}
        for place, people, groups in store.query(stuck_sql(len(some), counted=True), values, LIMITS):
            found[some[place]] = people, groups
    return found


def _from(apps: Sequence[App], since: Sequence[datetime], at: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"until": to_microseconds(at)}
    for number, (app, begin) in enumerate(zip(apps, since, strict=True)):
        values |= {
            f"organization_{number}": app[0],
            f"application_{number}": app[1],
            f"since_{number}": to_microseconds(begin),
        }
    return values


def _several(name: str, candidates: Sequence[App]) -> Ambiguous:
    apart = len({organization for organization, _ in candidates}) > 1
    told = [f"{own} of organization {organization}" if apart else own for organization, own in candidates]
    say = "; say which `organization` is meant" if apart else ""
    message = f"several integrations are called {name!r}: {', '.join(told)}{say}"
    return Ambiguous(message, [own for _, own in candidates])
