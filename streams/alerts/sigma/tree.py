"""The detection of a Sigma rule, as a tree whose leaves know their place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
    SigmaCondition,
)
from sigma.exceptions import SigmaError
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections
from sigma.types import SigmaExpansion, SigmaType

from streams.alerts.document import Place

MAX_CONDITION: Final = 2_000
CONDITION: Place = ("detection", "condition")


class Refused(ValueError):
    """Sigma that our rules cannot express exactly. The message follows the place."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


class Value(NamedTuple):
    """A value with its modifiers applied, and its place."""

    sigma: SigmaType
    place: Place


class Has(NamedTuple):
    """Holds if a field has any of these values."""

    field: str
    values: tuple[Value, ...]


class All(NamedTuple):
    """Holds if all of these hold."""

    parts: tuple[Node, ...]


class AnyOf(NamedTuple):
    """Holds if at least one of these holds."""

    parts: tuple[Node, ...]


class Not(NamedTuple):
    """Holds if this does not."""

    part: Node


Node = Has | All | AnyOf | Not


def tree_of(detections: SigmaDetections, written: Mapping[str, Any]) -> Node:
    """Return the tree of the conditions, any of which may hold; `written` is the detection as in the file. Raises
    `Refused`."""
    return _any_of([_condition(text, detections, written) for text in detections.condition])


def _condition(text: object, detections: SigmaDetections, written: Mapping[str, Any]) -> Node:
    if not isinstance(text, str) or len(text) > MAX_CONDITION:
        raise Refused(CONDITION, f"must be a text of {MAX_CONDITION:,} characters at most")
    try:
        return _node(SigmaCondition(text, detections).parse(postprocess=False), detections, written)
    except SigmaError as error:
        raise Refused(CONDITION, str(error)) from None
    except RecursionError:
        raise Refused(CONDITION, "is nested too deep") from None


def _node(parsed: Any, detections: SigmaDetections, written: Mapping[str, Any]) -> Node:
    if isinstance(parsed, ConditionIdentifier):
        name = parsed.identifier
        if name not in detections.detections:
            raise Refused(CONDITION, f"{name!r} is not a detection of the rule")
        return _detection(detections.detections[name], written[name], ("detection", name))
    if isinstance(parsed, ConditionSelector):
        named = parsed.resolve_referenced_detections(detections)
        if not named:
            raise Refused(CONDITION, f"{parsed.pattern!r} is not a detection of the rule")
        return _joined(parsed.cond_class, [_node(each, detections, written) for each in named])
    parts = [_node(each, detections, written) for each in parsed.args]
    return Not(parts[0]) if isinstance(parsed, ConditionNOT) else _joined(type(parsed), parts)


def _joined(how: type, parts: list[Node]) -> Node:
    if how is ConditionAND:
        return parts[0] if len(parts) == 1 else All(tuple(parts))
    assert how is ConditionOR
    return _any_of(parts)


def _any_of(parts: list[Node]) -> Node:
    """Return a disjunction in which the tests of one field are merged: that takes fewer patterns."""
    found: dict[str | int, Node] = {}
    for part in parts:
        for each in part.parts if isinstance(part, AnyOf) else (part,):
            known = found.get(each.field) if isinstance(each, Has) else None
            if isinstance(each, Has) and isinstance(known, Has):
                each = known._replace(values=known.values + each.values)
            found[each.field if isinstance(each, Has) else id(each)] = each
    return next(iter(found.values())) if len(found) == 1 else AnyOf(tuple(found.values()))


def _detection(detection: SigmaDetection, written: Any, place: Place) -> Node:
    assert detection.item_linking is not None
    return _joined(detection.item_linking, list(_items(detection, written, place)))


def _items(detection: SigmaDetection, written: Any, place: Place) -> Iterator[Node]:
    """Yields the items as the file has them: fields with their values, or a list of such maps."""
    inner: Iterator[str | int] = iter(written if isinstance(written, dict) else range(len(detection.detection_items)))
    for item, key in zip(detection.detection_items, inner, strict=True):
        if isinstance(item, SigmaDetectionItem):
            yield _item(item, (*place, key) if isinstance(written, dict) else place)
        else:
            yield _detection(item, written[key], (*place, key))


def _item(item: SigmaDetectionItem, place: Place) -> Node:
    if item.field is None:
        raise Refused(place, "looks for words anywhere in the record: name the field")
    if not item.value:
        raise Refused(place, "has no value")
    # The values that a modifier makes of one (windash) are alternatives, whatever joins the given values.
    values = [each.values if isinstance(each, SigmaExpansion) else [each] for each in item.value]
    tests: list[Node] = [Has(item.field, tuple(Value(one, place) for one in each)) for each in values]
    found = _joined(item.value_linking, tests)
    return Not(found) if item.negated else found
