"""An account of a person or a group in one application: what the directory intends and what the provider confirmed.

Pure. The table of transitions in docs/lifecycle.md is made from `CONFIRMS`.
"""

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
"""The states that an account may be intended or confirmed to be in."""
REPORTED_ABSENT: Final = "reported_absent"
"""A confirmed state only: the provider answered 404 when the account was to be closed."""
INTENDED: Final = (ABSENT, ACTIVE, INACTIVE, DELETED, UNKNOWN)
CONFIRMED: Final = (*INTENDED, REPORTED_ABSENT)

CLOSED: Final = frozenset({INACTIVE, DELETED})

INTENTION = "intended"
CONFIRMATION = "confirmed"

CONFIRMS: Final[dict[tuple[str, str], str]] = {
    (ACTIVE, Outcome.SUCCESS): ACTIVE,
    (ACTIVE, Outcome.UNKNOWN): UNKNOWN,
    (INACTIVE, Outcome.SUCCESS): INACTIVE,
    (INACTIVE, Outcome.REPORTED_ABSENT): REPORTED_ABSENT,
    (DELETED, Outcome.SUCCESS): DELETED,
    (DELETED, Outcome.REPORTED_ABSENT): REPORTED_ABSENT,
}
"""Maps (the state that the attempt was to give the account, its outcome) to the confirmed state. Other pairs change
nothing; nor does an opening of unknown outcome if the account is open, or a 404 if it is deleted."""

SHOWS_IT_OPEN: Final = frozenset({ABSENT, UNKNOWN, REPORTED_ABSENT, DELETED})
"""Confirmed states of an account in which an accepted update shows that it exists and is open."""


class Because(NamedTuple):
    """The cause of a step, or of the decision about an account."""

    kind: str
    """directory, membership, binding, integration, retry, superseded, test or unknown."""
    event_id: UUID | None
    """The event that is the cause; None if the log does not identify it for certain."""
    text: str
    """A few words for people."""


NOT_TOLD: Final = Because("unknown", None, "the log does not tell")


class StateChange(NamedTuple):
    """A change of the intended or confirmed state of an account, in effect from `at`."""

    view: str
    """intended or confirmed."""
    state: str
    at: datetime
    because: Because


@dataclass(slots=True)
class Account:
    """The subject's account in one application, as far as the log says."""

    application_id: str
    application: str
    initial: str = ABSENT
    """The intended and confirmed state before the first change; unknown if the log begins in the middle of its life."""
    intended: str = ABSENT
    """The state that the directory wants, one of `INTENDED`."""
    intended_since: datetime | None = None
    """When that was decided: the time of the directory's event if it is in the log, else of the first attempt."""
    intended_because: Because | None = None
    confirmed: str = ABSENT
    """The state that the provider last accepted, one of `CONFIRMED`; unknown while the integration is deleted, or once
    an attempt of unknown outcome may have opened the account."""
    confirmed_since: datetime | None = None
    test: bool = False
    """Whether the account belongs to the test user or group that an activation makes and takes away again."""
    attempted: str = ""
    """active, inactive or deleted: the state that the last attempt to set a state asked for."""
    attempted_at: datetime | None = None
    confirmed_at: datetime | None = None
    """When the provider last accepted an attempt that sets the state."""
    updated_at: datetime | None = None
    """When the provider last accepted an update. For a group, its members are as they were then."""
    left_behind: datetime | None = None
    """When the integration was deleted; None unless it is deleted now."""
    hidden: str = ""
    """active or inactive: the state confirmed before the integration was deleted, until the next confirmation."""
    state: str = UNKNOWN
    """open, closed, reported_absent or unknown."""
    closing_since: datetime | None = None
    """When the account was first to be closed; None unless it is to be closed now."""
    closing_tries: int = 0
    last_try: datetime | None = None
    """The last attempt to bring about what is intended, or the one after it that opened a closed account again."""
    last_outcome: str = ""
    last_cause: str = ""
    last_detail: str = ""
    subject_id: str = ""
    """The id of the person that the account belongs to, when a person is read: each id has its own accounts."""
    changes: list[StateChange] = field(default_factory=list)
    """The changes of both states, each view in order; only filled when asked for."""

    @property
    def exposed(self) -> bool:
        """Whether the account is to be closed and is neither confirmed closed nor reported absent.

        An account that the provider certainly never accepted is exposed only if somebody tried to close it, and not if
        it belongs to the test of an activation.
        """
        if self.intended not in CLOSED or self.state != "open":
            return False
        return self.confirmed != ABSENT or (self.closing_tries > 0 and not self.test)
