"""What accepting an event costs beside a bare producer sending the very same bytes, in one run on one broker.

python -m bench.emitter BOOTSTRAP [EVENTS]
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.emitter import Emitter
from producers.spool import Record, Spool
from producers.uplink import BATCH_BYTES, Uplink
from schemas.envelope import Envelope, Source, Trust, seal
from schemas.kafka import COMPRESSION, KafkaConnection

ROUNDS = 3
PARTITIONS = 4
PEOPLE = 2_000
ORGANIZATION = "641b3db57090821c0b2f8183"
SOURCE = Source("file:bench.json.gz", Trust.EXPORT, ORGANIZATION)
NOW = datetime(2026, 3, 19, 12, tzinfo=UTC)


def pretend_records(count: int) -> list[bytes]:
    """Provisioning events of about 770 bytes: a tenth of them failures, one in fifty about a token."""
    return [
        orjson.dumps(
            {
                "id": f"{number:024x}",
                "event_type": "user_update_provision",
                "organization": ORGANIZATION,
                "timestamp": "2026-03-19T11:59:30.250Z",
                "service": "directory",
                "@version": "1",
                "success": number % 10 != 0,
                "error_message": (
                    ""
                    if number % 10
                    else "Conflict: userName is already taken"
                    if number % 50
                    else "401 Unauthorized: the access token has expired"  # searched for secrets: costs more
                ),
                "initiated_by": {"type": "integration", "id": "5fad07f2b9f5414721b3d797", "name": "statsig"},
                "resource": {
                    "id": f"{number % PEOPLE:024x}",
                    "type": "user",
                    "username": f"person.{number % PEOPLE}",
                    "displayName": f"Person Number {number % PEOPLE}",
                    "email": f"person.{number % PEOPLE}@example.com",
                },
                "application": {
                    "id": "5fad07f2b9f5414721b3d797",
                    "name": "statsig",
                    "displayLabel": "Statsig production workspace, accounts and groups",
                },
                "changes": [{"field": "department", "from": "Sales EMEA", "to": "Customer Engineering"}],
                "message_chain": {"status": 200, "request_id": f"{number:032x}", "attempt": 1},
            }
        )
        for number in range(count)
    ]


async def bare(connection: KafkaConnection, topic: str, envelopes: list[Envelope], batch_bytes: int) -> float:
    """The loop everybody writes: `send`, and gather the futures by 5,000."""
    async with AIOKafkaProducer(
        **connection.options(),
        acks="all",
        enable_idempotence=True,
        compression_type=COMPRESSION,
        linger_ms=5,
        max_batch_size=batch_bytes,
    ) as producer:
        await producer.partitions_for(topic)
        began = time.perf_counter()
        futures: list[Any] = []
        for envelope in envelopes:
            futures.append(await producer.send(topic, envelope.value, key=envelope.key, headers=envelope.headers))
            if len(futures) == 5_000:
                await asyncio.gather(*futures)
                futures.clear()
        await asyncio.gather(*futures)
        return time.perf_counter() - began


async def flown(connection: KafkaConnection, topic: str, envelopes: list[Envelope]) -> float:
    """Our uplink alone, with records sealed before."""
    uplink = await Uplink.connect(connection, topic, 30)
    began = time.perf_counter()
    for start in range(0, len(envelopes), 5_000):
        flight = await uplink.fly([Record(topic, e.key, e.value, e.headers) for e in envelopes[start : start + 5_000]])
        assert not flight.trouble, flight.trouble
    seconds = time.perf_counter() - began
    await uplink.close()
    return seconds


async def emitted(connection: KafkaConnection, topic: str, records: list[bytes]) -> float:
    """The whole way: sealed, delivered, every confirmation looked at."""
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory, "spool.sqlite"))
        async with Emitter(connection, spool, lambda: NOW, topic, topic, topic) as emitter:
            began = time.perf_counter()
            batch = await emitter.emit_many(records, SOURCE)
            seconds = time.perf_counter() - began
        assert batch.logged == len(records), batch
        return seconds


async def concurrent(connection: KafkaConnection, topic: str, records: list[bytes]) -> float:
    """A call per event, 5,000 at a time, as the HTTP ingest makes them."""
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory, "spool.sqlite"))
        async with Emitter(connection, spool, lambda: NOW, topic, topic, topic) as emitter:
            began = time.perf_counter()
            for start in range(0, len(records), 5_000):
                await asyncio.gather(*(emitter.emit(raw, SOURCE) for raw in records[start : start + 5_000]))
            return time.perf_counter() - began


async def sequential(connection: KafkaConnection, topic: str, records: list[bytes]) -> float:
    """One call after the other: a round trip each."""
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory, "spool.sqlite"))
        async with Emitter(connection, spool, lambda: NOW, topic, topic, topic) as emitter:
            began = time.perf_counter()
            for raw in records:
                await emitter.emit(raw, SOURCE)
            return time.perf_counter() - began


async def spooled(records: list[bytes]) -> float:
    """The broker away: every record fsynced."""
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory, "spool.sqlite"), 2**31)
        async with Emitter(KafkaConnection("127.0.0.1:1"), spool, lambda: NOW) as emitter:
            began = time.perf_counter()
            batch = await emitter.emit_many(records, SOURCE)
            seconds = time.perf_counter() - began
        assert batch.spooled == len(records), batch
        return seconds


async def sealed(records: list[bytes]) -> float:
    """The pure part alone."""
    began = time.perf_counter()
    for raw in records:
        seal(raw, SOURCE, NOW)
    return time.perf_counter() - began


async def main(bootstrap: str, count: int) -> None:
    connection = KafkaConnection(bootstrap)
    topic = f"bench-{uuid4()}"
    admin = AIOKafkaAdminClient(**connection.options())
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
        records = pretend_records(count)
        few = records[: max(1, count // 100)]
        envelopes = [seal(raw, SOURCE, NOW) for raw in records]
        gc.collect()
        gc.freeze()  # else the collector walks these inputs again and again, in every loop below
        works: dict[str, tuple[int, Callable[[], Awaitable[float]]]] = {
            "bare aiokafka send": (count, lambda: bare(connection, topic, envelopes, BATCH_BYTES)),
            "emit_many": (count, lambda: emitted(connection, topic, records)),
            "  of it: seal": (count, lambda: sealed(records)),
            "  of it: the uplink": (count, lambda: flown(connection, topic, envelopes)),
            "bare aiokafka send, default batch size": (
                count,
                lambda: bare(connection, topic, envelopes, 16_384),
            ),
            "emit, 5,000 at a time": (count, lambda: concurrent(connection, topic, records)),
            "emit, one after the other": (len(few), lambda: sequential(connection, topic, few)),
            "emit_many into the spool, broker away": (count, lambda: spooled(records)),
        }
        micros = dict.fromkeys(works, float("inf"))
        for _ in range(ROUNDS):  # round by round: whatever else the machine does befalls all of them
            for name, (events, work) in works.items():
                micros[name] = min(micros[name], await work() / events * 1e6)
    finally:
        await admin.delete_topics([topic])
        await admin.close()
    size = sum(map(len, records)) // count
    print(f"{count:,} events of {size} bytes, {PEOPLE:,} keys, {PARTITIONS} partitions, best of {ROUNDS}")
    for name, each in micros.items():
        print(f"  {name:<42} {1e6 / each:>9,.0f}/s {each:>8.1f} us an event")
    ratio = micros["bare aiokafka send"] / micros["emit_many"]
    print(f"  emit_many / bare aiokafka: {ratio:.2f} (at least 0.40 is promised)")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100_000))
