"""Sigma's wildcards, and the patterns and texts that mean the same in an expression."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from sigma.types import Placeholder, SigmaCasedString, SigmaString, SpecialChars

from streams.alerts.document import Place
from streams.alerts.pattern import MAX_LENGTH
from streams.alerts.sigma.tree import Refused

IGNORE_CASE: Final = "(?i)"
_ANY: Final = "(?:.|\n)"
"""Any one character; a bare dot excludes the line feed."""
_META: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")
_CASELESS: Final = re.compile(r"[\x20-\x40\x5b-\x60\x7b-\x7e]*")
"""ASCII without letters: every other character has several forms, or could have."""
_OF_NUMBERS: Final = re.compile(r"-?[0-9]*\.?[0-9]*")


class Wildcard(NamedTuple):
    """A text with wildcards, except those at its ends."""

    begins: bool
    """Whether the text must begin with it."""
    parts: tuple[str | SpecialChars, ...]
    ends: bool
    cased: bool

    @property
    def plain(self) -> str | None:
        """Return the text, if it has no wildcards."""
        if not self.parts:
            return ""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], str) else None

    @property
    def matches_anything(self) -> bool:
        """Whether every text matches."""
        return not self.parts and not (self.begins and self.ends)

    @property
    def has_case(self) -> bool:
        """Whether upper and lower case differ in it, a difference that must be ignored."""
        return not self.cased and not all(_CASELESS.fullmatch(each) for each in self.parts if isinstance(each, str))

    @property
    def may_be_number(self) -> bool:
        """Whether the text of a number can match: never false where one can."""
        return bool(_OF_NUMBERS.fullmatch("".join(each for each in self.parts if isinstance(each, str))))

    @property
    def body(self) -> str:
        """Return its pattern, without anchors."""
        return "".join(
            _META.sub(r"\\\g<0>", each) if isinstance(each, str)
            else _ANY if each is SpecialChars.WILDCARD_SINGLE
            else f"{_ANY}*"
            for each in self.parts
        )  # fmt: skip

    def has(self, text: str) -> bool:
        """Whether `text` matches."""
        pattern = ("^" if self.begins else "") + self.body + (r"\Z" if self.ends else "")
        return re.search(pattern, text, 0 if self.cased else re.IGNORECASE) is not None


def wildcard_of(value: SigmaString, place: Place) -> Wildcard:
    """Parse a Sigma string. Raises `Refused` for a placeholder."""
    parts: list[str | SpecialChars] = []
    for part in value.s:
        if isinstance(part, Placeholder):
            raise Refused(place, f"the placeholder %{part.name}% has no value here: write the values themselves")
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif part is not SpecialChars.WILDCARD_MULTI or not parts or parts[-1] is not part:
            parts.append(part)
    begins, ends = (not parts or parts[at] is not SpecialChars.WILDCARD_MULTI for at in (0, -1))
    inner = parts[0 if begins else 1 : None if ends else -1]
    return Wildcard(begins, tuple(inner), ends, isinstance(value, SigmaCasedString))


def patterns_of(wildcards: Iterable[Wildcard]) -> list[str]:
    """Return patterns, as few as the length limit allows: a text matches any of them exactly if it matches any
    wildcard. They lack the prefix that ignores case."""
    bodies: dict[tuple[bool, bool], list[str]] = {}
    for each in wildcards:
        bodies.setdefault((each.begins, each.ends), []).append(each.body)
    branches = [
        _held(*held, chunk) for held, found in bodies.items() for chunk in _packed(found, len("^(?:)$"))
    ]  # fmt: skip
    return ["|".join(chunk) for chunk in _packed(branches, 0)]


def _held(begins: bool, ends: bool, bodies: list[str]) -> str:
    joined = "|".join(bodies)
    if len(bodies) > 1 and (begins or ends):
        joined = f"(?:{joined})"
    return f"{'^' if begins else ''}{joined}{'$' if ends else ''}"


def _packed(texts: list[str], around: int) -> list[list[str]]:
    """Return chunks that fit into a pattern with `around` characters around each text; a text that does not fit stands
    alone."""
    chunks: list[list[str]] = []
    for text in dict.fromkeys(texts):
        room = MAX_LENGTH - len(IGNORE_CASE) - around - len(text)
        if chunks and len("|".join(chunks[-1])) + 1 <= room:
            chunks[-1].append(text)
        else:
            chunks.append([text])
    return chunks


def quoted(text: str) -> str:
    """Return a text as a literal of an expression."""
    if "'" not in text and text.isprintable():
        return f"'{text}'" if "\\" not in text else f"r'{text}'"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return "'" + "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in escaped) + "'"
