"""Long lists in pieces: a ClickHouse server takes no value of a statement that is longer than 128 KiB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

IDS_AT_ONCE: Final = 3_000
"""Events' or people's: 39 bytes each at most."""
ACCOUNTS_AT_ONCE: Final = 1_000
"""Application and subject: 58 bytes each, of the vendor's ids."""

T = TypeVar("T")


def pieces(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """In order."""
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def subjects_at_once(accounts: Mapping[str, Sequence[object]], most: int) -> Iterator[list[str]]:
    """The subjects in order, so many at once at most; all accounts of each together, and no more than a statement
    takes."""
    some: list[str] = []
    count = 0
    for subject, own in accounts.items():
        if some and (len(some) == most or count + len(own) > ACCOUNTS_AT_ONCE):
            yield some
            some, count = [], 0
        some.append(subject)
        count += len(own)
    if some:
        yield some
