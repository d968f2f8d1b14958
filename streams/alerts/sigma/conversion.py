"""Converts Sigma to rules: each rule exactly, or it is refused with file, line and field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from sigma.correlations import SigmaCorrelationRule
from sigma.rule import SigmaLevel, SigmaRule

from schemas.alerts import Severity
from schemas.errors import BadRule
from streams.alerts.document import Place
from streams.alerts.loading import read_rule
from streams.alerts.rule import RuleKind
from streams.alerts.sigma.correlation import CORRELATION, Followed, correlated
from streams.alerts.sigma.question import Question, question_of
from streams.alerts.sigma.reading import Read, Source, called, read, sources
from streams.alerts.sigma.tree import CONDITION, Refused, tree_of
from streams.alerts.sigma.writing import rule_text

PREFIX: Final = "sigma-"
"""Prefix of the ids, so that no shipped rule is replaced."""
_SEVERITIES: Final = {
    None: Severity.MEDIUM,
    SigmaLevel.INFORMATIONAL: Severity.LOW,
    SigmaLevel.LOW: Severity.LOW,
    SigmaLevel.MEDIUM: Severity.MEDIUM,
    SigmaLevel.HIGH: Severity.HIGH,
    SigmaLevel.CRITICAL: Severity.CRITICAL,
}
_MAX_ID: Final = 64
_TOLD: Final = ("title", "description")
"""The fields that are the same in Sigma."""


class Converted(NamedTuple):
    """The result of a conversion."""

    rules: dict[str, str]
    """The text of each rule's file, by the rule's id."""
    refused: list[str]
    """A line for each refusal: file, line, field and reason."""


def converted(files: Mapping[str, str]) -> Converted:
    """Convert the rules in the texts of these files. Correlations may refer to rules of any of them."""
    made = Converted({}, [])
    collection = _Collection(made.refused)
    for name, text in files.items():
        try:
            for source in sources(text, name):
                collection.add(source)
        except BadRule as error:
            made.refused.extend(error.problems)
    for each in collection.wanted():
        try:
            rule_id, text = _rule(each, collection)
            if rule_id in made.rules:
                raise Refused(
                    ("title",), f"makes the id {rule_id!r}, which another rule has: give it a name of its own"
                )
            made.rules[rule_id] = text
        except Refused as error:
            made.refused.append(each.source.problem(error.place, str(error)))
    return made


class _Collection:
    """Everything that was read, by the names that it can be referred to by."""

    def __init__(self, refused: list[str]) -> None:
        self._refused = refused
        self._all: list[Read] = []
        self._named: dict[str, Read | None] = {}
        """By name; None for a rule that was refused before it could be referred to."""
        self._silent: set[str] = set()
        """Names that correlations refer to: these rules do not alert by themselves."""
        self._questions: dict[int, Question] = {}

    def add(self, source: Source) -> None:
        self._silent |= source.silenced()
        try:
            found = read(source)
            for name in found.names:
                if name in self._named:
                    raise Refused(("name",), f"{name!r} is already the name of another rule")
        except Refused as error:
            self._refused.append(source.problem(error.place, str(error)))
            written = source.document.value
            self._named |= {called(written[key]): None for key in ("id", "name") if key in written}
            return
        self._all.append(found)
        self._named |= dict.fromkeys(found.names, found)

    def wanted(self) -> list[Read]:
        """Return the rules that alert."""
        return [each for each in self._all if not each.names & self._silent]

    def followed(self, rule: SigmaCorrelationRule) -> list[Followed]:
        """Return the rules that a correlation refers to. Raises `Refused`."""
        found = []
        for index, reference in enumerate(rule.rules or ()):
            place: Place = (*CORRELATION, "rules", index)
            name = called(reference.reference)
            if name not in self._named:
                raise Refused(place, f"{name!r} is in none of the files")
            one = self._named[name]
            if one is None:
                raise Refused(place, f"{name!r} is refused itself")
            if isinstance(one.sigma, SigmaCorrelationRule):
                raise Refused(place, f"{name!r} is a correlation: ours follow events only")
            try:
                found.append(Followed(one.names, self.question(one)))
            except Refused as error:
                told = one.source.problem(error.place, str(error))
                raise Refused(place, f"{name!r} is refused itself: {told}") from None
        return found

    def question(self, one: Read) -> Question:
        """Return what a rule asks of an event. Raises `Refused`."""
        assert isinstance(one.sigma, SigmaRule)
        known = self._questions.get(id(one.sigma))
        if known is None:
            tree = tree_of(one.sigma.detection, one.source.document.value["detection"])
            known = self._questions[id(one.sigma)] = question_of(tree, CONDITION)
        return known


def _rule(each: Read, collection: _Collection) -> tuple[str, str]:
    """Return the id and the text of our rule. Raises `Refused`."""
    sigma = each.sigma
    if isinstance(sigma, SigmaCorrelationRule):
        place: Place = CORRELATION
        fields = correlated(sigma, collection.followed(sigma))
    else:
        place = ("detection",)
        question = collection.question(each)
        fields = {"kind": RuleKind.MATCH, "match": question.match(), "unless": question.left_out(), "group_by": []}
    rule_id = _id(sigma.name or sigma.title)
    text = rule_text({
        "id": rule_id,
        "title": sigma.title.replace("{", "{{").replace("}", "}}"),
        "severity": _SEVERITIES[sigma.level],
        "description": _description(sigma),
        "remedy": _remedy(sigma),
        **fields,
    })  # fmt: skip
    try:
        read_rule(text, rule_id, rule_id)
    except BadRule as error:
        # `sigma-a-rule:3: match.where: has more than 3 patterns`
        complaint = error.problems[0].split(": ", 1)[1]
        field, _, message = complaint.partition(": ")
        raise (Refused((field,), message) if field in _TOLD else Refused(place, complaint)) from None
    return rule_id, text


def _id(called: str) -> str:
    plain = re.sub("[^a-z0-9]+", "-", called.lower()).strip("-")
    return (PREFIX + plain)[:_MAX_ID].rstrip("-")


def _description(sigma: SigmaRule | SigmaCorrelationRule) -> str:
    origin = ["From Sigma", *([str(sigma.id)] if sigma.id else []), *([f"by {sigma.author}"] if sigma.author else [])]
    parts = (
        (sigma.description or sigma.title).strip(),
        _listed("References", sigma.references),
        _listed("Tags", sigma.tags),
        ", ".join(origin),
    )
    return "\n".join(filter(None, parts))


def _remedy(sigma: SigmaRule | SigmaCorrelationRule) -> str:
    known = _listed("Known to be harmless", sigma.falsepositives)
    return "Look at the events of the alert, and ask whoever caused them." + (f"\n{known}" if known else "")


def _listed(what: str, values: Iterable[Any]) -> str:
    told = "; ".join(str(each).strip() for each in values)
    return f"{what}: {told}" if told else ""
