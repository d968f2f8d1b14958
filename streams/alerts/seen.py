"""Events as rules see them. Pure: the same record always gives the same values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, get_type_hints

from schemas.facts import Facts
from schemas.signature import NONE
from streams.forwarded import Forwarded

Value = str | int | bool | tuple[str, ...]

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FIRST_WEEKDAY: Final = 3
"""1970 began on a Thursday."""
_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR


class Seen(NamedTuple):
    """One copy of an event whose time is credible."""

    organization: str
    event_id: bytes
    at: int
    """When it occurred, in microseconds since 1970."""
    known_ms: int
    """When the log first had it, in milliseconds by the broker's clock."""
    version: int
    """Among an event's copies, the one with the largest version is in force."""
    facts: Facts
    incident_id: bytes
    """`schemas.signature.NONE` if the event did not fail."""
    drifted: bool
    """Whether it differs from the known shape of its type: see `schemas.drift`."""
    raw: bytes


def incident_of(seen: Seen) -> str:
    """Return 32 hexadecimal digits; empty if the event did not fail."""
    return "" if seen.incident_id == NONE else seen.incident_id.hex()


DERIVED: Final[dict[str, tuple[type, Callable[[Seen], Value]]]] = {
    "organization": (str, lambda seen: seen.organization),
    "incident": (str, incident_of),
    "drift": (bool, lambda seen: seen.drifted),
    "hour": (int, lambda seen: seen.at // _HOUR % 24),
    "weekday": (str, lambda seen: WEEKDAYS[(seen.at // _DAY + _FIRST_WEEKDAY) % 7]),
}
"""Facts besides the event's own, with their types. Hour and weekday are in UTC."""

FACT_TYPES: Final[dict[str, type]] = {
    **{
        name: tuple if kind == tuple[str, ...] else kind  # lists of texts are the only lists
        for name, kind in get_type_hints(Facts).items()
    },
    **{name: kind for name, (kind, _) in DERIVED.items()},
}
"""Every fact that a rule can read, with its type: `str`, `int`, `bool`, or `tuple` for a list of texts."""

TEXT_FACTS: Final[tuple[str, ...]] = tuple(name for name, kind in FACT_TYPES.items() if kind is str)
"""The facts that alerts can be grouped by, count distinct values of, and use in titles."""


def seen_of(forwarded: Forwarded) -> Seen | None:
    """Return the event as rules see it; None where its time is not credible, so that it belongs into no window."""
    organization, event_id, _, version, known_ms, found, raw = forwarded
    if not found.timed:
        return None
    return Seen(
        organization, event_id, found.at, known_ms, version, found.facts, found.incident_id, bool(found.drift), raw
    )


def reader_of(name: str) -> Callable[[Seen], Value]:
    """Return a function that reads one of `FACT_TYPES` from an event."""
    if name in DERIVED:
        return DERIVED[name][1]
    column = Facts._fields.index(name)
    return lambda seen: seen.facts[column]


def values_reader(names: Sequence[str]) -> Callable[[Seen], tuple[Value, ...]]:
    """Return a function that reads several facts at once; fastest if the event's own facts come first."""
    if len(names) == 1:
        only = reader_of(names[0])
        return lambda seen: (only(seen),)
    own = [name for name in names if name not in DERIVED]
    if len(own) < 2 or list(names[: len(own)]) != own:
        readers = [reader_of(name) for name in names]
        return lambda seen: tuple([read(seen) for read in readers])
    columns = itemgetter(*map(Facts._fields.index, own))
    derived = [reader_of(name) for name in names[len(own) :]]
    if not derived:
        return lambda seen: columns(seen.facts)
    return lambda seen: (*columns(seen.facts), *[read(seen) for read in derived])
