"""The sink, from Kafka to queryable rows, beside two yardsticks, in one run on the same bytes:

(a) ClickHouse by itself: the same records from a local file, parsed by its JSON functions, inserted into
    the same tables with the same views;
(b) a stock Faust agent (`noack_take`) with the same writer.

python -m bench.sink [EVENTS]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from bench.children import hide_main
from idtrail.serving import LOCAL_PARTITIONS
from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.kafka import LocalKafka
from idtrail.stack.topics import create_topics
from producers.simulation import load
from queries.migrate import Deployment, migrate
from queries.store import Store
from schemas.envelope import Envelope, Source, Trust, seal
from schemas.kafka import ALERTS, COMPRESSION, FOR_EVER, LETTER_DECISIONS, KafkaConnection, TopicSpec
from streams.child import children_at_once
from streams.interpreter import tune_interpreter
from streams.sink import Sink, SinkOptions
from streams.worker import make_app
from streams.writer import StoreWriter

ROUNDS = 2
HORIZON = timedelta(hours=24)

# The columns that the sink fills, as far as ClickHouse can take them from the JSON by itself.
BY_ITSELF = """
INSERT INTO events (organization, event_id, fingerprint, version, occurred_at, occurred_text, time_quality, known_at,
    received_at, source, trust, fresh, event_key, correlation_id, redacted, raw, log_topic, log_partition,
    log_offset,
    event_type, kind, action, outcome, subject_id, subject_type, subject_name, subject_email, application_id,
    application_name, integration_id, actor_id, actor_type, actor_name, http_status, scim_type, cause, attribute,
    detail, retryable, account_state, changed, flags)
SELECT JSONExtractString(line, 'organization'), generateUUIDv4(), substring(MD5(line), 1, 16), 1,
    parseDateTime64BestEffort(JSONExtractString(line, 'timestamp'), 6, 'UTC'),
    JSONExtractString(line, 'timestamp'), 'ok',
    now64(3), now64(6), 'file', 3, 0, JSONExtractString(line, 'id'),
    JSONExtractString(line, 'correlation', 'id'), 0, line,
    'events', 0, rowNumberInAllBlocks(),
    JSONExtractString(line, 'event_type') AS type,
    multiIf(startsWith(type, 'idm'), 'integration', startsWith(type, 'user'), 'user',
        startsWith(type, 'group'), 'group', 'other'),
    splitByChar('_', type)[2],
    if(JSONHas(line, 'success'), if(JSONExtractBool(line, 'success'), 'success', 'failure'), 'unknown'),
    JSONExtractString(line, 'resource', 'id'), JSONExtractString(line, 'resource', 'type'),
    JSONExtractString(line, 'resource', 'username'), JSONExtractString(line, 'resource', 'email'),
    JSONExtractString(line, 'application', 'id'), JSONExtractString(line, 'application', 'name'),
    JSONExtractString(line, 'idm_client_id'), JSONExtractString(line, 'initiated_by', 'id'),
    JSONExtractString(line, 'initiated_by', 'type'), JSONExtractString(line, 'initiated_by', 'email'),
    toUInt16OrZero(JSONExtractString(line, 'message_chain', 'response_code')), '',
    if(JSONExtractBool(line, 'success'), '', 'unknown'), '', JSONExtractString(line, 'error_message'), 0,
    multiIf(type = 'user_create_provision', 'active', type = 'user_deprovision', 'inactive',
        type = 'user_delete_provision', 'deleted', ''),
    arrayMap(c -> JSONExtractString(c, 'field'), JSONExtractArrayRaw(line, 'changes')), []
FROM file('{path}', 'LineAsString', 'line String')
"""


async def fill(connection: KafkaConnection, topic: str, sealed: Sequence[Envelope]) -> None:
    async with AIOKafkaProducer(
        **connection.options(), acks="all", compression_type=COMPRESSION, max_batch_size=262_144
    ) as producer:
        sent: list[Any] = []
        for envelope in sealed:
            sent.append(await producer.send(topic, envelope.value, key=envelope.key, headers=envelope.headers))
            if len(sent) == 5_000:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)


async def topics_of(connection: KafkaConnection, sealed: Sequence[Envelope]) -> tuple[str, str, str]:
    tail = uuid4().hex[:8]
    names = (f"events-{tail}", f"dead-{tail}", f"provisioning-{tail}")
    specs = [TopicSpec(name, FOR_EVER) for name in (*names, LETTER_DECISIONS, ALERTS)]
    await create_topics(connection, LOCAL_PARTITIONS, 1, specs)
    await fill(connection, names[0], sealed)
    return names


def fresh_store(directory: Path) -> Store:
    store = Store.open(f"chdb://{directory}", database=f"bench{uuid4().hex[:8]}")
    migrate(store, Deployment("embedded", synced=False))
    return store


async def by_sink(connection: KafkaConnection, directory: Path, sealed: Sequence[Envelope]) -> float:
    """From the first record stored to the last: starting up is not part of the rate."""
    topics = await topics_of(connection, sealed)
    store = fresh_store(directory)
    began = 0.0

    def note(point: str) -> None:
        nonlocal began
        if not began and point == "fetched":
            began = time.perf_counter()

    sink = Sink(
        connection,
        StoreWriter(store, 60),
        SinkOptions(topics=topics, group=f"sink-{topics[0]}", horizon=HORIZON, decoders=children_at_once() - 1),
        note,
    )
    task = asyncio.create_task(sink.run())
    while sink.stored < len(sealed):
        await asyncio.wait([task], timeout=0.02)
        if task.done():
            task.result()
    seconds = time.perf_counter() - began
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert store.query("SELECT uniqExact(event_id) FROM events") == [(len(sealed),)]
    store.command(f"DROP DATABASE `{store.database}` SYNC")
    store.close()
    return seconds


async def by_clickhouse(directory: Path, sealed: Sequence[Envelope]) -> float:
    store = fresh_store(directory)
    with tempfile.NamedTemporaryFile(dir=directory.parent, suffix=".ndjson") as file:
        file.write(b"\n".join(envelope.value for envelope in sealed) + b"\n")
        file.flush()
        began = time.perf_counter()
        await asyncio.to_thread(store.command, BY_ITSELF.replace("{path}", file.name))
        seconds = time.perf_counter() - began
    assert store.query("SELECT count() FROM events") == [(len(sealed),)]
    store.command(f"DROP DATABASE `{store.database}` SYNC")
    store.close()
    return seconds


async def by_faust(connection: KafkaConnection, directory: Path, sealed: Sequence[Envelope]) -> float:
    """What one would write with Faust alone: `noack_take`, decode, insert, acknowledge."""
    topics = await topics_of(connection, sealed)
    store = fresh_store(directory)
    writer = StoreWriter(store, 60)
    reading = SinkOptions(topics=topics, horizon=HORIZON).reading
    app = make_app(connection, f"faust-{topics[0]}", directory.parent)
    topic = app.topic(topics[0], key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    done = asyncio.Event()
    stored = 0
    began = 0.0

    async def agent(stream: Any) -> None:
        nonlocal stored, began
        async for events in stream.noack_take(5_000, within=0.2):
            began = began or time.perf_counter()
            records = [_Seen(event.message) for event in events]
            portion = await asyncio.to_thread(reading.portion, records)
            await writer.write(portion.blocks, uuid4().hex)
            for event in events:
                event.ack()
            stored += len(events)
            if stored == len(sealed):
                done.set()

    app.agent(topic, name="stock")(agent)
    await app.start()
    await done.wait()
    seconds = time.perf_counter() - began
    await app.stop()
    store.command(f"DROP DATABASE `{store.database}` SYNC")
    store.close()
    return seconds


class _Seen:
    """A Faust message as a record of the log."""

    def __init__(self, message: Any) -> None:
        self.topic, self.partition, self.offset = message.topic, message.partition, message.offset
        self.timestamp = int(message.timestamp * 1000)
        self.key, self.value, self.headers = message.key, message.value, list(message.headers)


def records(count: int, *, fresh: bool) -> list[Envelope]:
    """Simulated provisioning events: of last year, or all of the last hours."""
    now = datetime.now(UTC)
    start, days = (now - timedelta(hours=20), 0.7) if fresh else (now - timedelta(days=300), 60.0)
    source = Source("bench", Trust.EXPORT)
    return [seal(event.raw, source, now) for event in load(1, count, start, days=days)]


async def main(count: int) -> None:
    tune_interpreter()
    with tempfile.TemporaryDirectory() as directory:
        broker = LocalKafka(Path(directory), java=java_executable("bundled"), jars=verified_jars(), synced=False)
        await broker.start()
        connection = KafkaConnection(broker.bootstrap)
        engine = Path(directory, "engine")
        try:
            stale, fresh = records(count, fresh=False), records(count, fresh=True)
            size = sum(len(envelope.value) for envelope in stale) // count
            print(f"{count:,} simulated events of {size} bytes, {LOCAL_PARTITIONS} partitions, best of {ROUNDS}")
            best: dict[str, float] = {}
            for _ in range(ROUNDS):
                for name, seconds in (
                    ("(a) ClickHouse by itself", await by_clickhouse(engine, stale)),
                    ("sink, all stale", await by_sink(connection, engine, stale)),
                    ("sink, all fresh", await by_sink(connection, engine, fresh)),
                    ("(b) stock Faust agent", await by_faust(connection, engine, stale)),
                ):
                    best[name] = min(seconds, best.get(name, seconds))
        finally:
            await broker.stop()
    yardstick = best["(a) ClickHouse by itself"]
    for name, seconds in best.items():
        print(f"{name:<26} {count / seconds:>9,.0f} events/s   {yardstick / seconds:.2f} x (a)")


if __name__ == "__main__":
    hide_main()
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000))
