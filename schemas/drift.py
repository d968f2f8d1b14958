"""Drift: where an event differs from what is known of its type. Names and JSON types only, never a value.

In the twelve provisioning types every field is checked. In other Directory Insights types only the types of the fields
that all events share are checked. The content of an unknown field, and of a field that may have any type
(`changes[].to`, `message_details`), is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from types import NoneType
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from schemas.catalogue import Types, beside, parts_of, types_at
from schemas.events import DirectoryInsightsEvent, Event
from schemas.misfits import json_type
from schemas.vendor_types import KNOWN_TYPES

MAX_FINDINGS: Final = 16
"""The most findings of one event; `Drift.MORE` stands for the rest."""
MAX_NAME: Final = 64

NO_NAME: Final = "*"
"""Stands for a key or type that is data and not a name: an id, an address, a sentence."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_]")
_NAME: Final = re.compile(r"@?[A-Za-z_$][A-Za-z0-9_$ :.\-]*", re.ASCII)
_DATA: Final = re.compile(r"[0-9a-f]{16,}|[0-9a-f]{8}-[0-9a-f]{4}-.*|.*[0-9]{6,}.*", re.ASCII | re.IGNORECASE)
_SEPARATOR: Final = "\t"
_SAFE_PATH: Final = re.compile(r"[^A-Za-z0-9_.\[\]]")
_NOTHING: Final[dict[str, Any]] = {}
_WRITTEN: Final = (str, NoneType)
_PARTS: Final = tuple(attribute for name, attribute in parts_of(DirectoryInsightsEvent).items() if name != "changes")
_COMMON: Final[dict[str, tuple[type, ...]]] = {"geoip": (dict, NoneType), "useragent": (dict, NoneType)}
"""Unread fields that nearly every event has: they need no closer look."""


class Drift(StrEnum):
    """How an event can differ."""

    UNKNOWN_TYPE = "unknown_type"
    NEW_FIELD = "new_field"
    CHANGED_TYPE = "changed_type"
    MORE = "more"
    """The event has more findings than are listed."""


class Novelty(NamedTuple):
    """One difference. Findings of two events are equal if it is the same difference."""

    event_type: str
    """The type's own name; empty for an unknown type, since anybody can invent one."""
    kind: Drift
    name: str
    """The path, such as `changes[].op`, or the name of an unknown type."""
    expected: str = ""
    """JSON types, joined by a bar."""
    found: str = ""

    def text(self) -> str:
        """Return the text form in which it is stored."""
        return _SEPARATOR.join(self)

    @classmethod
    def of_text(cls, text: str) -> Novelty:
        """Parse a finding from its text form."""
        event_type, kind, name, expected, found = text.split(_SEPARATOR)
        return cls(event_type, Drift(kind), name, expected, found)


def drift(event: Event) -> tuple[Novelty, ...]:
    """Return an event's differences in the order of its text; nearly always none. Pure."""
    own = _own_type(event)
    plain = not _is_extended(event) if event.canonical else own == (event.event_type or "")
    if plain and not event.misfits and type(event.timestamp) in _WRITTEN:
        return ()
    found = sorted(set(_findings(event, own)))
    if len(found) <= MAX_FINDINGS:
        return tuple(found)
    return (*found[:MAX_FINDINGS], Novelty(own, Drift.MORE, ""))


def name_of(key: str) -> str:
    """Return a key or event type in a form that may be shown: in the Google export's spelling, or `NO_NAME` if it is
    not a name."""
    if len(key) > MAX_NAME or not _NAME.fullmatch(key) or _DATA.fullmatch(key):
        return NO_NAME
    return _UNSAFE.sub("_", key)


def example(record: dict[str, Any], finding: Novelty) -> Any:
    """Return a value in the decoded record that the finding is about; None if there is none."""
    return next((value for value in _at(record, finding.name.split(".")) if json_type(value) == finding.found), None)


def _at(holder: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield holder
    elif isinstance(holder, dict):
        name = steps[0].removesuffix("[]")
        for key, value in holder.items():
            if name_of(key) == name:
                elements = [value] if name == steps[0] else value if isinstance(value, list) else []
                for element in elements:
                    yield from _at(element, steps[1:])


def _is_extended(event: Event) -> bool:
    """Whether any object of the event has a field that its class does not read, other than the common ones."""
    for key, value in (event.__pydantic_extra__ or _NOTHING).items():
        if type(value) not in _COMMON.get(key, ()):
            return True
    values = event.__dict__
    for attribute in _PARTS:
        part = values[attribute]
        if part is not None and part.__pydantic_extra__:
            return True
    for change in values["changes"] or ():  # noqa: SIM110  because a plain loop is faster, and this is asked of every event
        if change.__pydantic_extra__:
            return True
    return False


def _findings(event: Event, own: str) -> Iterator[Novelty]:
    if event.event_type and not own:
        yield Novelty("", Drift.UNKNOWN_TYPE, name_of(event.event_type))
    for path, found in event.misfits:
        yield from _changed(own, _SAFE_PATH.sub("_", path), types_at(type(event), path), found)
    yield from _changed(own, "timestamp", types_at(type(event), "timestamp"), json_type(event.timestamp))
    if event.canonical:
        yield from _of_object(own, "", event)


def _changed(own: str, path: str, expected: Types, found: str) -> Iterator[Novelty]:
    if found != "null" and found not in expected:
        yield Novelty(own, Drift.CHANGED_TYPE, path, "|".join(sorted(expected)), found)


def _of_object(own: str, prefix: str, holder: BaseModel) -> Iterator[Novelty]:
    known = beside(type(holder))
    for key, value in (holder.__pydantic_extra__ or _NOTHING).items():
        if value is None:
            continue
        path, found = prefix + name_of(key), json_type(value)
        if key in known:
            yield from _changed(own, path, known[key], found)
        else:
            yield Novelty(own, Drift.NEW_FIELD, path, found=found)
    for name, attribute in parts_of(type(holder)).items():
        inner = holder.__dict__[attribute]
        if isinstance(inner, list):
            for element in inner:
                yield from _of_object(own, f"{prefix}{name}[].", element)
        elif inner is not None:
            yield from _of_object(own, f"{prefix}{name}.", inner)


def _own_type(event: Event) -> str:
    """Return the type if it is a known one: those are limited in number."""
    if event.canonical:
        return event.canonical
    return event.event_type if event.event_type and event.event_type in KNOWN_TYPES else ""
