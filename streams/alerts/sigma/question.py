"""The events that a Sigma rule matches, as conditions of our rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sigma.types import SigmaString

from schemas.events import ALIASES
from streams.alerts.document import Place
from streams.alerts.sigma.field import EVENT_TYPE, spellings
from streams.alerts.sigma.text import quoted, wildcard_of
from streams.alerts.sigma.tree import All, AnyOf, Has, Node, Not, Refused
from streams.alerts.sigma.value import WIDTH, asked, both, either, negated


class Question(NamedTuple):
    """The events matched: those of these types for which all of `where`, and not all of `unless`, holds."""

    types: tuple[str, ...]
    where: tuple[str, ...]
    unless: tuple[str, ...]

    def match(self) -> dict[str, Any]:
        """Return the rule's condition, without the exclusion."""
        return condition(self.types, self.where)

    def left_out(self) -> dict[str, Any] | None:
        """Return the rule's condition of the exclusion."""
        return condition(self.types, self.unless) if self.unless else None

    def whole(self) -> dict[str, Any]:
        """Return both in one condition."""
        return condition(self.types, (*self.where, *self._unless()))

    def _unless(self) -> list[str]:
        return [negated(list(self.unless))] if self.unless else []

    def also(self, parts: list[str]) -> Question:
        """Return the question with these parts added to `where`."""
        return self._replace(where=tuple(dict.fromkeys((*self.where, *parts))))


def condition(types: Iterable[str], parts: Iterable[str]) -> dict[str, Any]:
    """Return a condition in a rule's form."""
    where = _laid_out(parts)
    return {"type": list(types), **({"where": where} if where else {})}


def _laid_out(parts: Iterable[str]) -> str:
    """Return the conjunction of these parts, in lines."""
    lines: list[str] = []
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        text = both([part])
        if lines and len(lines[-1]) + len(text) < WIDTH:
            lines[-1] += f" && {text}"
        else:
            lines.append(f"&& {text}" if lines else text)
    return "\n".join(lines)


def any_of(questions: list[Question]) -> Question:
    """Return the question that any of these meets; no type is in two of them."""
    types = [name for each in questions for name in each.types]
    where = _each_of_its_types([(each.types, each.where) for each in questions])
    unless = _each_of_its_types([(each.types, each.unless) for each in questions if each.unless])
    return Question(tuple(types), where, unless)


def _each_of_its_types(asked: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> tuple[str, ...]:
    if not any(parts for _, parts in asked):
        return ()
    return tuple(either([[_fact_is(list(types)), *parts] for types, parts in asked]))


def question_of(tree: Node, place: Place) -> Question:
    """Return the question, with the exclusion apart from the rest. Raises `Refused`."""
    types = _types(tree)
    if types is None:
        raise Refused(place, "does not say which event types it is about: name them as event_type, without wildcards")
    if not types:
        raise Refused(place, "can never hold: no event has two types")
    parts = _flat(tree)
    where = [each for part in parts if not isinstance(part, Not) and not _is_said(part, types) for each in _parts(part)]
    unless = [_parts(part.part) for part in parts if isinstance(part, Not)]
    return Question(tuple(types), tuple(dict.fromkeys(where)), tuple(either(unless)) if unless else ())


def _flat(node: Node) -> list[Node]:
    return [each for part in node.parts for each in _flat(part)] if isinstance(node, All) else [node]


def _parts(node: Node) -> list[str]:
    """Return expressions that all hold exactly if the node does; each always has a value."""
    if isinstance(node, All):
        return list(dict.fromkeys(each for part in node.parts for each in _parts(part)))
    if isinstance(node, AnyOf):
        return either([_parts(part) for part in node.parts])
    if isinstance(node, Not):
        return [negated(_parts(node.part))]
    names = _named(node)
    return asked(node) if names is None else either(_is_type(names))


def _is_type(names: list[str]) -> list[list[str]]:
    """Tests the type by the fact where all names of a type are given, else by the name in the record."""
    own = [name for name in names if spellings(name) <= set(names)]
    ways = [[_fact_is(_own(own))]] if own else []
    rest = [quoted(name) for name in names if name not in own]
    if rest:
        asks = f"== {rest[0]}" if len(rest) == 1 else f"in [{', '.join(rest)}]"
        ways.append([f"has(event.{EVENT_TYPE})", f"event.{EVENT_TYPE} {asks}"])
    return ways


def _fact_is(types: list[str]) -> str:
    if len(types) == 1:
        return f"fact.{EVENT_TYPE} == {quoted(types[0])}"
    return f"fact.{EVENT_TYPE} in [{', '.join(map(quoted, types))}]"


def _named(test: Has) -> list[str] | None:
    """Return the event types that a test names one by one; None if it does not."""
    if test.field != EVENT_TYPE:
        return None
    names = []
    for value, place in test.values:
        if not isinstance(value, SigmaString):
            return None
        wildcard = wildcard_of(value, place)
        if not (wildcard.begins and wildcard.ends) or not wildcard.plain:
            return None
        # The vendor's names are all lower case, and the list of types is case-sensitive.
        names.append(wildcard.plain if wildcard.cased else wildcard.plain.lower())
    return list(dict.fromkeys(names))


def _own(names: Iterable[str]) -> list[str]:
    """Return the types' canonical names."""
    return list(dict.fromkeys(ALIASES.get(name, name) for name in names))


def _types(node: Node) -> list[str] | None:
    """Return types of which every event that meets the node has one; None if the node does not limit the type."""
    if isinstance(node, Not):
        return None
    if isinstance(node, Has):
        names = _named(node)
        return None if names is None else _own(names)
    told = [_types(part) for part in node.parts]
    if isinstance(node, AnyOf):
        return None if None in told else _own(name for each in told for name in each or ())
    known = [each for each in told if each is not None]
    return [name for name in known[0] if all(name in each for each in known)] if known else None


def _is_said(node: Node, types: list[str]) -> bool:
    """Whether the list of types expresses the whole node."""
    names = _named(node) if isinstance(node, Has) else None
    return names is not None and set(_own(names)) == set(types) and all(spellings(each) <= set(names) for each in names)
