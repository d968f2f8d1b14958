"""Durations as rules write them: `90s`, `10m`, `2h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, JsonValue, PlainSerializer, WithJsonSchema

_PATTERN: Final = "^[0-9]{1,6}[smhd]$"
_WRITTEN: Final = re.compile(_PATTERN, re.ASCII)
_UNITS: Final = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}


def parse_duration(written: Any) -> timedelta:
    """Parse a duration. Raises `ValueError` for anything else."""
    if isinstance(written, timedelta):
        return written
    text = written if isinstance(written, str) else ""
    if not _WRITTEN.fullmatch(text):
        raise ValueError("must be a number with its unit, such as 90s, 10m, 2h or 7d")
    return int(text[:-1]) * _UNITS[text[-1]]


def duration_text(length: timedelta) -> str:
    """Return the duration in the largest unit that divides it."""
    unit = next((unit for unit, size in _UNITS.items() if length and not length % size), "s")
    return f"{length // _UNITS[unit]}{unit}"


def as_default(length: timedelta) -> dict[str, JsonValue]:
    """Return the default for the JSON Schema of a duration field."""
    return {"default": duration_text(length)}


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _PATTERN}),
]
"""A duration, read from its text and written as such."""


def within(least: str, most: str) -> AfterValidator:
    """Return a validator for durations from `least` to `most`."""
    shortest, longest = parse_duration(least), parse_duration(most)

    def check(length: timedelta) -> timedelta:
        if not shortest <= length <= longest:
            raise ValueError(f"must be from {least} to {most}")
        return length

    return AfterValidator(check)
