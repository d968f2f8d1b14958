"""What an expression is given of a field of the record: all of it, unless it is huge.

The engine copies what it adds, and a list or an object whenever it is looked into; a record may have a megabyte. Pure.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any, Final

MOST: Final = 16_000
"""Characters of a field, with `ENTRY` for each value in its lists and objects."""
ENTRY: Final = 16


def excerpt(value: Any) -> Any:
    """A value of JSON, or its beginning: the same of the same value, whichever rule asks for it."""
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
        """Whether one entry more fits; with one that does not it ends."""
        self._left -= ENTRY + len(name)
        return self._left >= 0
