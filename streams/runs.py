"""Folds an application's incidents from everything that is stored.

Nothing is kept from one reading to the next. For each failure the store finds the next success in its scope
(`schemas.cause`), so the result grows with the people in trouble and not with their tries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from queries.incidents.listing import stored_sql
from queries.incidents.runs import EVERY, SOME, begin_sql, changes_sql, run_parameters, runs_sql
from queries.store import BULK_LIMITS, Store
from streams.incidents import ConfigurationChange, Incident, Run, fold
from streams.interest import Application, Known


class Folded(NamedTuple):
    """Incidents as folded from everything that is stored."""

    at: int
    """When the reading began, by the store's clock, in microseconds: a later fold knows all that this one does."""
    incidents: list[Known]


def fold_stored(store: Store, applications: Collection[Application], ids: Collection[bytes] | None = None) -> Folded:
    """Fold the given incidents of the applications, or all."""
    wanted = EVERY if ids is None else SOME
    parameters = run_parameters(store, applications, ids)
    ((at, begin, count),) = store.query(begin_sql(wanted), parameters, BULK_LIMITS)
    if not count:
        return Folded(at, [])
    found: dict[tuple[Application, bytes], list[Run]] = {}
    for application, incident, run in _read_runs(store, wanted, parameters | {"begin": begin}):
        found.setdefault((application, incident), []).append(run)
    changes: dict[Application, list[ConfigurationChange]] = {}
    for organization, application_id, *told in store.query(changes_sql(), parameters, BULK_LIMITS):
        changes.setdefault((organization, application_id), []).append(ConfigurationChange(*told))
    return Folded(
        at,
        [
            Known(
                fold(*application, incident, runs, changes.get(application, ())),
                frozenset(run.subject_id for run in runs),
            )
            for (application, incident), runs in found.items()
        ],
    )


class Refolded(NamedTuple):
    """Incidents, and which of their rows to write."""

    at: int
    """As in `Folded`."""
    found: list[Known]
    """The incidents found; those that no failure makes now are included, with no attempts."""
    changed: list[Incident]
    """Those of `found` whose row differs or is missing."""


def refold(store: Store, applications: Collection[Application], ids: Collection[bytes] | None = None) -> Refolded:
    """Fold the given incidents of the applications, or all, and compare them with their rows. Writes nothing."""
    rows = [row for row, _ in stored_incidents(store, {organization for organization, _ in applications}, ids=ids)]
    stored = [row for row in rows if (row.organization, row.application_id) in applications]
    folded = fold_stored(store, applications, ids)
    made = {known.incident.incident_id for known in folded.incidents}
    emptied = [
        Known(Incident(row.organization, row.incident_id, row.application_id), frozenset())
        for row in stored
        if row.incident_id not in made
    ]
    found = [*folded.incidents, *emptied]
    before = set(stored)
    return Refolded(folded.at, found, [known.incident for known in found if known.incident not in before])


def stored_incidents(
    store: Store, organizations: Collection[str], folded_since: int = 0, ids: Collection[bytes] | None = None
) -> list[tuple[Incident, int]]:
    """Return rows of the organizations that were folded since, or of these incidents, each with the time of its
    fold."""
    parameters: dict[str, object] = {"organizations": sorted(organizations), "folded_since": folded_since}
    if ids is not None:
        parameters["ids"] = [one.hex() for one in ids]
    found = store.query(stored_sql(EVERY if ids is None else SOME), parameters, BULK_LIMITS)
    return [(Incident(*row), folded_at) for *row, folded_at in found]


def _read_runs(store: Store, wanted: str, parameters: dict[str, object]) -> Iterator[tuple[Application, bytes, Run]]:
    table = store.query_arrow(runs_sql(wanted), parameters, BULK_LIMITS)
    columns: list[list[Any]] = [column.to_pylist() for column in table.columns]
    for organization, application, incident, *told, said in zip(*columns, strict=True):
        yield (organization, application), incident, Run(*told, *said.values())
