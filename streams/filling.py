"""Filling a database from stretches of the log, in large blocks."""

from __future__ import annotations

from functools import partial
from typing import Final

from queries.store import Store
from streams.decoders import Piece, Read
from streams.replaying import Handle
from streams.span_reader import Stretch
from streams.writer import patiently

RETRY_SECONDS: Final = 300.0
"""How long a store that is away is waited for."""


def inserting(store: Store, name: str) -> Handle:
    """What inserts a stretch. `name` is part of every token: by the same name it is inserted once."""

    async def insert(stretch: Stretch, read: Read) -> None:
        for piece in read.pieces:
            token = _token(name, stretch, piece)
            await patiently(partial(store.insert_arrow, piece.table, piece.rows, token), RETRY_SECONDS)

    return insert


def _token(name: str, stretch: Stretch, piece: Piece) -> str:
    topic, partition, first, end = stretch
    return f"{name}:{topic}:{partition}:{first}-{end - 1}:{piece.name}"
