"""Rows on their way into the store, and through a pipe from the process that decoded them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from multiprocessing.connection import Connection
from typing import NamedTuple

import pyarrow as pa

from queries.arrow import bytes_of, table_of
from streams.child import Child


class Block(NamedTuple):
    """What one insert takes."""

    table: str
    rows: pa.Table


def digest_of(blocks: Sequence[Block]) -> str:
    """Tells rows from others, in 16 characters; the same rows have the same one, whichever process made them."""
    digest = blake2b(digest_size=8)
    for block in blocks:
        digest.update(block.table.encode())
        digest.update(bytes_of(block.rows))
    return digest.hexdigest()


def send_blocks(pipe: Connection, blocks: Sequence[Block]) -> None:
    """The child's side."""
    pipe.send([block.table for block in blocks])
    for block in blocks:
        pipe.send_bytes(bytes_of(block.rows))


def receive_blocks(child: Child) -> list[Block]:
    """The parent's. Raises `Fatal` when the child has ended."""
    return [Block(table, table_of(child.receive_bytes())) for table in child.receive()]
