"""A buffer between a library that writes a file and a response that streams it."""

from __future__ import annotations

import io
from typing import Any


class Pipe(io.RawIOBase):
    """Buffers what is written until it is taken. `tell` is the position in the whole.

    It cannot be read or sought, so ZIP writes its sizes after the data.
    """

    def __init__(self) -> None:
        self._written = bytearray()
        self._place = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def write(self, block: Any) -> int:
        size = len(block)
        self._written += block
        self._place += size
        return size

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        found = bytes(self._written)
        self._written.clear()
        return found
