"""Decodes JSON escapes, and maps each decoded byte to its position in the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import Final

from schemas.jsontext import spelt

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL
)


class Unescaped:
    """A text with JSON escapes decoded, in UTF-8; anything that is not an escape stays."""

    __slots__ = ("_edges", "_offset", "_sources", "text")

    def __init__(self, escaped: bytes, offset: int = 0) -> None:
        """`offset` is the position of `escaped` in the text that `place` refers to."""
        self._offset = offset
        self._edges: list[int] = []
        """Start and end in `text` of what each escape spells, two numbers per escape."""
        self._sources: list[int] = []
        """The same positions in `escaped`."""
        if b"\\" not in escaped:
            self.text = escaped
            return
        pieces: list[bytes] = []
        done = length = 0
        for match in _ESCAPE.finditer(escaped):
            start, end = match.span()
            meant = _meant(match[0])
            pieces += (escaped[done:start], meant)
            length += start - done
            self._edges += (length, length + len(meant))
            self._sources += (start, end)
            length += len(meant)
            done = end
        self.text = b"".join((*pieces, escaped[done:]))

    def place(self, at: int) -> int:
        """Return the original position of the byte of `text` at `at`; for one from an escape, where the escape
        begins."""
        edge = bisect_right(self._edges, at) - 1
        if edge < 0:
            return self._offset + at
        inside = edge % 2 == 0
        return self._offset + self._sources[edge] + (0 if inside else at - self._edges[edge])


@lru_cache(maxsize=4096)  # all letters and all halves of surrogate pairs, with room for the usual
def _meant(escape: bytes) -> bytes:
    return spelt(b'"' + escape + b'"').encode()
