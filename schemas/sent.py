"""Finds the value that an attempt sent for an attribute, according to its record."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from schemas.attribute import spelling
from schemas.events import Event, Kind

_RESOURCE: Final = {"userName": "username", "emails": "email", "displayName": "display_name"}


class Sent(NamedTuple):
    """A sent value, or that the record has none."""

    told: bool
    """Whether the record says what was sent."""
    present: bool
    value: Any = None


UNTOLD: Final = Sent(told=False, present=False)
NOT_SENT: Final = Sent(told=True, present=False)


def sent(event: Event, attribute: str) -> Sent:
    """Return the value of the attribute in `changes`; if the record has none, in its resource. Pure and total.

    For a list of objects, such as `emails`, the values; for a part, such as `name.familyName`, the part.
    """
    of_group = event.kind is Kind.GROUP
    if not attribute or attribute.startswith("jcUser"):
        return UNTOLD
    if event.changes is None:
        return _of_resource(event, attribute)
    for change in event.changes:
        found = _in_field(change.field or "", change.to, attribute, of_group)
        if found.present:
            return found
    return NOT_SENT


def fields_for(attribute: str, *, of_group: bool = False) -> tuple[str, ...]:
    """Return the names under which `changes` may hold the attribute: its own, its parent's, its schema's; in lower
    case."""
    top = attribute.partition(".")[0]
    names = [attribute, top, attribute.rpartition(".")[2], *(["name"] if of_group else [])]
    return tuple(dict.fromkeys(name.lower() for name in names))


def _in_field(field: str, value: Any, attribute: str, of_group: bool) -> Sent:
    named = spelling(field, of_group=of_group)
    if named == attribute:
        return Sent(told=True, present=True, value=_values(value))
    if not named and field.startswith("urn:") and isinstance(value, dict):
        for key, inner in value.items():
            found = _in_field(key, inner, attribute, of_group)
            if found.present:
                return found
    top, _, part = attribute.partition(".")
    if part and named == top:
        return _part(value, part)
    return NOT_SENT


def _part(value: Any, part: str) -> Sent:
    holders = value if isinstance(value, list) else [value]
    found = [
        inner
        for holder in holders
        if isinstance(holder, dict)
        for key, inner in holder.items()
        if key.lower() == part.lower()
    ]
    if not found:
        return NOT_SENT
    return Sent(told=True, present=True, value=found if isinstance(value, list) else found[0])


def _values(value: Any) -> Any:
    """Return the values of `[{"value": …}, …]`, or the one of `{"value": …}`."""
    if isinstance(value, dict) and "value" in value:
        return value["value"]
    if isinstance(value, list) and value and all(isinstance(one, dict) and "value" in one for one in value):
        return [one["value"] for one in value]
    return value


def _of_resource(event: Event, attribute: str) -> Sent:
    resource = event.resource
    if resource is None:
        return UNTOLD
    known = getattr(resource, _RESOURCE.get(attribute, ""), None) if attribute in _RESOURCE else None
    if known is None and event.kind is Kind.GROUP and attribute == "displayName":
        known = resource.name
    if known is not None:
        return Sent(told=True, present=True, value=known)
    for key, value in (resource.model_extra or {}).items():
        found = _in_field(key, value, attribute, event.kind is Kind.GROUP)
        if found.present:
            return found
    return UNTOLD
