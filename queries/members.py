"""Lists the members of a group: people who were added, unless they were removed or deleted since, or the group was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from queries.accounts.bindings import GROUP_DELETED, Bindings, is_membership
from queries.accounts.folding import Row, in_force, place_of
from queries.foreign import own_rows
from queries.pieces import IDS_AT_ONCE, pieces
from queries.store import BULK_LIMITS, Store
from schemas.times import LATEST, to_microseconds

_PERSON_DELETED: Final = "user_delete"
# Every copy of the acts on them, so that the copy in force counts.
_ACTS: Final = (
    "SELECT subject_id, event_id, occurred_at, version, fingerprint, act FROM directory_acts"
    " WHERE organization = {organization:String} AND subject_id IN {subjects:Array(String)}"
    " AND application_id = '' AND time_quality = 'ok'"
    " AND known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC')"
)


class Members:
    """The members of one group at any time."""

    def __init__(self, group: str, bindings: Bindings, deletions: Iterable[Row] = ()) -> None:
        self._group = group
        self._told = sorted([*bindings.agenda, *deletions], key=place_of)

    def at(self, at: datetime) -> dict[str, datetime]:
        """Return each member with the time of joining."""
        held: dict[str, datetime] = {}
        for row in self._told:
            if row["occurred_at"] > at:
                break
            if is_membership(row) and row["action"] == "add":
                held[row["subject_id"]] = row["occurred_at"]
            elif is_membership(row) or row["event_type"] == _PERSON_DELETED:
                held.pop(row["subject_id"], None)
            elif row["event_type"] == GROUP_DELETED and row["subject_id"] == self._group:
                held.clear()
        return held


def read_members(
    store: Store, organization: str, group: str, bindings: Bindings, known_at: datetime | None = None
) -> Members:
    """Return the group's members, as known at a time."""
    subjects = sorted({row["subject_id"] for row in bindings.agenda if is_membership(row)})
    known = to_microseconds(known_at or LATEST)
    found: list[Row] = []
    for some in pieces(subjects, IDS_AT_ONCE):
        found += _deletions(store, organization, some, known)
    return Members(group, bindings, found)


def _deletions(store: Store, organization: str, subjects: Sequence[str], known: int) -> list[Row]:
    values: dict[str, Any] = {"organization": organization, "subjects": list(subjects), "known": known}
    rows = own_rows(store, organization, store.query_dicts(_ACTS, values, BULK_LIMITS), known)
    return [{**row, "event_type": _PERSON_DELETED} for row in in_force(rows) if row["act"] == "deleted"]
