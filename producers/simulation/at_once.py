"""Events that affect many accounts of an application at once, as the truth records them."""

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class MassChange:
    """A non-random closing of many accounts of one application at once.

    kind: deactivations or deletions. acts: ids of the events that decided it; empty where none is logged. subjects: ids
    of those whose accounts were to be closed, if the log knows that they have one.
    """

    kind: str
    application_id: str
    at: int
    acts: list[str] = field(default_factory=list)
    subjects: dict[str, None] = field(default_factory=dict)


class Unmapped(NamedTuple):
    """An attribute that was removed from an application's mappings, and who then had an account, as far as the log
    knows."""

    application_id: str
    at: int
    event_id: str | None
    attribute: str
    subjects: frozenset[str]


class Remapped(NamedTuple):
    """A change of an application's mappings that gives people an attribute: it causes no push."""

    application_id: str
    at: int
    event_id: str | None


class HeldGroup(NamedTuple):
    """A group that a provider really has, and the attempt that made it."""

    subject_id: str
    name: str
    at: int
    event_id: str | None
