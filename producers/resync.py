"""Finds the end of a value that no decoder can take whole: broken, too deep, too large, or not JSON.

Strings and brackets are followed without recursion, block by block, with one byte remembered per level. The result
depends on the bytes alone, never on where the blocks were cut.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Final

MAX_REMEMBERED_DEPTH: Final = 1 << 20
"""Deeper brackets are counted, not remembered: an endless run of `[` must not fill the memory."""

_LONGEST_GAP: Final = 32
"""White space around an object's first key and its brace; an object with more is not recognised by that key."""

_BEGINNING = re.compile(r'\{[ \t\r\n]{0,32}"([\w@.$-]{1,64})"[ \t\r\n]{0,32}:', re.ASCII)
_BEGINNING_PART = re.compile(
    r'[,}][ \t\r\n]{0,32}(?:\{[ \t\r\n]{0,32}(?:"[\w@.$-]{0,64}(?:"[ \t\r\n]{0,32})?)?)?\Z', re.ASCII
)
LONGEST_BEGINNING: Final = 3 * _LONGEST_GAP + 68  # with what comes before it
_TOKEN = re.compile(r'[ \t\r]+|[^ \t\r\n"{}\[\],]+|.', re.DOTALL)
_STRING_STOP = re.compile(r'["\\\n]')
_AFTER_STRING = frozenset(' \t\r\n:,]}"')
_OPENERS = {"}": b"{", "]": b"["}


def first_key(text: str, at: int, end: int) -> str:
    """Return the first key of the object at `at`; empty if it is not before `end`, or is not a plain word."""
    match = _BEGINNING.match(text, at, end)
    return match[1] if match is not None else ""


def perhaps_beginning(text: str) -> int:
    """Return where the end of `text` may begin another object that needs the next block to recognise; else its
    length."""
    match = _BEGINNING_PART.search(text, max(0, len(text) - LONGEST_BEGINNING))
    return match.start() if match is not None else len(text)


class End(ABC):
    """Looks for the end of something through consecutive blocks, respecting strings.

    Broken input ends where an object with the first key `key` follows a comma or a brace, wherever strings and brackets
    seem to be: such bytes cannot occur within a string. If a block ends inside them, they must come again with the next
    block.
    """

    def __init__(self, last: str, key: str, *, broken: bool) -> None:
        self.faulty = False
        """Whether brackets or strings do not match: then this is not JSON, wherever it ends."""
        self._key = key
        self._broken = broken
        self._last = last  # the last character that is not white space
        self._in_string = False
        self._escaped = False
        self._string_closed = False

    def find(self, text: str, start: int, end: int) -> int | None:
        """Return the index just after the value in `text`, looking from `start` to `end`; None if the value
        continues."""
        at = start
        while at < end:
            if self._in_string:
                at = self._pass_string(text, at, end)
                continue
            if self._string_closed:
                self._string_closed = False
                if text[at] not in _AFTER_STRING:
                    # A quote is missing before: what seemed to close a string has opened this one.
                    self.faulty = self._in_string = True
                    brace = text.rfind("{", max(start, at - 2 - _LONGEST_GAP), at - 1)
                    if self._begins_anew(text, brace, at, start, end):
                        return brace
                    continue
            match = _TOKEN.match(text, at, end)
            assert match is not None  # some alternative matches any character
            part, after = match[0], match.end()
            if part == "{" and self._begins_anew(text, at, None, start, end):
                self.faulty = True
                return at
            found = self._see(part, at, after)
            if found is not None:
                return found
            if part == '"':
                self._in_string = True
            if part[0] not in " \t\r\n":
                self._last = part[-1]
            at = after
        return None

    @abstractmethod
    def _see(self, part: str, start: int, after: int) -> int | None:
        """Return where the value ends, if this part of it, outside strings and between these indexes, ends it."""

    def _begins_anew(self, text: str, brace: int, key_at: int | None, start: int, end: int) -> bool:
        """Whether the brace opens an object like the one being followed, with its first key at `key_at`."""
        if not self._key or brace < start or not (self._broken or self.faulty):
            return False
        if text[max(start, brace - 1 - _LONGEST_GAP) : brace].rstrip(" \t\r\n")[-1:] not in (",", "}"):
            return False
        match = _BEGINNING.match(text, brace, end)
        return match is not None and match[1] == self._key and key_at in (None, match.start(1))

    def _pass_string(self, text: str, at: int, end: int) -> int:
        if self._escaped:
            self._escaped = False
            if text[at] != "\n":
                return at + 1
        match = _STRING_STOP.search(text, at, end)
        if match is None:
            return end
        if match[0] == "\\":
            self._escaped = True
            return match.end()
        self._in_string = False
        if match[0] == "\n":  # JSON strings have no bare line breaks, so every line starts outside strings
            self.faulty = True
            return match.start()
        self._string_closed = True
        return match.end()


class ValueEnd(End):
    """Finds the end of one object or array, or the place where the next element visibly begins.

    The next element begins at an object where none may be: after a comma within an object, or after another value. In a
    value known to be broken, it also begins at a line that opens an object at the value's own indentation.
    """

    def __init__(self, opener: str, key: str, *, indent: str, broken: bool) -> None:
        super().__init__(opener, key, broken=broken)
        self._indent = indent
        self._stack = bytearray(opener, "ascii")
        self._braces = self._stack.count(b"{")  # of those in the stack
        self._uncounted = 0
        self._line: str | None = None  # white space since the line began; None once something else came

    def _see(self, part: str, start: int, after: int) -> int | None:
        if part in ("}", "]"):
            if not self._close(part):
                return start  # it closes an array around this value, which was never finished
            if not self._stack and not self._uncounted:
                return after
        elif part in ("{", "["):
            if part == "{" and self._is_next_element():
                self.faulty = True
                return start
            self._push(part)
        self._follow_line(part)
        return None

    def _push(self, part: str) -> None:
        if self._uncounted or len(self._stack) >= MAX_REMEMBERED_DEPTH:
            self._uncounted += 1
        else:
            self._stack += part.encode()
            self._braces += part == "{"

    def _close(self, part: str) -> bool:
        """Close the nearest opener of that kind and everything left open within; returns False if this value has
        none."""
        if self._uncounted:
            self._uncounted -= 1
            return True
        # Look for a brace only where there is one; what was searched is then removed, so nothing is searched twice.
        found = self._stack.rfind(_OPENERS[part]) if part == "]" or self._braces else -1
        if found != len(self._stack) - 1:
            self.faulty = True
        if found < 0:
            return part == "}"  # a stray brace closes nothing, a stray bracket closes the array around the value
        self._braces -= self._stack.count(b"{", found)
        del self._stack[found:]
        return True

    def _is_next_element(self) -> bool:
        if self._broken and self._line is not None and self._line == self._indent:
            return True
        if self._last == ",":
            return self._stack[-1:] == b"{" and not self._uncounted
        return self._last not in (":", "[")

    def _follow_line(self, part: str) -> None:
        if part == "\n":
            self._line = ""
        elif part[0] not in " \t\r":
            self._line = None
        elif self._line is not None:
            self._line += part
            if len(self._line) > len(self._indent):
                self._line = None


class StrayEnd(End):
    """Finds the end of something between elements that is neither an object nor an array.

    It ends with its line; within an array, before the next comma or the array's end; and anywhere before an object that
    follows a comma or a closing bracket.
    """

    def __init__(self, key: str, *, in_array: bool) -> None:
        super().__init__("", key, broken=True)
        self._ends_it = ("\n", ",", "]") if in_array else ("\n",)

    def _see(self, part: str, start: int, after: int) -> int | None:
        if part in self._ends_it or (part == "{" and self._last in (",", "}", "]")):
            return start
        return None
