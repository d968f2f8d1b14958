"""Suggests known names for an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def meant(name: str, known: Iterable[str]) -> str:
    """Return the end of a message: the nearest known name, or all of them."""
    names = sorted(known)
    near = nearest(name, names)
    return f"did you mean {near}?" if near else f"expected one of: {', '.join(names)}"


def nearest(name: str, known: Iterable[str], least: float = 0.6) -> str | None:
    """Return the most similar name whose similarity is at least `least`, up to 1; None if there is none."""
    return next(iter(difflib.get_close_matches(name, sorted(known), 1, least)), None)
