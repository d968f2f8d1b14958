"""Cuts a huge field of a record down to what an expression may be given.

The engine copies values when it adds them, and lists and objects whenever it looks into them; a record may have a
megabyte. Pure.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any, Final

MOST: Final = 16_000
"""Size limit of a field: its characters, plus `ENTRY` for each value in its lists and objects."""
ENTRY: Final = 16


def excerpt(value: Any) -> Any:
    """Return a JSON value, or its beginning if it is too large: equal values give equal excerpts, whichever rule
    asks."""
    return _Room(MOST).fit(value)


class _Room:
    def __init__(self, left: int) -> None:
        self._left = left

    def fit(self, value: Any) -> Any:
        if isinstance(value, str):
            taken = value[: self._left]
            self._left -= len(taken)
            return taken
        if isinstance(value, list):
            return [self.fit(each) for each in takewhile(lambda _: self._has_for(""), value)]
        if isinstance(value, dict):
            return {name: self.fit(each) for name, each in takewhile(lambda one: self._has_for(one[0]), value.items())}
        return value

    def _has_for(self, name: str) -> bool:
        """Whether one more entry fits; the first that does not ends the excerpt."""
        self._left -= ENTRY + len(name)
        return self._left >= 0
