"""What surrounds a subject's own events and decides about its accounts: which groups are bound to which applications,
who is in which group, and when integrations came and went. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from queries.folding import Place, Row, in_force, place_of
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome
from schemas.times import TimeQuality

BINDING_COLUMNS: Final = (
    "event_id", "occurred_at", "time_quality", "event_type", "action", "outcome", "subject_id", "application_id",
    "application_name", "group_id", "group_name", "actor_name",
)  # fmt: skip
"""What is read of an event that surrounds others; with version and fingerprint where copies may come."""

ACTIVATED: Final = "idm_integration_activate"
DEACTIVATED: Final = "idm_integration_delete"
GROUP_DELETED: Final = "group_delete"


class Bindings:
    """Of one organization, for all its people: every binding of a group to an application, the activations and
    deletions of integrations, deletions of groups. For a group's own lifecycle also who came into it and went.

    Made of rows in any order, repeated or not; never changed afterwards.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.agenda: Final = [row for row in in_force(rows) if row["time_quality"] == TimeQuality.OK and _counts(row)]
        """In order."""
        self._activations: dict[str, list[Row]] = defaultdict(list)
        for row in self.agenda:
            if row["event_type"] == ACTIVATED:
                self._activations[row["application_id"]].append(row)

    def only(self, applications: Collection[str]) -> Bindings:
        """What concerns the accounts in these: they are told the same by it."""
        return Bindings(row for row in self.agenda if row["application_id"] in ("", *applications))

    def activation_before(self, application: str, at: datetime, within: timedelta) -> Row | None:
        """The integration's last activation at most so long before."""
        for row in reversed(self._activations.get(application, ())):
            if row["occurred_at"] <= at:
                return row if at - row["occurred_at"] <= within else None
        return None


def _counts(row: Row) -> bool:
    """Whether it took effect. What does not say so did, but for integrations: those may answer anything."""
    if row["event_type"] in (ACTIVATED, DEACTIVATED):
        return bool(row["outcome"] == Outcome.SUCCESS)
    return bool(row["outcome"] != Outcome.FAILURE)


NO_BINDINGS: Final = Bindings()


class Memberships:
    """When one person was in which group, and bound to which application directly, as far as the log tells."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._told: dict[str, list[tuple[Place, bool]]] = defaultdict(list)
        for row in in_force(rows):
            own = is_membership(row) or is_direct(row)
            if own and row["time_quality"] == TimeQuality.OK and _counts(row):
                self._told[row["group_id"] or row["application_id"]].append((place_of(row), row["action"] == "add"))

    def holds(self, source: str, at: Place) -> bool | None:
        """Whether the person was in that group, or bound to that application, just after; None where the log does not
        tell.

        Who is removed later was in it before, and who is added later was not.
        """
        told = self._told.get(source)
        if told is None:
            return None
        index = bisect_right(told, (at, True))
        return told[index - 1][1] if index else not told[0][1]

    def joined_within(self, sources: Iterable[str], at: Place, wait: timedelta) -> bool:
        """Whether the person is added to one of them soon after: moved, and not removed."""
        return any(
            added and at < place and place[0] <= at[0] + wait
            for source in sources
            for place, added in self._told.get(source, ())
        )


def is_membership(row: Row) -> bool:
    """Whether somebody was added to a group or removed."""
    return row["event_type"] == ASSOCIATION_CHANGE and bool(row["group_id"]) and not row["application_id"]


def is_direct(row: Row) -> bool:
    """Whether a person was bound to an application by themselves, or unbound."""
    return row["event_type"] == ASSOCIATION_CHANGE and bool(row["application_id"]) and not row["group_id"]
