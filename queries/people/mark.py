"""A mark: what an event says of one id and its accounts, as the reading of people takes it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from queries.accounts.account import CLOSED
from queries.accounts.because import MAKES, act_on_person
from schemas.action import Action
from schemas.events import Kind
from schemas.outcome import Outcome

_ENDS: Final = frozenset({"suspended", "deleted"})


class Mark(NamedTuple):
    """What an event says of an id and its accounts. A mark may stand for many events of one id that say the same: it
    has the first and the last of them."""

    subject_id: str
    subject_type: str
    name: str
    email: str
    event_type: str
    kind: str
    action: str
    outcome: str
    cause: str
    account_state: str
    application_id: str
    application: str
    changed: Sequence[str]
    events: int
    first_at: datetime
    first_event: UUID
    last_at: datetime
    last_event: UUID

    @property
    def act(self) -> str:
        """The effect on the person in the directory: suspended, activated, deleted, or empty for none."""
        if self.kind != Kind.OTHER or self.outcome == Outcome.FAILURE:
            return ""
        if self.event_type in MAKES:
            return "activated"
        return act_on_person({"event_type": self.event_type, "outcome": self.outcome, "changed": self.changed})

    @property
    def ending(self) -> bool:
        """Whether the event ends the person's access in the directory."""
        return self.act in _ENDS

    @property
    def closing(self) -> bool:
        """Whether the event ends the person's access or is to close an account."""
        return self.account_state in CLOSED or self.ending

    @property
    def living(self) -> bool:
        """Whether the event takes the id into use.

        Refused events do not. Neither do sign-ins and lookups, which may concern somebody who has left.
        """
        if self.closing or self.outcome == Outcome.FAILURE:
            return False
        if self.kind == Kind.USER:
            return self.action != Action.LOOKUP
        return self.event_type.startswith(("user_", "systemuser_")) and not self.event_type.startswith("user_login")
