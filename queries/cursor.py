"""Opaque cursors of keyset pages, each bound to the question it was given for."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import orjson

from schemas.errors import BadUsage
from schemas.times import SENTINEL, to_microseconds


class Position(NamedTuple):
    """The last event of a page."""

    occurred_at: datetime
    event_id: UUID


def encode_cursor(position: Position, question: str) -> str:
    """As it is handed out."""
    parts = [to_microseconds(position.occurred_at), position.event_id.hex, question]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decode_cursor(text: str, question: str) -> Position:
    """Raises `BadUsage` for one that we did not hand out, or for another question."""
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        micros, event_id, bound = int(parts[0]), UUID(parts[1]), str(parts[2])
        at = SENTINEL + timedelta(microseconds=micros)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, binascii.Error):
        raise BadUsage("the cursor is not one of ours: start again without it") from None
    if bound != question:
        raise BadUsage("the cursor belongs to another filter: start again without it")
    return Position(at, event_id)
