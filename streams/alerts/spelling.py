"""What may have been meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def meant(name: str, known: Iterable[str]) -> str:
    """For the end of a message: the nearest one, or all there are."""
    names = sorted(known)
    near = nearest(name, names)
    return f"did you mean {near}?" if near else f"there are {', '.join(names)}"


def nearest(name: str, known: Iterable[str], least: float = 0.6) -> str | None:
    """The one that looks most alike, if any does: by `least`, up to 1."""
    return next(iter(difflib.get_close_matches(name, sorted(known), 1, least)), None)
