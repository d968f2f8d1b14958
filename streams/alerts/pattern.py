"""Checks the patterns that expressions may match texts against.

The engine matches in linear time, but compiles the pattern every time it runs, which for a short one such as `\\w{50}`
takes a twentieth of a second. Allowed patterns take a thousandth.
"""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 100
MAX_REPEATS: Final = 100
"""The product of all counted repetitions of a pattern, because they can be nested."""

_COUNTED: Final = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_OPTIONS: Final = re.compile(r"\(\?(?!:)")
_INSTEAD: Final = {"d": "[0-9]", "w": "[A-Za-z0-9_]", "s": "a space", "b": "the characters around"}


def check_pattern(pattern: str) -> None:
    """Raises `ValueError` for a pattern that takes long to compile."""
    if len(pattern) > MAX_LENGTH:
        raise ValueError(f"has a pattern of more than {MAX_LENGTH} characters")
    for letter in _ESCAPED.findall(pattern):
        if letter.isalnum():
            instead = _INSTEAD.get(letter, "the characters that are meant")
            raise ValueError(f"has a pattern with \\{letter}, which is slow: write {instead} instead")
    if _OPTIONS.search(pattern.removeprefix("(?i)")):
        raise ValueError("has a pattern with (?…); only (?:…), and (?i) at the start, are allowed")
    plain = _ESCAPED.sub("", pattern)
    repeats = 1
    for counted in _COUNTED.finditer(plain):
        repeats *= max(1, *(int(number or 0) for number in counted.groups()))
    if repeats > MAX_REPEATS:
        raise ValueError(f"has a pattern that repeats {repeats:,} times; {MAX_REPEATS} are allowed")
