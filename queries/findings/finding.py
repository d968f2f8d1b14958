"""A finding: something that several events prove or make likely and that no single event says. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from queries.accounts.account import Because

EVIDENCE: Final = 100
"""How many event ids a finding shows at most; their number is given beside them."""
CERTAIN: Final = "certain"
"""The events prove it."""
LIKELY: Final = "likely"
"""The events allow no other ordinary reason."""


class Kind(StrEnum):
    """The kinds of finding."""

    MASS_DEACTIVATIONS = "mass_deactivations"
    MASS_DELETIONS = "mass_deletions"
    MASS_GROUP_DELETIONS = "mass_group_deletions"
    MASS_REMOVALS = "mass_removals"
    ORPHANED_VALUES = "orphaned_values"
    STALE_PEOPLE = "stale_people"
    TWICE_GROUPS = "twice_groups"


MASS: Final = (Kind.MASS_DEACTIVATIONS, Kind.MASS_DELETIONS, Kind.MASS_GROUP_DELETIONS, Kind.MASS_REMOVALS)


class App(NamedTuple):
    """One application of one organization."""

    organization: str
    application_id: str
    application: str


class Act(NamedTuple):
    """The act that set a finding off."""

    because: Because
    event_type: str
    at: datetime
    actor: str
    """Empty if several people did it, or the log names nobody."""


class Finding(NamedTuple):
    """A finding, with the events that prove it."""

    kind: Kind
    app: App
    since: datetime
    until: datetime
    """When it was complete, or the latest time so far."""
    sure: str
    text: str
    """What was found, in a sentence."""
    subjects: tuple[str, ...]
    """The ids of the people or groups it is about, in order."""
    events: tuple[UUID, ...]
    """All events that prove it, in order."""
    accepted: int = 0
    """How many of the changes the provider or the directory accepted."""
    usual: int | None = None
    """The baseline; None if too little is known of the application."""
    threshold: int = 0
    act: Act | None = None
    attributes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id. It depends only on what the finding is about and on its first event."""
        parts = (self.kind, self.app.organization, self.app.application_id, str(self.events[0]))
        return hashlib.blake2b("\n".join(parts).encode(errors="surrogatepass"), digest_size=8).hexdigest()


def in_order(found: Sequence[Finding]) -> list[Finding]:
    """Return the findings in order, the latest first."""
    return sorted(found, key=lambda one: (one.since, one.id), reverse=True)
