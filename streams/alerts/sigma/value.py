"""Expressions that test whether a field has one of a Sigma rule's values, and that always have an answer.

docs/rules.md settles what Sigma leaves open: the text of a number, and that a list or an object has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from ipaddress import IPv4Network
from typing import Any, Final

import re2  # type: ignore[import-untyped]  # because it ships no types
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
)

from streams.alerts.document import Place
from streams.alerts.pattern import check_pattern
from streams.alerts.sigma.field import Field
from streams.alerts.sigma.text import IGNORE_CASE, Wildcard, patterns_of, quoted, wildcard_of
from streams.alerts.sigma.tree import Has, Refused, Value

EXACT_NUMBERS: Final = 2**53
"""From here on numbers are not compared in all their digits."""

WIDTH: Final = 100
"""The width of a line that is easy to read."""

_NUMBER: Final = "^-?[0-9]+(?:[.][0-9]+)?$"
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]*")
_FRACTION: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9]")
_SIGNS: Final = {
    CompareOperators.LT: "<",
    CompareOperators.LTE: "<=",
    CompareOperators.GT: ">",
    CompareOperators.GTE: ">=",
}
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_WORDS: Final = {"true": True, "false": False}


def negated(parts: list[str]) -> str:
    """Return that not all of these hold."""
    return f"!({both(parts)})" if len(parts) > 1 or not parts[0].startswith("has(") else f"!{parts[0]}"


def both(parts: Iterable[str]) -> str:
    """Return that all of these hold."""
    return " && ".join(f"({each})" if "|| " in each else each for each in dict.fromkeys(parts))


def either(ways: list[list[str]]) -> list[str]:
    """Return that all parts of at least one way hold, as parts that must all hold."""
    shared = [part for part in ways[0] if all(part in way for way in ways)]
    rest = [[part for part in way if part not in shared] for way in ways]
    if not all(rest):
        return shared
    told = [f"({both(way)})" if len(way) > 1 else both(way) for way in rest]
    return [*shared, (" || " if sum(map(len, told)) < WIDTH else "\n|| ").join(told)]


def asked(test: Has) -> list[str]:
    """Return expressions that all hold exactly if the field has one of the values. Raises `Refused`."""
    values = _Values(Field(test.field, test.values[0].place))
    for value in test.values:
        values.add(value)
    return either(values.ways())


class _Values:
    """The values of one field, sorted by the form of their test."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._place: Place = ()
        """The place of the value being added."""
        self._others: list[list[str]] = []
        self._equal: dict[str, None] = {}
        self._wildcards: list[Wildcard] = []
        self._texts: list[tuple[bool, str]] = []
        """What to check of the text, and whether a number's text can match it."""
        self._takes = {
            SigmaNull: self._null,
            SigmaExists: self._exists,
            SigmaBool: self._boolean,
            SigmaNumber: self._number,
            SigmaString: self._string,
            SigmaCasedString: self._string,
            SigmaRegularExpression: self._pattern,
            SigmaCIDRExpression: self._network,
            SigmaCompareExpression: self._comparison,
        }

    def add(self, value: Value) -> None:
        self._place = value.place
        take: Any = self._takes.get(type(value.sigma))
        if take is None:
            raise Refused(self._place, "has a modifier that expressions have nothing for")
        take(value.sigma)

    def ways(self) -> list[list[str]]:
        there, read = self._field.there, self._field.read
        ways = list(self._others)
        if self._equal:
            equal = list(self._equal)
            ways.append([*there, f"{read} == {equal[0]}" if len(equal) == 1 else f"{read} in [{', '.join(equal)}]"])
        texts = list(self._texts)
        for cased in (True, False):
            wanted = [each for each in self._wildcards if each.has_case is not cased]
            of_numbers = any(each.may_be_number for each in wanted)
            texts += [
                (of_numbers, f".matches({quoted(('' if cased else IGNORE_CASE) + pattern)})")
                for pattern in patterns_of(wanted)
            ]
        for of_numbers in (False, True):
            asks = [ask for numbers, ask in texts if numbers is of_numbers]
            if asks:
                kind = "in [string, int, uint, double]" if of_numbers else "== string"
                text = f"string({read})" if of_numbers else read
                ways.append([*there, f"type({read}) {kind}", " || ".join(text + ask for ask in asks)])
        return ways

    def _null(self, value: SigmaNull) -> None:
        self._others.append([negated([*self._field.there, f"{self._field.read} != null"])])

    def _exists(self, value: SigmaExists) -> None:
        self._others.append(self._field.there if value.exists else [negated(self._field.there)])

    def _boolean(self, value: SigmaBool) -> None:
        self._equal["true" if value.boolean else "false"] = None

    def _number(self, value: SigmaNumber) -> None:
        text = format(Decimal(repr(value.number)), "f")
        self._plain(text)

    def _string(self, value: SigmaString) -> None:
        wildcard = wildcard_of(value, self._place)
        if wildcard.matches_anything:
            self._others.append([*self._field.there, f"{self._field.read} != null"])
            return
        for word in _WORDS:
            if wildcard.has(word):
                self._equal[word] = None
        if wildcard.has_case or any(not isinstance(each, str) for each in wildcard.parts):
            self._wildcards.append(wildcard)
        elif wildcard.begins and wildcard.ends:
            self._plain(wildcard.plain or "")
        else:
            name = "startsWith" if wildcard.begins else "endsWith" if wildcard.ends else "contains"
            self._texts.append((wildcard.may_be_number, f".{name}({quoted(wildcard.plain or '')})"))

    def _plain(self, text: str) -> None:
        """Add a text that is compared literally, and the number with that text."""
        self._equal[quoted(text)] = None
        if _WHOLE.fullmatch(text) or (_FRACTION.fullmatch(text) and format(Decimal(repr(float(text))), "f") == text):
            self._equal[self._exact(text)] = None

    def _pattern(self, value: SigmaRegularExpression) -> None:
        pattern = str(value.regexp)
        if value.flags - {SigmaRegularExpressionFlag.IGNORECASE}:
            raise Refused(self._place, "matches over lines (m, s), which patterns of expressions cannot")
        if trouble := _odd(pattern):
            raise Refused(self._place, trouble)
        if value.flags:
            pattern = IGNORE_CASE + pattern.removeprefix(IGNORE_CASE)
        try:
            check_pattern(pattern)
        except ValueError as error:
            raise Refused(self._place, str(error)) from None
        ready = re2.compile(pattern)
        for word in _WORDS:
            if ready.search(word):
                self._equal[word] = None
        self._texts.append((True, f".matches({quoted(pattern)})"))

    def _network(self, value: SigmaCIDRExpression) -> None:
        network = value.network
        if not isinstance(network, IPv4Network):
            raise Refused(
                self._place, "is a network of IPv6, whose addresses are written in too many ways for a pattern"
            )
        if network.prefixlen == network.max_prefixlen:
            self._equal[quoted(str(network.network_address))] = None
        else:
            self._texts.append((False, f".matches({quoted(_addresses(network))})"))

    def _comparison(self, value: SigmaCompareExpression) -> None:
        there, read = self._field.there, self._field.read
        limit = self._exact(format(Decimal(repr(value.number.number)), "f"))
        limit += "" if "." in limit else ".0"
        self._others.append([
            *there,
            f"type({read}) in [string, int, uint, double]",
            f"string({read}).matches('{_NUMBER}')",
            f"double(string({read})) {_SIGNS[value.op]} {limit}",
        ])  # fmt: skip

    def _exact(self, text: str) -> str:
        if abs(float(text)) >= EXACT_NUMBERS:
            raise Refused(self._place, f"has a number from {EXACT_NUMBERS:,} on, which are not compared exactly")
        return text


def _addresses(network: IPv4Network) -> str:
    """Return a pattern of the addresses of a network."""
    whole, rest = divmod(network.prefixlen, 8)
    octets = str(network.network_address).split(".")
    parts = octets[:whole]
    if rest:
        first = int(octets[whole])
        parts.append(_between(first, first + 2 ** (8 - rest) - 1))
    if len(parts) in (0, 3):  # the rest is a dot with an octet, twice or three times, or nothing
        parts.append(_OCTET)
    free = 4 - len(parts)
    return "^" + r"\.".join(parts) + (rf"(?:\.{_OCTET}){{{free}}}" if free else "") + "$"


def _between(first: int, last: int) -> str:
    """Return a pattern of the integers from `first` to `last`."""
    tens: dict[str, list[int]] = {}
    for number in range(first, last + 1):
        tens.setdefault(str(number)[:-1], []).append(number % 10)
    each = (ten + (f"[{found[0]}-{found[-1]}]" if len(found) > 1 else str(found[0])) for ten, found in tens.items())
    return f"(?:{'|'.join(each)})"


def _odd(pattern: str) -> str:
    """Return the part of a pattern that engines read differently; empty if there is none."""
    differently = "which engines read differently"
    if "{," in pattern:
        return f"has a pattern with {{,n}}, {differently}: write {{0,n}}"
    first = at = 0
    """The start of the open character class; 0 outside classes."""
    while at < len(pattern):
        sign, two = pattern[at], pattern[at : at + 2]
        if sign == "\\":
            if two in (r"\<", r"\>"):
                return f"has a pattern with {two}, {differently}: leave out the \\"
            at += 1
        elif not first and sign == "[":
            first = at + 2 if two == "[^" else at + 1
            at = first - 1
        elif first and sign == "]" and at > first:
            first = 0
        elif first and (sign == "[" or two in ("&&", "--", "~~")):
            return f"has a pattern with {sign if sign == '[' else two} in brackets, {differently}: put \\ before it"
        at += 1
    return ""
