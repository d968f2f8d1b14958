"""What befalls many accounts of an application at once, as the truth keeps it."""

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class MassChange:
    """Many accounts of one application taken away at once, and not by chance.

    kind: deactivations or deletions. acts: ids of the events that decided it; empty where none is logged.
    subjects: ids of those whose accounts were to be closed, as far as the log knows them to have one.
    """

    kind: str
    application_id: str
    at: int
    acts: list[str] = field(default_factory=list)
    subjects: dict[str, None] = field(default_factory=dict)


class Unmapped(NamedTuple):
    """An attribute that an application is no longer told of, and who had an account then, as far as the log knows."""

    application_id: str
    at: int
    event_id: str | None
    attribute: str
    subjects: frozenset[str]


class Remapped(NamedTuple):
    """A change of an application's mappings that gives people an attribute: nobody is pushed for it."""

    application_id: str
    at: int
    event_id: str | None


class HeldGroup(NamedTuple):
    """A group that a provider really has, and the attempt that made it there."""

    subject_id: str
    name: str
    at: int
    event_id: str | None
