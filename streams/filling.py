"""Fills a database from stretches of the log, in large blocks."""

from __future__ import annotations

from functools import partial
from typing import Final

from queries.store import Store
from streams.decoders import Read
from streams.replaying import Handle
from streams.span_reader import Stretch
from streams.writer import patiently

RETRY_SECONDS: Final = 300.0
"""How long to wait for a store that is away."""


def inserting(store: Store, name: str) -> Handle:
    """Return a function that inserts a stretch. `name` is part of every token: under the same name a stretch is
    inserted once."""

    async def insert(stretch: Stretch, read: Read) -> None:
        topic, partition, first, end = stretch
        for number, block in enumerate(read.blocks):
            token = f"{name}:{topic}:{partition}:{first}-{end - 1}:{number}"
            await patiently(partial(store.insert_arrow, block.table, block.rows, token), RETRY_SECONDS)

    return insert
