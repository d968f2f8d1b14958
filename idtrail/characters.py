"""Makes texts from outside safe to show: characters that are invisible or change the direction of writing become
`�`."""

from __future__ import annotations

import unicodedata
from typing import Final

_TURNS: Final = frozenset({"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"})


def seen(text: str) -> str:
    """Return the text with each unseen character replaced; line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unseen(each) and each != "\n" else each for each in text)


def unseen(character: str) -> bool:
    """Whether it is a control character, half of a character, or one that changes the direction of writing."""
    return unicodedata.category(character) in ("Cc", "Cs") or unicodedata.bidirectional(character) in _TURNS
