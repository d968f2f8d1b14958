"""Suggests known names for an unknown one, whatever the case of either. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

MAX_COMPARED: Final = 100
"""Characters of the unknown name, which comes from outside."""


def nearest(name: str, known: Iterable[str], most: int = 1, least: float = 0.6) -> list[str]:
    """Return up to `most` names whose similarity is at least `least`, up to 1; the most similar first."""
    lower = {own.lower(): own for own in sorted(known, reverse=True)}
    return [lower[found] for found in get_close_matches(name[:MAX_COMPARED].lower(), lower, most, least)]


def meant(name: str, known: Iterable[str]) -> str:
    """Return the end of a message: the nearest known name, or all of them."""
    names = sorted(known)
    near = nearest(name, names)
    return f"did you mean {near[0]}?" if near else f"expected one of: {', '.join(names)}"


def suggestion(near: Iterable[str]) -> str:
    """Return the end of a message that these names may be meant; empty if there are none."""
    names = " or ".join(near)
    return f"; did you mean {names}?" if names else ""
