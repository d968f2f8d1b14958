"""Child processes that read stretches of the log into Arrow tables: decoding in Python fills one core each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NamedTuple

from aiokafka.errors import KafkaError

from schemas.errors import BrokerAway, Fatal
from schemas.kafka import KafkaConnection
from streams.blocks import Block, receive_blocks, send_blocks
from streams.child import Child
from streams.portion import Reading, cut
from streams.rows import LogRecord, Produced
from streams.span_reader import SpanReader, Stretch


class Read(NamedTuple):
    """The content of a stretch."""

    blocks: list[Block]
    records: int
    unreadable: list[tuple[int, int, str]]
    """Offset, append time in milliseconds and reason of each unreadable record, which has its dead letter."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """The source of records, and how to decode them."""

    connection: KafkaConnection
    reading: Reading


def decode(records: Sequence[LogRecord], reading: Reading) -> Read:
    """Decode records of one partition into rows."""
    if not records:
        return Read([], 0, [])
    whole = reading.portion(records)
    parts = list(cut(records, whole))
    portions = [reading.portion(part) for part in parts] if len(parts) > 1 else [whole]
    blocks = [block for portion in portions for block in portion.blocks]
    return Read(blocks, len(records), _unreadable(records, whole.dead))


def _unreadable(records: Sequence[LogRecord], dead: Sequence[Produced]) -> list[tuple[int, int, str]]:
    times = {record.offset: record.timestamp for record in records} if dead else {}
    found = []
    for letter in dead:
        headers = dict(letter.headers)
        offset = int(headers["idtrail_offset"])
        found.append((offset, times[offset], headers["idtrail_reason"].decode()))
    return found


class Decoder:
    """One child process: `start` stretches, then `take` the parts of each in the same order.

    It is one part ahead: it sends the next part when one is taken.
    """

    def __init__(self, how: Decoding) -> None:
        self._child = Child(_serve, how, "idtrail-decoder")

    def start(self, stretch: Stretch) -> None:
        """Start decoding the stretch; returns at once."""
        self._child.send(stretch)

    def take(self) -> tuple[Stretch, Read] | None:
        """Return the next part of the stretch; None at its end. Blocks: use a thread. Raises `BrokerAway`, or the
        error of decoding."""
        told = self._child.receive()
        if told is None:
            return None
        part, records, unreadable = told
        return part, Read(receive_blocks(self._child), records, unreadable)

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._child.close()


def _serve(pipe: Connection, how: Decoding) -> None:
    asyncio.run(_serve_stretches(pipe, how))


async def _serve_stretches(pipe: Connection, how: Decoding) -> None:
    reader: SpanReader | None = None
    while True:
        stretch = pipe.recv()  # blocks: there is nothing else to do
        try:
            if reader is None:
                reader = await SpanReader(how.connection).__aenter__()
            async for part, records in reader.parts(stretch):
                read = decode(records, how.reading)
                pipe.send((part, read.records, read.unreadable))
                send_blocks(pipe, read.blocks)
            pipe.send(None)
        except KafkaError as error:
            pipe.send(BrokerAway(f"{stretch.topic}[{stretch.partition}] cannot be read again: {error!r}"))
        except Exception as error:
            pipe.send(Fatal(f"{stretch.topic}[{stretch.partition}] from offset {stretch.first} on: {error!r}"))
