"""Passes long lists to ClickHouse, split: a server takes no value longer than 128 KiB in a statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

IDS_AT_ONCE: Final = 3_000
"""Ids of events or people: 39 bytes each at most."""
ACCOUNTS_AT_ONCE: Final = 1_000
"""Accounts as texts: 53 bytes each, with the vendor's ids."""
TEXT_AT_ONCE: Final = 60_000
"""Bytes of texts of any kind: each quote or backslash in them takes two."""

ACCOUNT_SQL: Final = "concat(subject_id, ' ', application_id)"
"""An account as one text, which ClickHouse reads and compares faster than a pair. Two accounts may have the same text,
so a condition on it may find too much."""

T = TypeVar("T")


def account_text(application: str, subject: str) -> str:
    """Return what `ACCOUNT_SQL` gives for an account."""
    return f"{subject} {application}"


def pieces(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the pieces in order."""
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def within(sized: Iterable[tuple[str, int]], most: int) -> Iterator[list[str]]:
    """Yield items in order, grouped up to a total size of `most`. A larger item stands alone."""
    some: list[str] = []
    held = 0
    for item, size in sized:
        if some and held + size > most:
            yield some
            some, held = [], 0
        some.append(item)
        held += size
    if some:
        yield some


def texts_at_once(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield texts of any length in order, so many at a time as fit one statement."""
    return within(((text, len(text.encode()) + len("'',")) for text in texts), TEXT_AT_ONCE)


def subjects_at_once(accounts: Mapping[str, Sequence[object]], most: int) -> Iterator[list[str]]:
    """Yield at most `most` subjects at a time, in order.

    All accounts of a subject stay together, and each list fits one statement.
    """
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
