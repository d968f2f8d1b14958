"""Converts Sigma's correlations to kinds of our rules, where a kind means exactly the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from sigma.correlations import (
    SigmaCorrelationCondition,
    SigmaCorrelationConditionOperator,
    SigmaCorrelationRule,
    SigmaCorrelationType,
)

from streams.alerts.document import Place
from streams.alerts.duration import duration_text
from streams.alerts.rule import RuleKind
from streams.alerts.sigma.field import EVENT_TYPE, Field, fact_of
from streams.alerts.sigma.question import Question, any_of
from streams.alerts.sigma.reading import called
from streams.alerts.sigma.tree import Refused

MAX_WINDOW: Final = timedelta(days=30)
CORRELATION: Place = ("correlation",)
_RULES: Final = (*CORRELATION, "rules")
_CONDITION: Final = (*CORRELATION, "condition")
_GROUP_BY: Final = (*CORRELATION, "group-by")


class Followed(NamedTuple):
    """A rule that a correlation refers to."""

    names: frozenset[str]
    """The names by which the correlation may refer to it."""
    question: Question


def correlated(rule: SigmaCorrelationRule, followed: Sequence[Followed]) -> dict[str, Any]:
    """Return the fields of our rule that say when it triggers; `followed` are the correlation's rules in order. Raises
    `Refused`."""
    make = _KINDS.get(rule.type)
    if make is None:
        raise Refused((*CORRELATION, "type"), f"{str(rule.type).lower()} is not a supported kind of rule")
    if not isinstance(rule.condition, SigmaCorrelationCondition):
        raise Refused(_CONDITION, "is an expression over rules: ours only count them")
    if not followed:
        raise Refused(_RULES, "are missing")
    window = timedelta(seconds=rule.timespan.seconds)
    if window > MAX_WINDOW:
        raise Refused((*CORRELATION, "timespan"), f"is longer than {duration_text(MAX_WINDOW)}")
    types = {name for each in followed for name in each.question.types}
    paths = [_path(rule, name, followed) for name in rule.group_by or ()]
    facts = [fact_of(path, types, _GROUP_BY) for path in paths]
    held = [part for path, fact in zip(paths, facts, strict=True) for part in Field(path, _GROUP_BY).is_fact(fact)]
    return {
        **make(rule, [each._replace(question=each.question.also(held)) for each in followed]),
        "window": duration_text(window),
        "group_by": list(dict.fromkeys(facts)),
    }


def _path(rule: SigmaCorrelationRule, name: str, followed: Sequence[Followed]) -> str:
    """Return the field that a name of `group-by` means: itself, or an alias that means one field in all rules."""
    alias = rule.aliases.aliases.get(name)
    if alias is None:
        return name
    fields = {called(reference.reference): field for reference, field in alias.mapping.items()}
    meant = {field for each in followed for one, field in fields.items() if one in each.names}
    if len(meant) != 1 or not all(each.names & fields.keys() for each in followed):
        raise Refused(
            (*CORRELATION, "aliases", name), "must mean the same field in all rules: ours group all events by one fact"
        )
    return meant.pop()


def _threshold(rule: SigmaCorrelationRule, followed: Sequence[Followed]) -> dict[str, Any]:
    question = _only(followed)
    return {
        "kind": RuleKind.THRESHOLD,
        "match": question.match(),
        "unless": question.left_out(),
        "threshold": _at_least(rule),
    }


def _distinct(rule: SigmaCorrelationRule, followed: Sequence[Followed]) -> dict[str, Any]:
    place = (*_CONDITION, "field")
    assert isinstance(rule.condition, SigmaCorrelationCondition)
    counted = rule.condition.fieldref
    if not isinstance(counted, str):
        raise Refused(place, "must be one field: ours count the values of one fact")
    question = _only(followed)
    fact = fact_of(counted, question.types, place)
    question = question.also(Field(counted, place).is_fact(fact))
    return {
        "kind": RuleKind.DISTINCT,
        "match": question.match(),
        "unless": question.left_out(),
        "of": fact,
        "threshold": _at_least(rule),
    }


def _temporal(rule: SigmaCorrelationRule, followed: Sequence[Followed]) -> dict[str, Any]:
    """Converts a temporal correlation: distinct rules within the window are distinct event types, if each rule has its
    own."""
    types = [name for each in followed for name in each.question.types]
    if len(types) != len(followed) or len(set(types)) != len(types):
        raise Refused(_RULES, "in any order, each rule must be about one event type, and each about another")
    question = any_of([each.question for each in followed])
    return {
        "kind": RuleKind.DISTINCT,
        "match": question.match(),
        "unless": question.left_out(),
        "of": EVENT_TYPE,
        "threshold": _at_least(rule, most=len(followed)),
    }


def _sequence(rule: SigmaCorrelationRule, followed: Sequence[Followed]) -> dict[str, Any]:
    if len(followed) != 2:
        raise Refused(_RULES, f"are {len(followed)}, in order: ours have two, `match` and `then`")
    if _at_least(rule, most=2) != 2:
        raise Refused(_CONDITION, "asks for one of the two: follow that one alone")
    first, then = (each.question for each in followed)
    return {
        "kind": RuleKind.SEQUENCE,
        "match": first.match(),
        "unless": first.left_out(),
        "then": then.whole(),
    }


_KINDS: Final = {
    SigmaCorrelationType.EVENT_COUNT: _threshold,
    SigmaCorrelationType.VALUE_COUNT: _distinct,
    SigmaCorrelationType.TEMPORAL: _temporal,
    SigmaCorrelationType.TEMPORAL_ORDERED: _sequence,
}


def _only(followed: Sequence[Followed]) -> Question:
    if len(followed) != 1:
        raise Refused(_RULES, f"are {len(followed)}, whose events are counted together: make one rule of them")
    return followed[0].question


def _at_least(rule: SigmaCorrelationRule, most: int | None = None) -> int:
    """Return the minimum count; `most` is the highest possible count."""
    asked = rule.condition
    assert isinstance(asked, SigmaCorrelationCondition)
    if asked.op not in _LEAST or (asked.op is SigmaCorrelationConditionOperator.EQ and asked.count != most):
        raise Refused(
            _CONDITION, f"{asked.op.name.lower()} can stop holding with a further event: only gte and gt cannot"
        )
    if not isinstance(asked.count, int):
        raise Refused(_CONDITION, "must be a whole number")
    least = asked.count + _LEAST[asked.op]
    if least < 1 or (most is not None and least > most):
        raise Refused(_CONDITION, "always holds" if least < 1 else f"can never hold: there are {most} rules")
    return least


_LEAST: Final = {
    SigmaCorrelationConditionOperator.GTE: 0,
    SigmaCorrelationConditionOperator.GT: 1,
    SigmaCorrelationConditionOperator.EQ: 0,
}
