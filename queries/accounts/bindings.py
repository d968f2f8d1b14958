"""What decides about a subject's accounts besides its own events: which groups are bound to which applications, who is
in which group, and when integrations came and went. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from queries.accounts.folding import Place, Row, in_force, place_of
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome
from schemas.times import TimeQuality

BINDING_COLUMNS: Final = (
    "event_id", "occurred_at", "time_quality", "event_type", "action", "outcome", "subject_id", "application_id",
    "application_name", "group_id", "group_name", "actor_name",
)  # fmt: skip
"""The columns read of such an event; plus version and fingerprint where copies may come."""

ACTIVATED: Final = "idm_integration_activate"
DEACTIVATED: Final = "idm_integration_delete"
USED: Final = "integration_used"
"""The type that `queries.integrations.uses` gives to what shows that an application has an integration: attempts and
re-authorisations."""
GROUP_DELETED: Final = "group_delete"

ON_ITS_WAY: Final = timedelta(hours=1)
"""What is used up to this long after the deletion of an integration may have been on its way: it shows nothing."""


class Bindings:
    """The bindings of one organization, the activations and deletions of its integrations, and deletions of groups.

    They hold for all people; for the lifecycle of a group the rows also say who joined and left it. Rows may come in
    any order and repeat. An instance never changes. Deletions of replaced integrations must not be among the rows: see
    `queries.integrations.replaced`.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.agenda: Final[list[Row]] = []
        """The events that took effect, in order; of uses, the first after each deletion of an integration."""
        self.deleted: Final[dict[str, Row]] = {}
        """The deletion of each integration that is deleted at the end, by application."""
        self._activations: dict[str, list[Row]] = defaultdict(list)
        for row in in_force(rows):
            if row["time_quality"] == TimeQuality.OK and _counts(row):
                self._add(row)

    def _add(self, row: Row) -> None:
        application, event_type = row["application_id"], row["event_type"]
        if event_type == USED:
            deletion = self.deleted.get(application)
            if deletion is None or row["occurred_at"] - deletion["occurred_at"] <= ON_ITS_WAY:
                return
        if event_type == DEACTIVATED:
            self.deleted[application] = row
        elif event_type in (ACTIVATED, USED):
            self.deleted.pop(application, None)
        if event_type == ACTIVATED:
            self._activations[application].append(row)
        self.agenda.append(row)

    def only(self, applications: Collection[str]) -> Bindings:
        """Return the bindings that concern these applications. Accounts in them fold to the same result."""
        return Bindings(row for row in self.agenda if row["application_id"] in ("", *applications))

    def activation_before(self, application: str, at: datetime, within: timedelta) -> Row | None:
        """Return the integration's last activation at or before `at`, if it is at most `within` before."""
        for row in reversed(self._activations.get(application, ())):
            if row["occurred_at"] <= at:
                return row if at - row["occurred_at"] <= within else None
        return None


def _counts(row: Row) -> bool:
    """Whether the event took effect. Without an outcome it did, except for integrations, which may answer anything."""
    if row["event_type"] in (ACTIVATED, DEACTIVATED):
        return bool(row["outcome"] == Outcome.SUCCESS)
    if row["event_type"] == USED:
        return True
    return bool(row["outcome"] != Outcome.FAILURE)


NO_BINDINGS: Final = Bindings()


class Memberships:
    """When one person was in which group or bound directly to which application, as far as the log says."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._told: dict[str, list[tuple[Place, bool]]] = defaultdict(list)
        for row in in_force(rows):
            own = is_membership(row) or is_direct(row)
            if own and row["time_quality"] == TimeQuality.OK and _counts(row):
                self._told[row["group_id"] or row["application_id"]].append((place_of(row), row["action"] == "add"))

    def holds(self, source: str, at: Place) -> bool | None:
        """Whether the person was in the group, or bound to the application, just after `at`; None if the log does not
        say.

        A person whose first event is a removal was a member before it; one whose first event is an addition was not.
        """
        told = self._told.get(source)
        if told is None:
            return None
        index = bisect_right(told, (at, True))
        return told[index - 1][1] if index else not told[0][1]

    def joined_within(self, sources: Iterable[str], at: Place, wait: timedelta) -> bool:
        """Whether the person is added to one of `sources` within `wait` after `at`: a move, not a removal."""
        return any(
            added and at < place and place[0] <= at[0] + wait
            for source in sources
            for place, added in self._told.get(source, ())
        )


def is_membership(row: Row) -> bool:
    """Whether the event adds somebody to a group or removes them."""
    return row["event_type"] == ASSOCIATION_CHANGE and bool(row["group_id"]) and not row["application_id"]


def is_direct(row: Row) -> bool:
    """Whether the event binds a person directly to an application or unbinds them."""
    return row["event_type"] == ASSOCIATION_CHANGE and bool(row["application_id"]) and not row["group_id"]
