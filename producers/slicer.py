"""Cuts a stream of JSON into the source bytes of its elements, unchanged and in bounded memory.

Arrays, lines, single objects and any sequence of these are recognised by their content: brackets, commas and white
space between objects only separate them. No input makes it raise, only separators are skipped silently, and the cuts
between blocks do not affect the result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, cast

from producers.resync import LONGEST_BEGINNING, End, StrayEnd, ValueEnd, first_key, perhaps_beginning

LARGEST_ELEMENT: Final = 8 << 20
KEPT_OF_BAD: Final = 768 << 10
"""Bytes kept of a bad record: as many as fit into one dead letter."""

CUT_OFF: Final = "cut_off"

_DECODED_WHOLE: Final = 512 << 10
"""Larger elements are followed by their brackets: decoded, they could take twenty times their size."""

_LONGEST_LITERAL: Final = 16
"""An error closer to the end than this may come from an incomplete literal or escape."""

_BLOCK_BYTES: Final = 256 << 10
_LONGEST_INDENT: Final = 256
_BOM: Final = "\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")

# The decoded text is Latin-1: one character per byte, so that every index is a byte's position.
_decode = json.JSONDecoder(parse_int=float).raw_decode
_separators = cast("Callable[[str, int], re.Match[str]]", re.compile(r"[ \t\r\n,]*").match)  # matches always


@dataclass(frozen=True, slots=True)
class Element:
    """One object's bytes, from `{` to `}`: complete and UTF-8. Its reader checks the content."""

    raw: bytes
    index: int
    """1 is the first record of the stream; good and bad ones are counted alike."""
    position: int
    """Byte of the (decompressed) stream at which it begins, counted from 0."""

    @property
    def size(self) -> int:
        """Its full size: an element is kept whole."""
        return len(self.raw)


@dataclass(frozen=True, slots=True)
class Bad:
    """Bytes that are not an element, and why."""

    index: int
    position: int
    reason: str
    """not_an_object, not_json, invalid_utf8, too_large, utf16, or cut_off: the stream ends inside it."""
    message: str
    raw: bytes
    """The original bytes, at most `KEPT_OF_BAD`."""
    size: int
    """The full number of bytes."""


Record = Element | Bad


class _Open:
    """A value whose end has not been found yet."""

    def __init__(self, end: End, first: str, position: int, fault: str, *, perhaps_cut: bool) -> None:
        self.end = end
        self.first = first
        self.position = position
        self.fault = fault
        self.perhaps_cut = perhaps_cut
        self.kept = bytearray()
        self.size = 0
        self.last = ""
        """Its last character so far that is not white space."""

    def take(self, piece: str) -> None:
        self.size += len(piece)
        self.last = piece.rstrip(" \t\r\n")[-1:] or self.last
        limit = KEPT_OF_BAD if self.fault or self.size > LARGEST_ELEMENT else LARGEST_ELEMENT
        if len(self.kept) < limit:
            self.kept += piece[: limit - len(self.kept)].encode("latin-1")
        del self.kept[limit:]


class Slicer:
    """Feed it blocks, then finish it; each call returns the records that it completed."""

    def __init__(self) -> None:
        self.in_array = False
        """After `finish`: whether the stream ended before its array was closed, as far as can be told."""
        self.count = 0
        """The number of records returned so far."""
        self._pieces = ["\n"]  # as if a line had ended before the stream, so that every line begins alike
        self._pending = 1
        self._base = -1  # position of the first pending byte
        self._enough = 0  # how much must be pending before another attempt is worthwhile
        self._open: _Open | None = None
        self._last_good = ""  # how the last element begins
        self._out: list[Record] = []

    def feed(self, block: bytes) -> list[Record]:
        """Return the records now complete. One that began in an earlier block may wait until twice as much came."""
        self._pieces.append(block.decode("latin-1"))
        self._pending += len(block)
        return self._cut(final=False) if self._pending >= self._enough else []

    def finish(self) -> list[Record]:
        """Return the records that were waiting for more input."""
        return self._cut(final=True)

    def _cut(self, *, final: bool) -> list[Record]:
        text = "".join(self._pieces)
        at = self._follow(text, 0, 0, final=final)
        keep = self._slice(text, at, final=final)
        self._pieces = [text[keep:]]
        self._pending = len(text) - keep
        self._base += keep
        out, self._out = self._out, []
        return out

    def _slice(self, text: str, at: int, *, final: bool) -> int:
        """Cut what can be cut from index `at` on. Returns the index from which text must be kept."""
        size, base = len(text), self._base
        decode, separators, out = _decode, _separators, self._out
        self._enough = 0
        while not self._is_following():
            at = separators(text, at).end()
            if at >= size:
                return _line_start(text, at)
            first = text[at]
            if first == "{" or (first == "[" and self.in_array):
                try:
                    value, end = decode(text, at)
                except json.JSONDecodeError as error:
                    # An open string is an error as far as it reaches.
                    late = size if error.msg.startswith("Unterminated") else error.pos
                    unsure = late >= size - _LONGEST_LITERAL
                    if unsure and not final and size - at <= _DECODED_WHOLE + _LONGEST_LITERAL:
                        keep = _line_start(text, at)
                        self._enough = 2 * (size - keep)
                        return keep
                    late -= at
                    broken_at = late if late <= _DECODED_WHOLE else None
                    at = self._begin(text, at, broken_at, perhaps_cut=unsure, final=final)
                except RecursionError:
                    at = self._begin(text, at, None, final=final)
                else:
                    piece = text[at:end]
                    if type(value) is dict and piece.isascii() and len(piece) <= LARGEST_ELEMENT:
                        self.count += 1
                        out.append(Element(piece.encode("latin-1"), self.count, base + at))
                        self._last_good = piece[:LONGEST_BEGINNING]
                    else:
                        self._judge(first, piece.encode("latin-1"), base + at, len(piece))
                    at = end
            elif first in "[]":
                self.in_array = first == "["
                at += 1
            elif text.startswith(_BOM, at):
                at += len(_BOM)
            elif not final and size - at < len(_BOM) and _BOM.startswith(text[at:]):
                return at
            else:
                at = self._begin(text, at, None, final=final)
        return at

    def _begin(self, text: str, at: int, broken_at: int | None, *, final: bool, perhaps_cut: bool = False) -> int:
        """Follow the value at `at` that could not be decoded. Returns the index to continue from."""
        first, search_from = text[at], at
        fault = f"not JSON at byte {broken_at}" if broken_at is not None else ""
        key = first_key(text, at, at + (_DECODED_WHOLE if broken_at is None else broken_at))
        key = key or first_key(self._last_good, 0, len(self._last_good))
        end: End = StrayEnd(key, in_array=self.in_array)
        if first in "{[":
            end = ValueEnd(first, key, indent=text[_line_start(text, at) + 1 : at], broken=bool(fault))
            search_from += 1
        self._open = _Open(end, first, self._base + at, fault, perhaps_cut=perhaps_cut)
        return self._follow(text, at, search_from, final=final)

    def _is_following(self) -> bool:
        return self._open is not None

    def _follow(self, text: str, at: int, search_from: int, *, final: bool) -> int:
        """Follow the open value, if any, whose next byte is at `at`. Returns the index to continue from."""
        value = self._open
        if value is None:
            return at
        # A possible beginning of the next value, such as its line's indentation, is examined together with what
        # follows.
        end = len(text)
        if not final:
            end = max(search_from, min(_line_start(text, end), perhaps_beginning(text)))
        found = value.end.find(text, search_from, end)
        end = end if found is None else found
        value.take(text[at:end])
        if found is not None or final:
            self._open = None
            self._settle(value, closed=found is not None)
        return end

    def _settle(self, value: _Open, *, closed: bool) -> None:
        raw = bytes(value.kept)
        if not closed and value.last == "]":
            self.in_array = False  # perhaps it closed the array: nothing shows that the stream is cut off
        if value.first not in "{[":
            self._add_stray(raw, value)
        elif not closed and value.size <= LARGEST_ELEMENT and (value.perhaps_cut or not value.fault):
            self._add(value.position, CUT_OFF, "the stream ends inside this element", raw, value.size)
        elif value.fault or (value.end.faulty and value.size <= LARGEST_ELEMENT):
            note = f" (the first {KEPT_OF_BAD:,} bytes are kept)" if value.size > KEPT_OF_BAD else ""
            self._add(value.position, "not_json", (value.fault or "not JSON") + note, raw, value.size)
        else:
            self._judge(value.first, raw, value.position, value.size)

    def _judge(self, first: str, raw: bytes, position: int, size: int) -> None:
        """Add a value that is complete as far as brackets show."""
        if size > LARGEST_ELEMENT:
            message = f"{size:,} bytes, more than {LARGEST_ELEMENT:,} (the first {KEPT_OF_BAD:,} are kept)"
            self._add(position, "too_large", message, raw, size)
        elif first != "{":
            self._add(position, "not_an_object", "not an object", raw, size)
        else:
            try:
                raw.decode()
            except UnicodeDecodeError as error:
                self._add(position, "invalid_utf8", f"invalid UTF-8 at byte {error.start}", raw, size)
            else:
                self.count += 1
                self._out.append(Element(raw, self.count, position))
                self._last_good = raw[:LONGEST_BEGINNING].decode("latin-1")

    def _add_stray(self, raw: bytes, value: _Open) -> None:
        if value.position == 0 and raw.startswith(_UTF16):
            self._add(0, "utf16", "UTF-16 text: save it as UTF-8", raw, value.size)
        elif value.size <= KEPT_OF_BAD and _is_json(raw):
            self._add(value.position, "not_an_object", "not an object", raw, value.size)
        else:
            self._add(value.position, "not_json", "not JSON", raw, value.size)

    def _add(self, position: int, reason: str, message: str, raw: bytes, size: int) -> None:
        self.count += 1
        kept = raw[:KEPT_OF_BAD].rstrip(b" \t\r\n")
        self._out.append(Bad(self.count, position, reason, message, kept, size if size > KEPT_OF_BAD else len(kept)))


def slice_whole(body: bytes) -> Iterator[Record]:
    """Yields the records of `body`, cut on demand: a caller that stops early saves the time and memory of the rest."""
    slicer = Slicer()
    for start in range(0, len(body), _BLOCK_BYTES):
        yield from slicer.feed(body[start : start + _BLOCK_BYTES])
    yield from slicer.finish()


def _line_start(text: str, at: int) -> int:
    """Return the index of the line break before `at`, if only indentation is between; else `at` itself."""
    found = text.rfind("\n", max(0, at - 1 - _LONGEST_INDENT), at)
    return found if found >= 0 and not text[found + 1 : at].strip(" \t\r") else at


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw.rstrip(b", \t\r\n"), parse_int=float)
    except (ValueError, RecursionError):
        return False
    return True
