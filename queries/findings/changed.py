"""The changes that mass changes are made of: each person's or group's, with all its attempts. Pure.

Rows may come in any order and repeat.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from queries.accounts.account import ACTIVE
from queries.accounts.because import MAKES, act_on_person
from queries.accounts.bindings import is_membership
from queries.accounts.folding import Row, in_force
from queries.accounts.pushes import RETRY_WINDOW
from queries.accounts.trial import only_tests
from queries.findings.finding import MASS, Kind
from schemas.action import Action
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome
from schemas.times import TimeQuality

_KINDS: Final = {
    ("user", Action.DEPROVISION): Kind.MASS_DEACTIVATIONS,
    ("user", Action.DELETE): Kind.MASS_DELETIONS,
    ("group", Action.DELETE): Kind.MASS_GROUP_DELETIONS,
}


class Changed(NamedTuple):
    """One person's or group's change, with all its attempts."""

    kind: Kind
    subject_id: str
    at: datetime
    """The time of the first attempt: when it was decided, whenever it was accepted."""
    event_id: UUID
    accepted: UUID | None


def changes_of(rows: Iterable[Row]) -> list[Changed]:
    """Return the changes of one application in the order of their first attempts.

    An attempt within `RETRY_WINDOW` after a failed one of the same kind is its retry, unless the subject was taken back
    in between. The tests of activations do not count: see `only_tests` for the rows that this needs.
    """
    own = [row for row in in_force(rows) if row["time_quality"] == TimeQuality.OK]
    tests = only_tests(own)
    found: list[Changed] = []
    open_runs: dict[tuple[Kind, str], tuple[int, datetime]] = {}
    for row in own:
        kind = kind_of(row)
        if takes_back(row):
            for one in MASS:
                open_runs.pop((one, row["subject_id"]), None)
        if kind is None or not row["subject_id"] or (row["kind"], row["subject_id"]) in tests:
            continue
        key = kind, row["subject_id"]
        accepted = row["event_id"] if _accepted(row) else None
        index, last = open_runs.pop(key, (-1, row["occurred_at"]))
        if index >= 0 and row["occurred_at"] - last <= RETRY_WINDOW:
            found[index] = found[index]._replace(accepted=accepted)
        else:
            index = len(found)
            found.append(Changed(*key, row["occurred_at"], row["event_id"], accepted))
        if row["outcome"] == Outcome.FAILURE:
            open_runs[key] = index, row["occurred_at"]
    return [change for change in found if change.kind is not Kind.MASS_REMOVALS or change.accepted]


def tried_again(rows: Iterable[Row]) -> set[str]:
    """Return the ids of the subjects with an attempt after a failed one of the same kind, from rows in order."""
    failed: set[tuple[Kind, str]] = set()
    found = set()
    for row in rows:
        kind = kind_of(row)
        if kind is None:
            continue
        if (kind, row["subject_id"]) in failed:
            found.add(row["subject_id"])
        if row["outcome"] == Outcome.FAILURE:
            failed.add((kind, row["subject_id"]))
    return found


def takes_back(row: Row) -> bool:
    """Whether the event gives its subject the application again, or an attempt was made to: what was tried before is no
    longer wanted then."""
    if row["kind"] in ("user", "group"):
        return bool(row["action"] == Action.CREATE or row["account_state"] == ACTIVE)
    if row["event_type"] in MAKES or row["event_type"] == ASSOCIATION_CHANGE:
        return bool(row["outcome"] != Outcome.FAILURE and row["action"] != "remove")
    return act_on_person(row) == "activated"


def kind_of(row: Row) -> Kind | None:
    """Return the kind of mass change that the row may be part of."""
    if is_membership(row):
        return Kind.MASS_REMOVALS if row["action"] == "remove" else None
    return _KINDS.get((row["kind"], row["action"]))


def _accepted(row: Row) -> bool:
    if row["event_type"] == ASSOCIATION_CHANGE:
        return bool(row["outcome"] != Outcome.FAILURE)
    return bool(row["outcome"] == Outcome.SUCCESS)
