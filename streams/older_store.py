"""A store that is older than its log: one that was emptied, or put back from a copy, lacks records that its consumer
group has stored. Nothing would ever store them, so it is looked for before anything new is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from broker.batches import send_all
from broker.refusal import failure
from queries.checks.verification import ALERTS, Reader
from queries.store import BULK_LIMITS, Store
from schemas.errors import BrokerAway, Fatal
from schemas.kafka import KafkaConnection
from schemas.letters import OLDER_STORE
from streams.chunk import Span
from streams.decoders import decode
from streams.lag import read_bounds, read_lag, rewind
from streams.sink import SinkOptions
from streams.span_reader import SpanReader, Stretch, stretches
from streams.standing import Cut
from streams.verify import Verification

SAMPLE: Final = 2_000
PATIENCE_SECONDS: Final = 120.0
"""How long the group is waited for."""

_HIGHEST: Final = "SELECT log_topic, log_partition, max(log_offset) FROM {table} GROUP BY log_topic, log_partition"
_PLACED: Final = ("events", "dead_letters", "letter_decisions", "alert_records")

log = structlog.get_logger(__name__)


class Lack(NamedTuple):
    """Stored records of a partition that the store does not have."""

    topic: str
    partition: int
    first: int
    """Everything before this offset is there."""
    end: int
    """Up to here, excluded, the group has stored."""


async def find_lacks(connection: KafkaConnection, store: Store, options: SinkOptions) -> list[Lack]:
    """Return what the store lacks of what its group has stored, by partition. Raises `Away` when log or store is.

    Records of which the store keeps no row, because it has the same event from another place, are not lacking; to tell
    them apart, the log is read behind the highest offset that the store has: `SAMPLE` records of each partition from
    there on, and the last ones. More are not read, or a start after a large file was imported again would take minutes.
    """
    bounds = await read_bounds(connection, options.stored)
    if not any(bound.end for bound in bounds.values()):
        return []
    # Read before the store is, or what is stored meanwhile would seem to lack.
    async for attempt in _attempts():  # the group of a new cluster has no coordinator at first
        with attempt:
            lag = await read_lag(connection, options.group, options.stored)
    stored = await asyncio.to_thread(_next_offsets, store)
    begins = {place: max(bound.begin, stored.get(place, 0)) for place, bound in bounds.items()}
    ends = {(place.topic, place.partition): place.stored for place in lag}
    lacks: dict[tuple[str, int], Lack] = {}
    if all(begins[place] >= end for place, end in ends.items()):
        return []
    verification = Verification(connection, store, options, decoders=0)
    reader = await asyncio.to_thread(Reader, store)
    events, dead_letters, decisions, alerts = options.stored
    letters = ("dead_letters", "letter_decisions")
    # Not the letter of an unreadable record, which may be on the log alone so far, and no table that is made of events.
    tables = {events: ("events",), alerts: (ALERTS,), dead_letters: letters, decisions: letters}
    try:
        async with SpanReader(connection) as spans:
            for stretch in _samples(begins, ends):
                place = stretch.topic, stretch.partition
                if place in lacks:
                    continue
                async for part, records in spans.parts(stretch):
                    read = await asyncio.to_thread(decode, records, options.reading)
                    found = await asyncio.to_thread(verification.compare, reader, part, read)
                    if any(finding.kind == "missing" and finding.table in tables[part.topic] for finding in found):
                        lacks[place] = Lack(*place, begins[place], ends[place])
                        break
    except KafkaError as error:
        raise await failure(connection, error) from error
    return list(lacks.values())


def _samples(begins: dict[tuple[str, int], int], ends: dict[tuple[str, int], int]) -> Iterator[Stretch]:
    first = {place: min(end, begins[place] + SAMPLE) for place, end in ends.items()}
    yield from stretches(begins, first, SAMPLE)
    yield from stretches({place: max(first[place], end - SAMPLE) for place, end in ends.items()}, ends, SAMPLE)


def _next_offsets(store: Store) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for table in _PLACED:
        for topic, partition, highest in store.query(_HIGHEST.format(table=table), limits=BULK_LIMITS):
            found[topic, partition] = max(found.get((topic, partition), 0), highest + 1)
    return found


def refuse(lacks: Sequence[Lack]) -> None:
    """Raises `Fatal` for a store that lacks anything: with others at work, whose store it is is never guessed."""
    if lacks:
        first = lacks[0]
        raise Fatal(
            f"the store lacks records that the consumer group has stored, of {first.topic}[{first.partition}] from "
            f"offset {first.first} on: it is another store, or an older copy. Check IDTRAIL_CLICKHOUSE_URL; if it is "
            "right, `idtrail rebuild` fills the store from the log, and workers start again afterwards"
        )


async def go_back(connection: KafkaConnection, lacks: Sequence[Lack], options: SinkOptions) -> None:
    """Have the records stored again, under new tokens, and report it for good by dead letters. Only for a group that
    nobody else uses. Raises `BrokerAway`."""
    cuts = [(TopicPartition(lack.topic, lack.partition), _cut(lack)) for lack in lacks]
    log.error("the store is older than its log", lacking=[cut.message for _, cut in cuts])
    try:
        async with AIOKafkaProducer(acks="all", enable_idempotence=True, **connection.options()) as producer:
            letters = [cut.letter(place) for place, cut in cuts]
            await asyncio.gather(*await send_all(producer, options.topics[1], letters))
    except KafkaError as error:
        raise await failure(connection, error) from error
    offsets = {(lack.topic, lack.partition): lack.first for lack in lacks}
    async for attempt in _attempts():  # a member that was killed is missed a session later
        with attempt:
            await rewind(connection, options.group, offsets)


def _attempts() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception_type(BrokerAway),
        wait=wait_fixed(1),
        stop=stop_after_delay(PATIENCE_SECONDS),
        reraise=True,
    )


def _cut(lack: Lack) -> Cut:
    span = Span(lack.first, lack.end - 1)
    return Cut(
        OLDER_STORE,
        span,
        f"the store was older than its log, emptied or put back from a copy: it lacked offsets {span.first} to "
        f"{span.last} of {lack.topic}[{lack.partition}], which are read again. API tokens are those of "
        "the copy. What detection made of these records is not made again by itself: run `idtrail rebuild`",
    )
