"""A finding: something that the events prove, or make likely, and that no single event tells. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from queries.account import Because

EVIDENCE: Final = 100
"""Ids of events that a finding shows, at most; how many there are is told beside them."""
CERTAIN: Final = "certain"
"""The events say so."""
LIKELY: Final = "likely"
"""The events allow no other ordinary reason."""


class Kind(StrEnum):
    """What was found."""

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
    """What set it off."""

    because: Because
    event_type: str
    at: datetime
    actor: str
    """Empty where several did, or nobody is told."""


class Finding(NamedTuple):
    """One of them."""

    kind: Kind
    app: App
    since: datetime
    until: datetime
    """When it was complete, as far as it has come."""
    sure: str
    text: str
    """What was found, in a sentence."""
    subjects: tuple[str, ...]
    """Ids of the people or groups it is about, in order."""
    events: tuple[UUID, ...]
    """All that prove it, in order."""
    accepted: int = 0
    """Of the changes, how many the provider or the directory accepted."""
    usual: int | None = None
    """The baseline; None: too little is known of the application."""
    threshold: int = 0
    act: Act | None = None
    attributes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same whenever and however it is found, as long as its first event is."""
        parts = (self.kind, self.app.organization, self.app.application_id, str(self.events[0]))
        return hashlib.blake2b("\n".join(parts).encode(errors="surrogatepass"), digest_size=8).hexdigest()


def in_order(found: Sequence[Finding]) -> list[Finding]:
    """The latest first."""
    return sorted(found, key=lambda one: (one.since, one.id), reverse=True)
