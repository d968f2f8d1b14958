"""Reads what an integration's health is folded from: of all its attempts, only those around each trouble.

Narrow scans find the hours in which credentials were refused, and the last silence. Full rows are read only of the
stretches around these hours; in between, only the first and the last accepted attempt. An integration without trouble
costs the scans and two rows, however many attempts it has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from queries.accounts.bindings import ON_ITS_WAY
from queries.copies import in_force_sql
from queries.integrations.replaced import read_replaced
from queries.integrations.spans import APART, App, Span, gaps_of, parts_of, slices_of, stretches_of
from queries.integrations.trouble import SILENCE, Attempts, ConfigurationChange, Mark, Place
from queries.pieces import IDS_AT_ONCE, pieces
from queries.store import Limits, Store, as_tuple
from schemas.action import Action
from schemas.times import TICK, to_microseconds

MAX_RUNS: Final = 5_000
"""How many runs of an integration are read, the latest, if accepted and refused attempts alternate without end."""
MAX_CHANGES: Final = 2_000
"""How many changes of an integration are read, the latest."""
AT_ONCE: Final = 20
"""How many slices of stretches, or sides of gaps, one statement reads."""
CANDIDATES: Final = 4
"""How many rows are examined for the first accepted attempt; fifty times as many if no copy in force is accepted."""
LIMITS: Final = Limits(seconds=20, rows=200_000)

_OWN: Final = "organization IN {organizations:Array(String)} AND application_id IN {applications:Array(String)}"
"""Two conditions, so that the key narrows the read. With several organizations it may match more than was asked for."""
_BY_THEN: Final = "occurred_at <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
_OURS: Final = f"{_OWN} AND time_quality = 'ok' AND {_BY_THEN}"
_CHANGED: Final = "kind = 'integration'"
_REFUSED: Final = "outcome = 'failure' AND cause = 'credentials'"
_GOOD: Final = "kind != 'integration' AND outcome = 'success'"


class Edge(NamedTuple):
    """One side of a gap."""

    gap: Span
    back: bool
    """Whether the gap is searched from its end backwards."""


HOURS_SQL: Final = (
    "SELECT organization, application_id, toStartOfHour(occurred_at) AS hour FROM attempts_by_application"
    f" WHERE {_OURS} AND {_REFUSED} GROUP BY organization, application_id, hour"
    " ORDER BY hour DESC LIMIT {limit:UInt32}"
)
"""Selects the hours in which some copy says that credentials were refused, the latest first."""

_DAY: Final = "min(occurred_at) AS first, max(occurred_at) AS last"
_DAY_BEFORE: Final = (
    "lagInFrame(last, 1, first) OVER (PARTITION BY organization, application_id ORDER BY first"
    " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
)
SILENCES_SQL: Final = (
    "SELECT organization, application_id, max(first) AS begun FROM ("
    f"SELECT organization, application_id, first, {_DAY_BEFORE} AS before FROM ("
    f"SELECT organization, application_id, {_DAY} FROM attempts_by_application"
    f" WHERE {_OURS} AND {_GOOD} GROUP BY organization, application_id, toStartOfDay(occurred_at)))"
    f" WHERE first > before + toIntervalDay({SILENCE.days})"
    " GROUP BY organization, application_id LIMIT {limit:UInt32}"
)
"""Selects when, by some copy, an attempt was accepted again after the last silence of each integration."""

_TOLD: Final = "occurred_at, kind, event_type, action, outcome, cause, actor_name, detail"
_ANY_COPY: Final = f"(SELECT event_id FROM attempts_by_application WHERE {_OURS} AND {_CHANGED})"
CHANGES_SQL: Final = (
    "SELECT organization, application_id, occurred_at, event_id, event_type, action, outcome, cause, actor_name, detail"
    f" FROM ({in_force_sql(_TOLD, _OWN, _ANY_COPY, f'{_CHANGED} AND {_BY_THEN}')})"
    " ORDER BY organization, application_id, occurred_at DESC, event_id DESC"
    " LIMIT {changes:UInt32} BY organization, application_id LIMIT {limit:UInt32}"
)
"""Selects configuration events, the latest of each integration first."""


def _between(number: int) -> str:
    return (
        f"organization = {{organization_{number}:String}} AND application_id = {{application_{number}:String}}"
        f" AND occurred_at >= fromUnixTimestamp64Micro({{begin_{number}:Int64}}, 'UTC')"
        f" AND occurred_at < fromUnixTimestamp64Micro({{end_{number}:Int64}}, 'UTC')"
    )


_JUDGED: Final = "occurred_at, kind, outcome, cause, detail"


def runs_sql(stretches: int) -> str:
    """Return the SQL of runs of accepted or refused attempts within this many stretches.

    A change, or `APART` without attempts, ends a run.
    """
    ranges = " OR ".join(f"({_between(number)})" for number in range(stretches))
    some_copy = f"(SELECT event_id FROM attempts_by_application WHERE time_quality = 'ok' AND ({ranges}))"
    over = (
        "(PARTITION BY organization, application_id ORDER BY occurred_at, UUIDToNum(event_id)"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )
    return (
        "SELECT organization, application_id, min(tuple(occurred_at, UUIDToNum(event_id), event_id, detail)) AS one,"
        " max(tuple(occurred_at, UUIDToNum(event_id), event_id)) AS other, any(sort) = 1 AS accepted, count() AS tries"
        f" FROM (SELECT *, sum(parts) OVER {over} AS run FROM ("
        "SELECT *, sort != before OR sort = 2 OR occurred_at >= earlier + toIntervalHour({apart:UInt32}) AS parts"
        f" FROM (SELECT *, lagInFrame(sort, 1, 9) OVER {over} AS before,"
        f" lagInFrame(occurred_at, 1, occurred_at) OVER {over} AS earlier FROM ("
        "SELECT organization, application_id, occurred_at, event_id, detail,"
        f" multiIf({_CHANGED}, 2, {_GOOD}, 1, {_REFUSED}, 0, 3) AS sort"
        f" FROM ({in_force_sql(_JUDGED, _OWN, some_copy, ranges)}) WHERE sort != 3))))"
        " WHERE sort != 2 GROUP BY organization, application_id, run"
        " ORDER BY organization, application_id, one DESC"
        " LIMIT {runs:UInt32} BY organization, application_id LIMIT {limit:UInt32}"
    )


def edges_sql(edges: Sequence[bool]) -> str:
    """Return the SQL of accepted attempts, by any copy, from each gap's beginning on (False) or from its end back
    (True).

    Without checking other copies the store reads a granule or two of each gap and stops.
    """
    return " UNION ALL ".join(
        f"SELECT * FROM (SELECT {number} AS edge, organization, application_id, occurred_at, event_id"
        f" FROM attempts_by_application WHERE {_between(number)} AND time_quality = 'ok' AND {_GOOD}"
        f" ORDER BY occurred_at{' DESC' * back}, event_id{' DESC' * back} LIMIT {{limit:UInt32}})"
        for number, back in enumerate(edges)
    )


CONFIRMED_SQL: Final = (
    "SELECT organization, application_id, occurred_at, event_id"
    f" FROM ({in_force_sql('occurred_at, kind, outcome', _OWN, '{events:Array(UUID)}', _GOOD)}) LIMIT {{limit:UInt32}}"
)
"""Selects which of some events are accepted by their copy in force, and when they occurred."""


def read_marks(store: Store, apps: Sequence[App], at: datetime) -> dict[App, list[Mark]]:
    """Return the marks that `fold` takes for each of these integrations, up to and including `at`."""
    found: dict[App, list[Mark]] = {app: [] for app in apps}
    if not apps:
        return found
    ours: dict[str, Any] = {
        "organizations": [organization for organization, _ in apps],
        "applications": [application for _, application in apps],
        "until": to_microseconds(at),
        "limit": LIMITS.rows,
    }
    cuts: dict[App, set[datetime]] = defaultdict(set)
    for app, changes in _changes(store, apps, ours).items():
        found[app] += changes
        cuts[app] |= cuts_of(changes)
    for organization, application, begun in store.query(SILENCES_SQL, ours, LIMITS):
        cuts[organization, application].add(begun)
    hours: dict[App, list[datetime]] = defaultdict(list)
    for organization, application, hour in store.query(HOURS_SQL, ours, LIMITS):
        hours[organization, application].append(hour)
    past = at + timedelta(microseconds=1)
    stretches = [stretch for app in apps for stretch in stretches_of(app, hours[app], past)]
    for app, runs in _runs(store, stretches).items():
        found[app] += runs[:MAX_RUNS]
    gaps = [
        part
        for app in apps
        for gap in gaps_of(app, [one for one in stretches if one.app == app], past)
        for part in parts_of(gap, cuts[app])
    ]
    edges = [Edge(gap, back) for gap in gaps for back in (False, True)]
    places = {edge: place for some in pieces(edges, AT_ONCE) for edge, place in _accepted(store, some)}
    for gap in gaps:
        if Edge(gap, False) in places:
            found[gap.app].append(Attempts(places[Edge(gap, False)], places[Edge(gap, True)], accepted=True))
    return found


def _changes(store: Store, apps: Sequence[App], ours: dict[str, Any]) -> dict[App, list[ConfigurationChange]]:
    """Return the changes of each integration, the latest first."""
    changes: dict[App, list[ConfigurationChange]] = {app: [] for app in apps}
    for organization, application, at, event_id, *told in store.query(
        CHANGES_SQL, ours | {"changes": MAX_CHANGES}, LIMITS
    ):
        if (organization, application) in changes:
            changes[organization, application].append(ConfigurationChange(Place(at, event_id), *told))
    if any(change.deletes for own in changes.values() for change in own):
        replaced = read_replaced(store, {organization for organization, _ in apps})
        for own in changes.values():
            own[:] = [change._replace(replaced=change.place.event_id in replaced) for change in own]
    return changes


def cuts_of(changes: Iterable[ConfigurationChange]) -> set[datetime]:
    """Return the times at which accepted attempts before and after must be told apart. Pure."""
    deletions = [change.place.at for change in changes if change.deletes]
    if not deletions:
        return set()
    first = min(deletions)
    activations = (change.place.at for change in changes if change.action == Action.ACTIVATE and change.accepted)
    again = (at for at in activations if at > first)
    return {*deletions, *(at + ON_ITS_WAY + TICK for at in deletions), *again}


def _runs(store: Store, stretches: Sequence[Span]) -> dict[App, list[Attempts]]:
    """Return the runs of each integration within its stretches, the latest first, until there are `MAX_RUNS`."""
    found: dict[App, list[Attempts]] = defaultdict(list)
    slices = sorted((each for stretch in stretches for each in slices_of(stretch)), key=lambda each: each.end)
    while slices := [each for each in slices if len(found[each.app]) < MAX_RUNS]:
        some, slices = slices[-AT_ONCE:], slices[:-AT_ONCE]
        values = _values(some) | {"apart": APART // timedelta(hours=1), "runs": MAX_RUNS, "limit": LIMITS.rows}
        for organization, application, one, other, accepted, tries in store.query(runs_sql(len(some)), values, LIMITS):
            first, last = as_tuple(one), as_tuple(other)
            run = Attempts(Place(first[0], first[2]), Place(last[0], last[2]), bool(accepted), tries, first[3])
            found[organization, application].append(run)
    return found


def _accepted(store: Store, edges: Sequence[Edge]) -> Iterable[tuple[Edge, Place]]:
    """Yield the first accepted attempt from that side of each gap that has one."""
    candidates = CANDIDATES
    while edges:
        values = _values([edge.gap for edge in edges]) | {"limit": candidates}
        rows: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for number, *row in store.query(edges_sql([edge.back for edge in edges]), values, LIMITS):
            rows[number].append(tuple(row))
        confirmed = _confirmed(store, [row for some in rows.values() for row in some])
        unsure = []
        for number, edge in enumerate(edges):
            first = next((row for row in rows[number] if row in confirmed), None)
            if first:
                yield edge, Place(first[2], first[3])
            elif len(rows[number]) == candidates:
                unsure.append(edge)
        edges, candidates = unsure, candidates * 50


def _confirmed(store: Store, rows: Sequence[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    confirmed: set[tuple[Any, ...]] = set()
    for some in pieces(rows, IDS_AT_ONCE):
        organizations, applications, _, events = (list(set(column)) for column in zip(*some, strict=True))
        values = {
            "organizations": organizations,
            "applications": applications,
            "events": [str(event) for event in events],
            "limit": LIMITS.rows,
        }
        confirmed |= set(store.query(CONFIRMED_SQL, values, LIMITS))
    return confirmed


def _values(ranges: Sequence[Span]) -> dict[str, Any]:
    organizations, applications = (sorted(set(column)) for column in zip(*(one.app for one in ranges), strict=True))
    values: dict[str, Any] = {"organizations": organizations, "applications": applications}
    for number, (app, begin, end) in enumerate(ranges):
        values |= {
            f"organization_{number}": app[0],
            f"application_{number}": app[1],
            f"begin_{number}": to_microseconds(begin),
            f"end_{number}": to_microseconds(end),
        }
    return values
