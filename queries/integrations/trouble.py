"""What happened to the credentials of an integration: accepted and refused attempts, changes, and the troubles they
make. Values only; `queries/integrations/health.py` folds them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from schemas.action import Action
from schemas.cause import Cause
from schemas.outcome import Outcome

SILENCE: Final = timedelta(days=7)
"""After this long without an accepted or refused attempt, nobody knows whether the credentials work."""


class Place(NamedTuple):
    """The position of an event among all events."""

    at: datetime
    event_id: UUID


class ConfigurationChange(NamedTuple):
    """An event of the integration's configuration."""

    place: Place
    event_type: str
    action: str
    outcome: str
    cause: str
    actor: str
    detail: str
    replaced: bool = False
    """Whether it is about an integration that another one had replaced."""

    @property
    def deletes(self) -> bool:
        """Whether it left the application without an integration."""
        return self.action == Action.DELETE and self.accepted and not self.replaced

    @property
    def authorises(self) -> bool:
        """Whether it was about credentials: a re-authorisation or an activation, whatever its outcome."""
        return self.action in (Action.REAUTH, Action.ACTIVATE)

    @property
    def accepted(self) -> bool:
        """Whether it took effect."""
        return self.outcome == Outcome.SUCCESS

    @property
    def refused(self) -> bool:
        """Whether the credentials that it brought were refused."""
        return self.outcome == Outcome.FAILURE and self.cause == Cause.CREDENTIALS


class Attempts(NamedTuple):
    """Attempts on users and groups, all accepted or all refused for their credentials, with neither the other sort nor
    `SILENCE` in between; of accepted ones the tries are not counted. A single attempt is both first
    and last."""

    first: Place
    last: Place
    accepted: bool
    tries: int = 1
    detail: str = ""
    """The provider's text for the first attempt."""


Mark = Attempts | ConfigurationChange


class End(StrEnum):
    """What ended a trouble."""

    REAUTHORISED = "reauthorised"
    """An attempt was accepted after a re-authorisation or activation within the trouble."""
    BY_ITSELF = "by_itself"
    """An attempt was accepted, and nothing in the log explains it."""
    DELETED = "deleted"
    """The integration was deleted."""


class Trouble(NamedTuple):
    """A stretch in which credentials were refused: from the first refusal to the first attempt accepted after it."""

    start: Place
    last: Place
    """The last refusal."""
    refusals: int
    detail: str
    """The provider's text for the first refusal."""
    authorised: ConfigurationChange | None
    """The change that gave the integration the refused credentials, if it is in the log."""
    last_good: Place | None
    """The last accepted attempt before it."""
    changes: tuple[ConfigurationChange, ...]
    """Re-authorisations and activations within it, except the first refusal if that is one."""
    ended: Place | None
    end: End | None

    @property
    def expired(self) -> bool:
        """Whether it shows how long the credentials lived: they worked once, and the provider says they expired."""
        if self.authorised is None or self.last_good is None or self.last_good < self.authorised.place:
            return False
        return "expir" in self.detail.lower()
