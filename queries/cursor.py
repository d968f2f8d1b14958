"""Opaque cursors of keyset pages, each bound to the question it was given for.

A cursor carries the time range of the first page, so that `since=24h` means the same day on every page. It is not
signed: it holds only a place and a range, and the token decides whose events are read.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

import orjson

from schemas.errors import BadUsage
from schemas.times import LATEST, SENTINEL, to_microseconds

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_RANK: Final = 9

_TIMES: Final = frozenset({"since", "until"})
"""Fields that are not part of the question: the cursor keeps them while the clock moves on."""


class Cursor(NamedTuple):
    """The last row of a page, and the range it was found in."""

    at: datetime
    id: UUID
    since: datetime = SENTINEL
    until: datetime = LATEST
    now: datetime = SENTINEL
    """When the first page was asked for, if the order depends on it."""
    rank: int = 0
    """What rows are ordered by before the time, if anything; the smallest comes first."""


def question_of(asked: DataclassInstance) -> str:
    """Return what binds a cursor to a filter: a short digest of its kind and all its fields except the times."""
    names = [field.name for field in fields(asked) if field.name not in _TIMES]
    parts = "\n".join([type(asked).__name__, *(f"{name}={getattr(asked, name)!r}" for name in names)])
    return hashlib.blake2b(parts.encode(errors="surrogatepass"), digest_size=6).hexdigest()


def encode_cursor(cursor: Cursor, question: str) -> str:
    """Return the cursor as text for the caller."""
    times = [to_microseconds(at) for at in (cursor.at, cursor.since, cursor.until, cursor.now)]
    return base64.urlsafe_b64encode(orjson.dumps([question, cursor.id.hex, cursor.rank, *times])).decode().rstrip("=")


def decode_cursor(text: str, question: str) -> Cursor:
    """Return the cursor of a text. Raises `BadUsage` if it was not made here or belongs to another question."""
    try:
        bound, place, rank, *times = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        at, since, until, now = (SENTINEL + timedelta(microseconds=int(micros)) for micros in times)
        cursor = Cursor(at, UUID(place), since, until, now, min(max(int(rank), 0), MAX_RANK))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise BadUsage("the cursor is not one of ours: start again without it") from None
    if bound != question:
        raise BadUsage("the cursor belongs to another filter: start again without it")
    return cursor
