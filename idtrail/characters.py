"""Texts from outside, on a screen or page: what is not seen, or turns the direction of writing, is shown as `�`."""

from __future__ import annotations

import unicodedata
from typing import Final

_TURNS: Final = frozenset({"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"})


def seen(text: str) -> str:
    """The text with each unseen character replaced; line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unseen(each) and each != "\n" else each for each in text)


def unseen(character: str) -> bool:
    """Controls, halves of characters, and what changes the direction of writing."""
    return unicodedata.category(character) in ("Cc", "Cs") or unicodedata.bidirectional(character) in _TURNS
