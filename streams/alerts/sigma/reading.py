"""Reads Sigma files by pySigma, with the line of every value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from uuid import UUID

import re2  # type: ignore[import-untyped]  # because it ships no types
import yaml
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import (
    SigmaCorrelationRuleError,
    SigmaError,
    SigmaIdentifierError,
    SigmaLevelError,
    SigmaLogsourceError,
    SigmaTitleError,
)
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RegexEngine, RegexPattern
from sigma.rule import SigmaDetectionItem, SigmaRule

from schemas.errors import BadRule
from streams.alerts.document import Document, Place, read_documents
from streams.alerts.sigma.tree import Refused

_FLAGS: Final = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"))
PRODUCT: Final = "jumpcloud"
SERVICES: Final = ("directory_insights", "directory-insights")
_MEANT: Final = ("detection", "correlation")
"""The parts that say which events are meant: here two YAML readers must agree."""
_PLACES: Final[tuple[tuple[type[SigmaError], Place], ...]] = (
    (SigmaTitleError, ("title",)),
    (SigmaIdentifierError, ("id",)),
    (SigmaLevelError, ("level",)),
    (SigmaLogsourceError, ("logsource",)),
    (SigmaCorrelationRuleError, ("correlation",)),
)


class _Quiet(RegexEngine):
    """pySigma's regex engine, without its messages on standard error."""

    error = re2.error

    def compile(self, pattern: str, flags: int = 0) -> RegexPattern:
        """Raises `error`."""
        options = re2.Options()
        options.log_errors = False
        letters = "".join(letter for flag, letter in _FLAGS if flags & flag)
        try:
            made: RegexPattern = re2.compile(f"(?{letters}){pattern}" if letters else pattern, options)
        except re2.error as error:
            raise re2.error(error.args[0].decode()) from None
        return made


POLICY: Final = SigmaPolicy(regex_engine=_Quiet())


def called(name: object) -> str:
    """Return an id or a name, with ids in one spelling."""
    try:
        return str(UUID(str(name)))
    except ValueError:
        return str(name)


class Source(NamedTuple):
    """One document of a file."""

    file: str
    document: Document

    def problem(self, place: Place, message: str) -> str:
        """Return the problem as `file.yml:12: detection.selection.field: …`."""
        shown = ".".join(map(str, place))
        told = " ".join(f"{shown + ': ' if shown else ''}{message}".split())
        return f"{self.file}:{self.document.line(place)}: {told}"

    def silenced(self) -> frozenset[str]:
        """Return the names of the rules that do not alert by themselves because this one refers to them, even if it is
        refused."""
        correlation = self.document.value.get("correlation")
        if not isinstance(correlation, dict) or correlation.get("generate") is True:
            return frozenset()
        rules, condition = correlation.get("rules"), correlation.get("condition")
        names = re.findall(r"\w+", condition) if isinstance(condition, str) else []
        return frozenset(map(called, [*names, *(rules if isinstance(rules, list) else [rules])]))


class Read(NamedTuple):
    """A rule or a correlation, and where it stands."""

    source: Source
    sigma: SigmaRule | SigmaCorrelationRule

    @property
    def names(self) -> frozenset[str]:
        """Return the names by which others may refer to it."""
        return frozenset(called(each) for each in (self.sigma.id, self.sigma.name) if each is not None)


def sources(text: str, file: str) -> list[Source]:
    """Return the documents of a file. Raises `BadRule`."""
    documents = read_documents(text, file)
    try:  # parsed as pySigma would: YAML 1.1, without harmful aliases or depth
        others = list(yaml.safe_load_all(text))
    except (yaml.YAMLError, ValueError) as error:
        raise BadRule([f"{file}: cannot be read as YAML 1.1: {str(error).splitlines()[0]}"]) from None
    found = []
    for document, other in zip(documents, others, strict=True):
        source = Source(file, document)
        if not isinstance(document.value, dict):
            raise BadRule([source.problem((), "must be fields with their values")])
        for part in _MEANT:
            for place in _disputed(document.value.get(part), other.get(part), (part,)):
                raise BadRule([source.problem(place, "is read in two ways, as YAML 1.1 or 1.2: put it in quotes")])
        for odd in ("action", "filter"):
            if odd in document.value:
                raise BadRule([source.problem((odd,), "changes what other rules mean: write it into them")])
        found.append(source)
    return found


def read(source: Source) -> Read:
    """Parse a document as Sigma. Raises `Refused`."""
    written = source.document.value
    if written.get("taxonomy", "sigma") != "sigma":
        raise Refused(("taxonomy",), "gives the fields other names: only those of the record itself are known")
    made: type[SigmaRule] | type[SigmaCorrelationRule] = SigmaRule
    if "correlation" in written:
        made = SigmaCorrelationRule
    try:
        sigma = made.from_dict(written, policy=POLICY)
    except SigmaError as error:
        place = next((place for kind, place in _PLACES if isinstance(error, kind)), _unreadable(written))
        raise Refused(place, str(error)) from None
    except Exception as error:  # the library raises anything on an unexpected shape
        raise Refused((), f"is not a Sigma rule ({type(error).__name__})") from None
    if isinstance(sigma, SigmaRule):
        _check_logsource(sigma)
    return Read(source, sigma)


def _check_logsource(rule: SigmaRule) -> None:
    asked = rule.logsource
    known = asked.product == PRODUCT and asked.category is None and asked.custom_attributes is None
    if not known or asked.service not in (None, *SERVICES):
        raise Refused(("logsource",), f"must be product: {PRODUCT}, alone or with service: {SERVICES[0]}")


def _unreadable(written: dict[str, Any]) -> Place:
    """Return the part of a detection that pySigma rejects by itself, else all of it."""
    detection = written.get("detection")
    for name, asked in detection.items() if isinstance(detection, dict) else ():
        for at, fields in enumerate(asked if isinstance(asked, list) else [asked]):
            for key, value in fields.items() if isinstance(fields, dict) else ():
                try:
                    SigmaDetectionItem.from_mapping(key, value, policy=POLICY)
                except SigmaError:
                    return ("detection", name, *((at,) if isinstance(asked, list) else ()), key)
    return ("detection",)


def _disputed(ours: Any, other: Any, place: Place) -> Iterator[Place]:
    """Yields the places where the two differ."""
    if isinstance(ours, dict) and isinstance(other, dict) and list(ours) == list(other):
        for key, value in ours.items():
            yield from _disputed(value, other[key], (*place, key))
    elif isinstance(ours, list) and isinstance(other, list) and len(ours) == len(other):
        for index, value in enumerate(ours):
            yield from _disputed(value, other[index], (*place, index))
    elif type(ours) is not type(other) or ours != other:
        yield place
