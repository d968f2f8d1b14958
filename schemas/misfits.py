"""Values that a model rejected in a record: their place and JSON type, and the record without them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

MAX_ODD: Final = 16
"""If more values than this are odd, the whole field is removed: every path costs a copy of what leads to it."""

_JSON_TYPES: Final[dict[type, str]] = {
    str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array", type(None): "null",
}  # fmt: skip
_BOOLEAN: Final[TypeAdapter[bool]] = TypeAdapter(bool)


class Misfit(NamedTuple):
    """A value whose JSON type is not its field's."""

    path: str
    """For example `changes[].field`."""
    found: str
    """Its JSON type."""


class Refused(NamedTuple):
    """What is left of a record that a model rejected."""

    record: dict[str, Any]
    fields: set[str]
    """The top-level fields from which something was set aside."""
    misfits: set[Misfit]


def json_type(value: object) -> str:
    """Return `string`, `number`, `boolean`, `object`, `array` or `null`."""
    return _JSON_TYPES[type(value)]


def settle(record: dict[str, Any], error: ValidationError) -> Refused:
    """Return `record` without the values that `error` names. A boolean in another form (`"true"`, `1`) is kept, as a
    boolean."""
    found = error.errors(include_url=False, include_context=False)
    fields: set[str] = set()
    misfits: set[Misfit] = set()
    whole = len(found) > MAX_ODD
    for details in found:
        place, value = details["loc"], details["input"]
        if len(misfits) < MAX_ODD:
            misfits.add(Misfit(_shown(_followed(record, place)), json_type(value)))
        boolean = _boolean(value) if details["type"] == "bool_type" else None
        if boolean is None:
            fields.add(str(place[0]))
        if not whole or len(place) == 1:
            record = _with(record, place, boolean)
    if whole:
        for field in fields:
            record = _with(record, (field,), None)
    return Refused(record, fields, misfits)


def _boolean(value: object) -> bool | None:
    try:
        return _BOOLEAN.validate_python(value)
    except ValidationError:
        return None


def _followed(record: dict[str, Any], place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the part of `place` that exists; the rest names what was expected there."""
    value: Any = record
    for depth, key in enumerate(place):
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return place[:depth]
    return place


def _shown(place: tuple[int | str, ...]) -> str:
    return "".join("[]" if isinstance(key, int) else f".{key}" for key in place).removeprefix(".")


def _with(record: dict[str, Any], place: tuple[int | str, ...], value: object) -> dict[str, Any]:
    """Return `record` with `value`, or nothing, at `place`, as far as that path exists."""
    copy = dict(record)
    holder: Any = copy
    last: int | str = place[0]
    for key in place[1:]:
        inner = holder.get(last) if isinstance(holder, dict) else holder[last]
        if isinstance(inner, dict) and key in inner:
            inner = dict(inner)
        elif isinstance(inner, list) and isinstance(key, int):
            inner = list(inner)
        else:
            break
        holder[last] = inner
        holder, last = inner, key
    holder[last] = {} if value is None and isinstance(holder, list) else value
    return copy
