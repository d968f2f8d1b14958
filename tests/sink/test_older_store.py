"""A store that was emptied, or put back from a copy: what it lacks is stored again, and told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer

from queries.checks.habits import read_cuts
from queries.store import Store
from schemas.errors import Fatal
from schemas.kafka import KafkaConnection
from schemas.letters import OLDER_STORE
from streams.older_store import Lack, find_lacks, go_back, refuse
from streams.sink import Sink
from streams.writer import StoreWriter
from tests.fixtures_kafka import Topics
from tests.records import Record
from tests.sink.support import effect, once
from tests.sink.test_sink import options, records, run_until_stored

pytestmark = [pytest.mark.kafka, pytest.mark.store]

TABLES = ("events", "events_by_subject", "attempts", "attempts_by_application")


async def put(producer: AIOKafkaProducer, topics: Topics, some: Sequence[Record]) -> None:
    for record in some:
        await producer.send_and_wait(topics.events, record.value, partition=0, headers=record.headers)


def put_back(store: Store, first: int) -> None:
    """Make the store what it was before the event at `first` was stored."""
    for table in TABLES:
        if table != "attempts":  # it has no places, and nothing asks it for any
            store.command(f"DELETE FROM {table} WHERE log_offset >= {first}")


@pytest.mark.parametrize("first", [pytest.param(0, id="emptied"), pytest.param(4, id="put back from a copy")])
async def test_what_a_store_lacks_of_its_log_is_stored_again_and_told(
    kafka: KafkaConnection, topics: Topics, store: Store, producer: AIOKafkaProducer, first: int
) -> None:
    some = records(7)
    await put(producer, topics, [*some, *some[:2], Record(b"{", [])])
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    for table in TABLES:  # no row is left of what came again, at the end of the log
        store.command(f"OPTIMIZE TABLE {table} FINAL")
    assert await find_lacks(kafka, store, options(topics)) == []

    put_back(store, first)
    lacks = await find_lacks(kafka, store, options(topics))
    assert lacks == [Lack(topics.events, 0, first, 10)]
    with pytest.raises(Fatal, match=rf"of {topics.events}\[0\] from offset {first} on: it is another store"):
        refuse(lacks)
    await go_back(kafka, lacks, options(topics))
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    for table in TABLES:
        store.command(f"OPTIMIZE TABLE {table} FINAL")
    assert effect(store) == once(7)
    assert await find_lacks(kafka, store, options(topics)) == []
    (told,) = [cut for cut in read_cuts(store) if cut.reason == OLDER_STORE]
    assert told.position == f"{topics.events}[0]@{first}"
    assert f"it lacked offsets {first} to 9 of {topics.events}[0]" in told.message
