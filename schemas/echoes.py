"""Secrets that were found under their names, to be found again where a provider repeats them without any.

`Password 'S' does not meet the policy` names no secret that a pattern could know: only the change of the
password beside it tells that S is one.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator
from typing import Final

SHORTEST: Final = 8
"""A shorter one may stand anywhere by chance."""
LONGEST: Final = 8192
MAX_KNOWN: Final = 32
"""Each is a search of the whole record."""
MAX_ESCAPED: Final = 4
"""How often a repeated one may be escaped: once for each string of JSON that it is in."""

_ASIDE: Final = (string.punctuation + string.whitespace).encode()
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9_-]{1,30} +(?=\S+\Z)")
_ESCAPE_AT_END = re.compile(rb"\\(?:[bfnrt]|u[0-9a-fA-F]{4})\Z")
_HTML = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&'"}


class Echoes:
    """The secrets of one record. What is also the id or the name of something in it is none."""

    def __init__(self) -> None:
        self._secrets: set[bytes] = set()
        self._public: set[bytes] = set()

    def add(self, secret: bytes) -> None:
        """Remembers one, and what follows its scheme (`Bearer`), if it could be told from an ordinary word."""
        scheme = _SCHEME.match(secret)
        for text in (secret, secret[scheme.end() :]) if scheme else (secret,):
            if len(self._secrets) < MAX_KNOWN and _is_telling(text):
                self._secrets.add(text)

    def spare(self, name: bytes) -> None:
        """Remembers the id or the name of something: evidence, even if somebody's password is the same."""
        if len(self._public) < MAX_KNOWN * 4:
            self._public.add(name)

    def __bool__(self) -> bool:
        return not self._secrets <= self._public

    def places(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Where they stand in `text`, also escaped as in JSON; in no order, and they may overlap."""
        for secret in self._secrets - self._public:
            for form in _forms(secret):
                at = text.find(form)
                while at >= 0:
                    end = at + len(form)
                    if not secret.isalnum() or _is_mixed(secret) or _stands_alone(text, at, end):
                        yield at, end
                    at = text.find(form, end)


def _is_telling(secret: bytes) -> bool:
    word = secret.strip(_ASIDE)
    plain = word.isalpha() and (word.islower() or word.isupper() or word.istitle())
    return SHORTEST <= len(secret) <= LONGEST and not plain and len(set(word)) > 3  # a mask has one or two


def _is_mixed(secret: bytes) -> bool:
    return not secret.isalpha() and not secret.isdigit()


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    """Whether it is no part of a longer word; the last letter of an escape before it is none of its own."""
    before = text[max(0, start - 6) : start]
    return not text[end : end + 1].isalnum() and (not before[-1:].isalnum() or bool(_ESCAPE_AT_END.search(before)))


def _forms(secret: bytes) -> set[bytes]:
    """It, and what it looks like in JSON, in a string of JSON in JSON …, as common writers spell it."""
    forms = {secret}
    for ascii_only, table in ((True, {}), (False, {}), (False, _HTML)):
        text = secret.decode(errors="surrogateescape")
        for _ in range(MAX_ESCAPED):
            text = json.dumps(text, ensure_ascii=ascii_only)[1:-1].translate(table)
            forms.add(text.encode(errors="surrogateescape"))
    return forms
