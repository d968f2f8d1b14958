"""An application's incidents, folded from everything that is stored.

Nothing is remembered from one reading to the next. The store finds for each failure the next success in its
scope (`schemas.recovery`), so that what comes back grows with the people in trouble and not with their tries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from queries.runs import EVERY, SOME, begin_sql, changes_sql, run_parameters, runs_sql
from queries.store import BULK_LIMITS, Store
from streams.incidents import Change, Run, fold
from streams.interest import Application, Known


class Folded(NamedTuple):
    """Incidents as everything that is stored makes them."""

    at: int
    """When the reading began, by the store's clock, in microseconds: a later fold knows all that this one does."""
    incidents: list[Known]


def fold_stored(store: Store, applications: Collection[Application], ids: Collection[bytes] | None = None) -> Folded:
    """These incidents of the applications, or all that they have."""
    wanted = EVERY if ids is None else SOME
    parameters = run_parameters(applications, ids)
    ((at, begin, count),) = store.query(begin_sql(wanted), parameters, BULK_LIMITS)
    if not count:
        return Folded(at, [])
    found: dict[tuple[Application, bytes], list[Run]] = {}
    for application, incident, run in _read_runs(store, wanted, parameters | {"begin": begin}):
        found.setdefault((application, incident), []).append(run)
    changes: dict[Application, list[Change]] = {}
    for organization, application_id, *told in store.query(changes_sql(), parameters, BULK_LIMITS):
        changes.setdefault((organization, application_id), []).append(Change(*told))
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


def _read_runs(store: Store, wanted: str, parameters: dict[str, object]) -> Iterator[tuple[Application, bytes, Run]]:
    table = store.query_arrow(runs_sql(wanted), parameters, BULK_LIMITS)
    columns: list[list[Any]] = [column.to_pylist() for column in table.columns]
    for organization, application, incident, *told, said in zip(*columns, strict=True):
        yield (organization, application), incident, Run(*told, *said.values())
