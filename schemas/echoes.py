"""Finds secrets again that were found under their names, where a provider repeats them without the name.

`Password 'S' does not meet the policy` matches no pattern of a secret: only the password change beside it shows that S
is one.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from schemas.credentials import is_evidence
from schemas.spelling import Unescaped

SHORTEST: Final = 8
"""A shorter text may occur anywhere by chance."""
LONGEST: Final = 8192
MAX_KNOWN: Final = 32
"""Limited because each known secret is a search of the whole record."""
MAX_ESCAPED: Final = 4
"""The most levels of escaping of a repeated secret: one for each JSON string around it."""

Span = tuple[int, int]
"""Start and end of a secret."""

_ASIDE: Final = (string.punctuation + string.whitespace).encode()
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9_-]{1,30} +(?=\S+\Z)")
_COVERED = re.compile(rb"\x01+")


class Echoes:
    """The secrets of one record. A text that is also the id or name of something in the record does not count."""

    def __init__(self) -> None:
        self._secrets: set[bytes] = set()
        self._public: set[bytes] = set()

    def add(self, secret: bytes) -> None:
        """Remember a secret, and the part after its scheme (`Bearer`), unless it could be an ordinary word."""
        scheme = _SCHEME.match(secret)
        for text in (secret, secret[scheme.end() :]) if scheme else (secret,):
            if len(self._secrets) < MAX_KNOWN and _is_telling(text):
                self._secrets.add(text)

    def spare(self, name: bytes) -> None:
        """Remember the id or name of something: it is evidence, even if somebody's password is the same."""
        self._public.add(name)

    def __bool__(self) -> bool:
        return not self._secrets <= self._public

    def places(self, text: bytes, escaped: int = MAX_ESCAPED) -> Iterator[Span]:
        """Yields the positions of the secrets in `text`, also when escaped in JSON up to `escaped` times; those at one
        depth do not overlap."""
        covered = bytearray(len(text))
        for secret in self._secrets - self._public:
            within = not secret.isalnum() or _is_mixed(secret)
            cover = b"\1" * len(secret)
            at = text.find(secret)
            while at >= 0:
                end = at + len(secret)
                if within or not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
                    covered[at:end] = cover
                at = text.find(secret, end)
        yield from (match.span() for match in _COVERED.finditer(covered))
        if escaped and b"\\" in text:
            meant = Unescaped(text)
            for start, end in self.places(meant.text, escaped - 1):
                yield meant.place(start), meant.place(end)


def outside(spans: Iterable[Span], cuts: Sequence[Span]) -> list[Span]:
    """Return the spans that none of the cuts, which are in order, covers."""
    starts = [start for start, _ in cuts]
    last = ((span, bisect_right(starts, span[0]) - 1) for span in spans)
    return [span for span, at in last if at < 0 or cuts[at][1] < span[1]]


def inside(spans: Iterable[Span], strings: Sequence[Span]) -> Iterator[Span]:
    """Yields the parts of the spans that are in the strings, which are in order."""
    for span in spans:
        at = max(0, bisect_right(strings, span) - 1)
        while at < len(strings) and strings[at][0] < span[1]:
            start, end = max(span[0], strings[at][0]), min(span[1], strings[at][1])
            if start < end:
                yield start, end
            at += 1


def _is_telling(secret: bytes) -> bool:
    if len(secret) > LONGEST or is_evidence(secret.decode("latin-1")):
        return False
    word = secret.strip(_ASIDE)
    plain = word.isalpha() and (word.islower() or word.isupper() or word.istitle())
    return len(secret) >= SHORTEST and not plain and len(set(word)) > 3  # a mask has only one or two


def _is_mixed(secret: bytes) -> bool:
    return not secret.isalpha() and not secret.isdigit()
