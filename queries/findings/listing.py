"""Finds the findings of a time range, application by application, and one finding in full with the steps to undo it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from typing import Final, NamedTuple

from queries.accounts.because import PROMPT
from queries.accounts.folding import Row, in_force
from queries.findings.finding import MASS, App, Finding, Kind, in_order
from queries.findings.mapping_rows import not_emptied, read_groups, read_last, read_remaps, read_values
from queries.findings.mappings import left_behind, orphaned_values, stale_people
from queries.findings.mass_changes import LITTLE, READ_BEFORE, mass_changes, set_off
from queries.findings.restoring import Stood, Undo, came_back, ordered, out_of, stood_of, undo
from queries.findings.rows import APPS_AT_ONCE, read_acts, read_bound, read_closings, read_history, read_theirs
from queries.findings.twice_groups import twice_groups
from queries.histories import read_bindings
from queries.incidents.details import names_of
from queries.people.known import sharing
from queries.people.resolving import find_person
from queries.pieces import pieces
from queries.scope import SCOPE, scoped
from queries.store import Limits, Store
from schemas.errors import NotFound
from schemas.times import EARLIEST, LATEST, TICK

MAX_APPS: Final = 1000
"""A question about more applications is refused."""
NAMED: Final = 100
"""How many subjects of a finding a list names."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Selects findings."""

    organization: str | None
    since: datetime
    until: datetime
    """Selects findings that began before this and ended at `since` or later."""
    application: str = ""
    """Id or name."""
    kinds: tuple[Kind, ...] = ()


class Whole(NamedTuple):
    """One finding. A mass change also has everybody's state before and now, and the steps to undo it."""

    finding: Finding
    stood: list[Stood]
    steps: list[Undo]


APPS: Final = (
    "SELECT organization, application_id, tupleElement(argMaxIfMerge(i.name), 1) AS application"
    f" FROM integrations AS i WHERE {SCOPE} GROUP BY organization, application_id"
    " HAVING {application:String} IN ('', application_id)"
    " OR lowerUTF8(application) = lowerUTF8({application:String})"
    " ORDER BY organization, application_id LIMIT {limit:UInt32}"
)
"""Selects applications by id or name."""


def list_findings(store: Store, asked: Asked) -> list[Finding]:
    """Return all findings, the latest first. Raises `UserError` if too much would have to be read."""
    found = [
        finding
        for apps in _some(store, asked)
        for kinds, read in _READERS.items()
        if not asked.kinds or kinds.intersection(asked.kinds)
        for finding in read(store, apps, asked)
    ]
    return in_order([finding for finding in found if not asked.kinds or finding.kind in asked.kinds])


def _some(store: Store, asked: Asked) -> Iterator[Sequence[App]]:
    """Yield the applications in batches, each of one organization."""
    values = {**scoped(asked.organization), "application": asked.application, "limit": MAX_APPS + 1}
    rows = store.query(APPS, values, Limits(rows=MAX_APPS))
    for _, own in groupby(rows, key=lambda row: row[0]):
        yield from pieces([App(*row) for row in own], APPS_AT_ONCE)


def _mass(store: Store, apps: Sequence[App], asked: Asked) -> Iterable[Finding]:
    since = max(asked.since - READ_BEFORE, EARLIEST)
    for app, rows in read_closings(store, apps, since, asked.until).items():
        if not rows:
            continue
        for finding in mass_changes(app, rows, read_history(store, app, since - LITTLE)):
            if finding.until >= asked.since:
                acts = read_acts(store, app, finding.subjects, finding.since - PROMPT, finding.until + TICK)
                yield finding._replace(act=set_off(finding, acts))


def _mappings(store: Store, apps: Sequence[App], asked: Asked) -> Iterable[Finding]:
    changed = read_remaps(store, apps, asked.since, asked.until)
    for app in apps:
        remaps = changed.get(app.application_id, [])
        if any(remap.removed for remap in remaps):
            left = left_behind(remaps, read_values(store, app, remaps, asked.until))
            yield from orphaned_values(app, not_emptied(store, app, left))
        if any(remap.altered for remap in remaps):
            yield from stale_people(app, remaps, read_last(store, app, asked.until))


def _groups(store: Store, apps: Sequence[App], asked: Asked) -> Iterable[Finding]:
    for app, rows in read_groups(store, apps, asked.since, asked.until):
        yield from (finding for finding in twice_groups(app, rows) if finding.since >= asked.since)


_READERS: Final[dict[frozenset[Kind], Callable[[Store, Sequence[App], Asked], Iterable[Finding]]]] = {
    frozenset(MASS): _mass,
    frozenset((Kind.ORPHANED_VALUES, Kind.STALE_PEOPLE)): _mappings,
    frozenset((Kind.TWICE_GROUPS,)): _groups,
}


def find_finding(store: Store, asked: Asked, name: str, now: datetime) -> Whole:
    """Return the finding whose id begins with `name`. Raises `NotFound`.

    States and steps follow from what occurred by `now`.
    """
    found = [finding for finding in list_findings(store, asked) if finding.id.startswith(name.lower())]
    if len(found) != 1:
        several = "several findings begin" if found else "no finding in that time begins"
        raise NotFound(f"{several} with {name[:32]!r}")
    (finding,) = found
    if finding.kind not in MASS:
        return Whole(finding, [], [])
    stood: list[Stood] = []
    steps: list[Undo] = []
    app = finding.app
    acts = _acts_until(store, finding, now)
    for told in read_theirs(store, app.organization, finding.subjects, EARLIEST, LATEST):
        rows = _until(now, told)
        others = _other_ids(store, app.organization, out_of(rows))
        for more in read_theirs(store, app.organization, sorted(set(chain(*others.values()))), EARLIEST, LATEST):
            rows += _until(now, more)
        part = stood_of(finding, {row["subject_id"] for row in told}, rows, came_back(rows, others))
        stood += part
        steps += undo(finding, part, rows, acts)
    return Whole(finding, stood, ordered(steps))


def _other_ids(store: Store, organization: str, subjects: Iterable[str]) -> dict[str, set[str]]:
    """Return the other ids of people who have several."""
    several = sorted(sharing(store, organization, subjects))
    ids = {subject: find_person(store, organization, subject).subject_ids for subject in several}
    return {subject: {*own} - {subject} for subject, own in ids.items() if len(own) > 1}


def _acts_until(store: Store, finding: Finding, now: datetime) -> list[Row]:
    app = finding.app
    acts = list(read_bound(store, [app], now + TICK)[app.application_id])
    deletion = read_bindings(store, app.organization, now + TICK).deleted.get(app.application_id)
    return acts if deletion is None else [*acts, deletion]


def _until(now: datetime, rows: Iterable[Row]) -> list[Row]:
    """Return the copies in force of events by `now`; some are stamped ahead of the clock."""
    return [row for row in in_force(rows) if row["occurred_at"] <= now]


def names(store: Store, findings: Sequence[Finding], most: int = NAMED) -> dict[tuple[str, str], str]:
    """Return the names of the first `most` subjects of each finding, by organization and id."""
    wanted: dict[str, dict[str, None]] = {}
    for finding in findings:
        wanted.setdefault(finding.app.organization, {}).update(dict.fromkeys(finding.subjects[:most]))
    return {
        (organization, subject): name
        for organization, subjects in wanted.items()
        for subject, name in names_of(store, organization, list(subjects)).items()
    }
