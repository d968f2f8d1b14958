"""Describes a value without revealing it: its kind, its size, and features that providers may reject.

A shape consists of words in `VOCABULARY` and of counts, never of any part of the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_MAIL = re.compile(r"[^@\s]+@([^@\s.]+(?:\.[^@\s.]+)*)")
_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d\S*)?", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)
_HEX = re.compile(r"[0-9A-Fa-f]{8,}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PHONE = re.compile(r"\+?[\d\s().-]{6,}", re.ASCII)
_BOOLEAN = re.compile(r"true|false|yes|no", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
MAX_KINDS: Final = 3
"""The most kinds of list elements that are listed."""

VOCABULARY: Final = frozenset(
    "empty true or false number whole with a fraction text only spaces character characters mail address domain of "
    "label labels link date digits hexadecimal telephone in words non-ASCII letters other signs space at an end line "
    "breaks control and list object field fields others no".split()
)


def shape(value: object) -> str:
    """Return the shape of a JSON value. Pure and total."""
    return _shape(value, inside=False)


def _shape(value: object, *, inside: bool) -> str:
    if value is None or value == "" or value == [] or value == {}:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "whole number"
    if isinstance(value, float):
        return "number with a fraction" if value % 1 else "whole number"
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, list):
        counted = f"list of {len(value)}"
        return counted if inside else f"{counted}: {_of_elements(value)}"
    if isinstance(value, dict):
        return f"object with {_counted(len(value), 'field')}"
    return "other"


def _of_elements(values: list[object]) -> str:
    kinds = dict.fromkeys(_shape(value, inside=True) for value in values[:1000])
    shown = list(kinds)[:MAX_KINDS]
    return "; ".join([*shown, "and others"] if len(kinds) > MAX_KINDS else shown)


def _of_text(text: str) -> str:
    size = _counted(len(text), "character")
    if text.isspace():
        return f"text, {size}, only spaces"
    mail = _MAIL.fullmatch(text)
    if mail:
        kind = f"mail address, domain of {_counted(mail[1].count('.') + 1, 'label')}"
    else:
        kind = next((kind for pattern, kind in _KINDS if pattern.fullmatch(text)), "text")
    return ", ".join((kind, size, *_with(_oddities(text, plain=kind == "text"))))


_KINDS: Final = (
    (_BOOLEAN, "true or false in words"),
    (_DIGITS, "text of digits"),
    (_DATE, "date"),
    (_HEX, "text of hexadecimal digits"),
    (_PHONE, "telephone number"),
    (_LINK, "link"),
)


def _oddities(text: str, *, plain: bool) -> Iterator[str]:
    """Yields features that a provider may reject; ordinary spaces are reported for plain text only."""
    if text != text.strip():
        yield "a space at an end"
    if plain and " " in text.strip():
        yield "spaces"
    if "\n" in text or "\r" in text:
        yield "line breaks"
    elif _CONTROL.search(text):
        yield "control characters"
    if not text.isascii():
        other = [character for character in text if not character.isascii()]
        if any(character.isalpha() for character in other):
            yield "non-ASCII letters"
        if not all(character.isalpha() for character in other):
            yield "other non-ASCII signs"


def _with(oddities: Iterable[str]) -> tuple[str, ...]:
    found = list(oddities)
    if not found:
        return ()
    return (f"with {found[0] if len(found) == 1 else ', '.join(found[:-1]) + ' and ' + found[-1]}",)


def _counted(count: int, one: str) -> str:
    return f"{count} {one if count == 1 else one + 's'}"
