"""Updates that say once more what one before and one after them say. Whoever asks where accounts stand need not fold
them: of people with hundreds of events they are most. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from queries.bindings import Bindings
from queries.folding import Row, place_of
from schemas.outcome import Outcome
from schemas.times import TimeQuality


class _Run(NamedTuple):
    """Accepted updates of one account with nothing in between that could change how it stands."""

    undisturbed: int
    updates: int
    last: int


def without_repeats(rows: Sequence[Row], bindings: Bindings) -> list[Row]:
    """A subject's rows, in order, without what is between the first and the last update of each run.

    The accounts that are folded of them are the same, to each field; what is told of what set steps off may not be.
    """
    agenda, reached, disturbed = bindings.agenda, 0, 0
    runs: dict[str, _Run] = {}
    dropped: set[int] = set()
    for index, row in enumerate(rows):
        while reached < len(agenda) and place_of(agenda[reached]) < place_of(row):
            reached += 1
        if is_repeat(row):
            application = row["application_id"]
            run = runs.get(application)
            if run is None or run.undisturbed != reached + disturbed:
                runs[application] = _Run(reached + disturbed, 1, index)
                continue
            if run.updates > 1:
                dropped.add(run.last)
            runs[application] = run._replace(updates=run.updates + 1, last=index)
        elif row["kind"] == "other":
            disturbed += 1
        else:
            runs.pop(row["application_id"], None)
    return [row for index, row in enumerate(rows) if index not in dropped]


def is_repeat(row: Row) -> bool:
    """Whether it is an update that was accepted, and makes nothing of the account itself."""
    return bool(
        row["kind"] == "user"
        and row["action"] == "update"
        and not row["account_state"]
        and row["outcome"] == Outcome.SUCCESS
        and row["time_quality"] == TimeQuality.OK
        and row["application_id"]
        and row["application_name"]
    )
