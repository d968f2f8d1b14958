"""The cause of a step: its words, and which change of a person an update carries. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from queries.accounts.account import Because
from queries.accounts.bindings import ACTIVATED, DEACTIVATED, GROUP_DELETED, USED, is_membership
from queries.accounts.folding import Place, Row, place_of
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome

PROMPT: Final = timedelta(hours=1)
"""A push comes at most this long after the change it carries. While an integration is set up anew, pushes wait."""
ROLLOUT: Final = timedelta(hours=6)
"""First pushes of a group's people may come this long after the binding: tens of thousands of people take hours."""
MOVE: Final = timedelta(minutes=1)
"""A person removed from one group and added to another within this time has moved."""
CLOCKS: Final = timedelta(seconds=5)
"""An attempt may be stamped up to this long before the directory's act that it was made for."""
REMEMBERED: Final = 32
"""How many changes of a subject are remembered for the pushes that carry them."""

_ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_CARRIED_AS: Final[dict[str, tuple[str, ...]]] = {
    "jobtitle": ("title", "jobTitle"),
    "costcenter": (_ENTERPRISE, "costCenter"),
    "employeeidentifier": (_ENTERPRISE, "employeeNumber"),
    "employeetype": ("userType", _ENTERPRISE),
    "company": (_ENTERPRISE, "organization"),
    "manager": (_ENTERPRISE, "manager"),
    "phonenumbers": ("phoneNumbers",),
    "addresses": ("addresses",),
    "email": ("emails", "userName"),
    "username": ("userName",),
    "firstname": ("name", "displayName"),
    "middlename": ("name", "displayName"),
    "lastname": ("name", "displayName"),
    "displayname": ("displayName",),
}
"""Maps the directory's name of a person's attribute, in lower case, to the names that a push carries it under."""

_SUSPENDS: Final = frozenset({"user_suspended"})
_ACTIVATES: Final = frozenset({"user_unsuspended", "user_activated"})
_DELETES: Final = frozenset({"user_delete", "systemuser_delete"})
MAKES: Final = frozenset({"user_create", "systemuser_create"})
"""Events that create a person in the directory, or create one again under the same id."""
_UPDATES: Final = frozenset({"user_update", "systemuser_update"})
TAKE_BACK: Final = tuple(sorted(MAKES | _ACTIVATES | _UPDATES))
"""Types of the events that may take somebody back into the directory."""
_BY_CHANGE: Final = {
    "state: suspended": "suspended",
    "state: activated": "activated",
    "suspended: true": "suspended",
    "suspended: false": "activated",
}


def act_on_person(row: Row) -> str:
    """Return `suspended`, `activated` or `deleted` if the event does that to the person; else an empty string."""
    event_type = row["event_type"]
    if row["outcome"] == Outcome.FAILURE:
        return ""
    if event_type in _UPDATES:
        return next((_BY_CHANGE[each] for each in _became(row) if each in _BY_CHANGE), "")
    if event_type in _SUSPENDS:
        return "suspended"
    if event_type in _ACTIVATES:
        return "activated"
    return "deleted" if event_type in _DELETES else ""


def made_as(row: Row) -> str:
    """Return the state in which the event creates a person: `staged`, `suspended` or `activated`."""
    made = {**_BY_CHANGE, "state: staged": "staged"}
    return next((made[each] for each in _became(row) if each in made), "activated")


def _became(row: Row) -> Iterator[str]:
    """Yield each changed attribute with its new value, in lower case."""
    for name in row["changed"]:
        field, _, value = name.partition(": ")
        yield f"{field}: {value.rpartition(' -> ')[2]}".lower()


def is_edit(row: Row) -> bool:
    """Whether the event changes a person or a group in the directory. An event without a type is not an edit."""
    return row["event_type"] in _UPDATES or row["event_type"] == "group_update"


def told_by(row: Row) -> Because:
    """Return the event as a cause, with its words."""
    event_type, by = row["event_type"], f" by {row['actor_name']}" if row["actor_name"] else ""
    if event_type == ASSOCIATION_CHANGE:
        added = row["action"] == "add"
        group = row["group_name"] or row["group_id"] or "person"
        if is_membership(row):
            return Because("membership", row["event_id"], f"{'added to' if added else 'removed from'} {group}{by}")
        verb = "bound to" if added else "unbound from"
        application = row["application_name"] or row["application_id"]
        return Because("binding", row["event_id"], f"{group} {verb} {application}{by}")
    if event_type in (ACTIVATED, DEACTIVATED):
        return Because("integration", row["event_id"], f"{'' if event_type == ACTIVATED else 'de'}activated{by}")
    if event_type == USED:
        return Because("integration", row["event_id"], "used after its deletion")
    if event_type == GROUP_DELETED:
        return Because("directory", row["event_id"], f"group deleted{by}")
    return Because("directory", row["event_id"], f"{act_on_person(row) or _edited(row)}{by}")


def _edited(row: Row) -> str:
    names = [name.partition(":")[0] for name in row["changed"][:3]]
    more = len(row["changed"]) - len(names)
    return f"{', '.join(names) or 'group'}{f' and {more} more' if more > 0 else ''} changed"


def one_of(rows: Iterable[Row], kind: str) -> Because:
    """Return the cause for when one of several events set a step off and the log does not say which."""
    told = [told_by(row).text for row in rows]
    return Because(kind, None, f"one of: {'; '.join(told[:5])}")


class _Trigger(NamedTuple):
    at: datetime
    place: Place
    carried: frozenset[str] | None
    because: Because
    event_id: UUID


class Triggers:
    """The latest changes of a subject that pushes may carry."""

    def __init__(self) -> None:
        self._latest: deque[_Trigger] = deque(maxlen=REMEMBERED)

    def add(self, row: Row) -> None:
        """Add a change of the person or group, or of the group's members."""
        carried: set[str] | None = None
        if row["event_type"] in _UPDATES:
            carried = set()
            for name in row["changed"]:
                carried.update(_CARRIED_AS.get(name.partition(":")[0].lower(), ()))
            if not carried:
                return
        self._latest.append(
            _Trigger(
                row["occurred_at"],
                place_of(row),
                None if carried is None else frozenset(carried),
                told_by(row),
                row["event_id"],
            )
        )

    def carried_by(self, at: datetime, changed: list[str], after: Place | None) -> tuple[Because, Place] | None:
        """Return the latest change after a place that a push of the `changed` attributes carries, and its place.

        If `changed` is empty, any change fits. Returns None if no change fits.
        """
        names = frozenset(changed)
        for trigger in reversed(self._latest):
            if (after is not None and trigger.place <= after) or at - trigger.at > PROMPT:
                return None
            if not names or trigger.carried is None or trigger.carried & names:
                return trigger.because, trigger.place
        return None

    def first_after(self, place: Place) -> UUID | None:
        """Return the first remembered change after a place."""
        return next((trigger.event_id for trigger in self._latest if trigger.place > place), None)
