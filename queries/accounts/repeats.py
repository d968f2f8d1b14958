"""Leaves out updates between two others that say the same. Accounts do not depend on them, and they are most of the
events of people with hundreds of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from queries.accounts.bindings import Bindings
from queries.accounts.folding import Row, place_of
from schemas.outcome import Outcome
from schemas.times import TimeQuality


class _Run(NamedTuple):
    """Accepted updates of one account with nothing in between that could change its state."""

    undisturbed: int
    updates: int
    last: int


def without_repeats(rows: Sequence[Row], bindings: Bindings) -> list[Row]:
    """Return a subject's rows, in order, without those between the first and the last update of each run.

    The accounts folded from them are the same in every field; the causes of steps may differ.
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
    """Whether the row is an accepted update that does not say what state the account is to be in."""
    return bool(
        row["kind"] == "user"
        and row["action"] == "update"
        and not row["account_state"]
        and row["outcome"] == Outcome.SUCCESS
        and row["time_quality"] == TimeQuality.OK
        and row["application_id"]
        and row["application_name"]
    )
