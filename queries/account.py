"""An account of a person or a group in one application: what the directory wants it to be, and what the provider
confirmed. Pure; the table of transitions in docs/lifecycle.md is made from `CONFIRMS`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from schemas.outcome import Outcome

ABSENT: Final = "absent"
ACTIVE: Final = "active"
INACTIVE: Final = "inactive"
DELETED: Final = "deleted"
UNKNOWN: Final = "unknown"
"""What an account is meant to be, or was confirmed to be."""
REPORTED_ABSENT: Final = "reported_absent"
"""Only of what was confirmed: the provider answered 404 when it was to be closed."""
INTENDED: Final = (ABSENT, ACTIVE, INACTIVE, DELETED, UNKNOWN)
CONFIRMED: Final = (*INTENDED, REPORTED_ABSENT)

CLOSED: Final = frozenset({INACTIVE, DELETED})
CLOSINGS: Final = ("deprovision", "delete")
"""The actions that are to close an account."""

INTENTION = "intended"
CONFIRMATION = "confirmed"

CONFIRMS: Final[dict[tuple[str, str], str]] = {
    (ACTIVE, Outcome.SUCCESS): ACTIVE,
    (INACTIVE, Outcome.SUCCESS): INACTIVE,
    (INACTIVE, Outcome.REPORTED_ABSENT): REPORTED_ABSENT,
    (DELETED, Outcome.SUCCESS): DELETED,
    (DELETED, Outcome.REPORTED_ABSENT): REPORTED_ABSENT,
}
"""(what the attempt was to make of the account, its outcome) to what is confirmed; every other changes nothing."""

SHOWS_IT_OPEN: Final = frozenset({ABSENT, UNKNOWN, REPORTED_ABSENT, DELETED})
"""An accepted update of an account that was confirmed to be one of these shows that it is there, and kept."""


class Because(NamedTuple):
    """What set a step off, or decided what an account is meant to be."""

    kind: str
    """directory, membership, binding, integration, retry, superseded, test or unknown."""
    event_id: UUID | None
    """The event that did; None where the log does not tell it for certain."""
    text: str
    """A few words for people."""


NOT_TOLD: Final = Because("unknown", None, "the log does not tell")


class Change(NamedTuple):
    """From `at` on the account was meant, or confirmed, to be in that state."""

    view: str
    """intended or confirmed."""
    state: str
    at: datetime
    because: Because


@dataclass(slots=True)
class Account:
    """Where the subject stands in one application, as far as the log tells."""

    application_id: str
    application: str
    initial: str = ABSENT
    """What it was, both ways, before its first change: unknown where the log begins in the middle of its life."""
    intended: str = ABSENT
    """One of `INTENDED`: what the directory wants it to be."""
    intended_since: datetime | None = None
    """When that was decided: at the directory's own event where the log has it, else at the first attempt."""
    intended_because: Because | None = None
    confirmed: str = ABSENT
    """One of `CONFIRMED`: what the provider last accepted; unknown while the integration is deleted."""
    confirmed_since: datetime | None = None
    test: bool = False
    """Of the test user or group that an activation makes and takes away again."""
    attempted: str = ""
    """active, inactive or deleted: what the last attempt that says so meant the account to be."""
    attempted_at: datetime | None = None
    confirmed_at: datetime | None = None
    """When the provider last accepted an attempt that says what the account is to be."""
    updated_at: datetime | None = None
    """When the provider last accepted an update: of a group, its members as they then were."""
    left_behind: datetime | None = None
    """When the integration was deleted, while it is."""
    hidden: str = ""
    """active or inactive: what was confirmed before that, until something is confirmed again."""
    state: str = UNKNOWN
    """open, closed, reported_absent or unknown."""
    closing_since: datetime | None = None
    """When it was first meant to be closed, if it is meant to be."""
    closing_tries: int = 0
    last_try: datetime | None = None
    last_outcome: str = ""
    last_cause: str = ""
    last_detail: str = ""
    subject_id: str = ""
    """Of which id of the person, where a person is read: each id has accounts of its own."""
    changes: list[Change] = field(default_factory=list)
    """Every change of both states, those of one view in order; only where they were asked for."""

    @property
    def exposed(self) -> bool:
        """Meant to be closed, and neither confirmed closed nor reported absent.

        What the provider never accepted, and nobody tried to close, is not open.
        """
        if self.intended not in CLOSED or self.state != "open":
            return False
        return self.confirmed != ABSENT or self.closing_tries > 0

    def state_at(self, view: str, at: datetime) -> str:
        """What it was meant (`intended`) or confirmed to be at that instant; needs `changes`."""
        state = self.initial
        for change in self.changes:
            if change.view == view and change.at <= at:
                state = change.state
        return state
