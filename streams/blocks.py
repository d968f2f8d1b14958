"""Blocks of rows for the store, and their transfer through a pipe from the process that decoded them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from multiprocessing.connection import Connection
from typing import NamedTuple

import pyarrow as pa

from queries.arrow import bytes_of, table_of
from streams.child import Child


class Block(NamedTuple):
    """The table and rows of one insert."""

    table: str
    rows: pa.Table


def digest_of(blocks: Sequence[Block]) -> str:
    """Return a digest of 16 characters: the same rows have the same one, whichever process made them."""
    digest = blake2b(digest_size=8)
    for block in blocks:
        digest.update(block.table.encode())
        digest.update(bytes_of(block.rows))
    return digest.hexdigest()


def send_blocks(pipe: Connection, blocks: Sequence[Block]) -> None:
    """Send blocks; called in the child."""
    pipe.send([block.table for block in blocks])
    for block in blocks:
        pipe.send_bytes(bytes_of(block.rows))


def receive_blocks(child: Child) -> list[Block]:
    """Receive blocks; called in the parent. Raises `Fatal` when the child has ended."""
    return [Block(table, table_of(child.receive_bytes())) for table in child.receive()]
