"""Alerts: from a failure's append to its alert's, at 1,000 provisioning events/s; what 200 rules cost; a backtest.

python -m bench.alerts [EVENTS OF THE BACKTEST] [EVENTS_PER_SECOND]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.sink import fresh_store, records
from idtrail.serving import LOCAL_PARTITIONS
from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.kafka import LocalKafka
from idtrail.stack.topics import create_topics
from producers.simulation import load
from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.store import Store
from schemas.alerts import Detected, read_alert_record
from schemas.envelope import Envelope, Source, Trust, seal
from schemas.kafka import ALERTS, EVENTS, TOPICS, KafkaConnection
from streams.alerts.backtest import Backtest, Question
from streams.alerts.index import Rules
from streams.alerts.loading import shipped_rules, texts_in_force
from streams.alerts.rule import Rule
from streams.alerts.seen import seen_of
from streams.forwarded import read_forwarded
from streams.rows import Produced, decode_events
from streams.sink import SinkOptions, collect_rarely
from streams.worker import WORKER_TOPICS, Worker

RATE = 1_000
SECONDS = 20
HORIZON = timedelta(hours=24)
PIECE = 20_000


class Logged:
    """A sealed event as the log would have it."""

    topic, partition, key = EVENTS, 0, None

    def __init__(self, envelope: Envelope, offset: int, known_ms: int) -> None:
        self.value, self.headers, self.offset, self.timestamp = envelope.value, envelope.headers, offset, known_ms


def event(number: int, now: datetime) -> Envelope:
    """Every 20th is a person's deactivation that fails, each another's; the rest are updates that succeed."""
    fails = number % 20 == 0
    raw = {
        "id": f"{number:024x}",
        "event_type": "user_deprovision" if fails else "user_update_provision",
        "organization": "bench",
        "timestamp": now.isoformat(),
        "success": not fails,
        "resource": {"id": f"person-{number}", "type": "user", "username": f"person.{number}"},
        "application": {"id": "app", "name": "app"},
        "message_chain": {"response_code": "401" if fails else "200"},
    }
    return seal(orjson.dumps(raw), Source("bench", Trust.EXPORT), now)


async def latency(connection: KafkaConnection, store: Store, directory: Path, rate: int) -> None:
    """By the broker's clock: from the event's append to that of the record that opens its alert."""
    await create_topics(connection, LOCAL_PARTITIONS, 1, (*TOPICS, *WORKER_TOPICS))
    rules = Rules(shipped_rules())
    options = SinkOptions(horizon=HORIZON, also=rules.other_types())
    worker = Worker(
        connection, store, options, retry_seconds=60, partitions=LOCAL_PARTITIONS, state_dir=directory, rules=rules
    )
    running = asyncio.create_task(worker.run())

    async def detected(events: int) -> None:
        async with asyncio.timeout(90):
            while worker.agent.acknowledged < events:
                if running.done():
                    running.result()
                await asyncio.sleep(0.1)

    try:
        async with AIOKafkaProducer(**connection.options(), acks="all") as producer:
            first = event(rate * SECONDS, datetime.now(UTC))
            await producer.send_and_wait(EVENTS, first.value, key=first.key, headers=first.headers)
        await detected(1)  # Faust's group has formed
        context = multiprocessing.get_context("spawn")  # what makes the load is no part of what is measured
        loading = context.Process(target=_emit, args=(connection.bootstrap, rate), daemon=True)
        loading.start()
        await asyncio.to_thread(loading.join)
        await detected(1 + rate * SECONDS)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    waits = await _waits(connection)
    print(
        f"{rate:,} events/s for {SECONDS} s: {len(waits):,} of {rate * SECONDS // 20:,} alerts, from append to alert"
        f" p50 {waits[len(waits) // 2]} ms, p99 {waits[len(waits) * 99 // 100]} ms, most {waits[-1]} ms"
    )


async def _waits(connection: KafkaConnection) -> list[int]:
    """Milliseconds, sorted; read when all is over, so that reading is no part of it either."""
    consumer = AIOKafkaConsumer(**connection.options())
    await consumer.start()
    appended: dict[str, int] = {}
    opened: dict[str, int] = {}
    try:
        places = [TopicPartition(topic, each) for topic in (EVENTS, ALERTS) for each in range(LOCAL_PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for record in chain.from_iterable((await consumer.getmany(timeout_ms=200)).values()):
                if record.topic == EVENTS:
                    appended[dict(record.headers)["ce_id"].decode()] = record.timestamp
                else:
                    told = read_alert_record(record.value)
                    if isinstance(told, Detected) and told.rule_id == "deprovision-failed":
                        opened.setdefault(str(told.first_event), record.timestamp)
    finally:
        await consumer.stop()
    # The first event, that the group formed for, is not among them.
    return sorted(opened[event_id] - at for event_id, at in list(appended.items())[1:] if event_id in opened)


def _emit(bootstrap: str, rate: int) -> None:
    asyncio.run(_emit_all(bootstrap, rate))


async def _emit_all(bootstrap: str, rate: int) -> None:
    now = datetime.now(UTC)
    events = [event(number, now) for number in range(rate * SECONDS)]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5) as producer:
        began = time.monotonic()
        for number, one in enumerate(events):
            await producer.send(EVENTS, one.value, key=one.key, headers=one.headers)
            if number % 20 == 0:
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        await producer.flush()


def cost() -> None:
    """Of reading a forwarded event and asking the rules about it."""
    now = datetime.now(UTC)
    known_ms = int(now.timestamp() * 1_000)
    logged = [Logged(one, number, known_ms) for number, one in enumerate(records(PIECE, fresh=True))]
    forwarded = decode_events(logged, timedelta(days=400)).forward
    shipped = shipped_rules()
    many = [
        rule.model_copy(update={"id": f"{rule.id}-{n}"[-64:]})
        for n in range(200 // len(shipped) + 1)
        for rule in shipped
    ]
    one, two_hundred = (_asked(forwarded, rules) for rules in ([shipped[3]], many[:200]))
    print(f"an event with 1 rule {one:.0f} us, with 200 rules {two_hundred:.0f} us: {two_hundred / one:.2f} x")


def _asked(forwarded: Sequence[Produced], rules: Sequence[Rule]) -> float:
    """Microseconds an event, the best of three."""
    best = float("inf")
    for _ in range(3):
        ready = Rules(rules)
        began = time.process_time()
        for record in forwarded:
            seen = seen_of(read_forwarded(record.value, dict(record.headers)))
            if seen is not None:
                ready.kept(seen)
        best = min(best, time.process_time() - began)
    return best / len(forwarded) * 1e6


async def history(store: Store, count: int) -> None:
    """The shipped pack over a simulated history."""
    start = datetime.now(UTC) - timedelta(days=100)
    source = Source("bench", Trust.EXPORT)
    known_ms = int(datetime.now(UTC).timestamp() * 1_000)
    events = iter(load(1, count, start, days=90.0))
    stored = 0
    while some := list(islice(events, PIECE)):
        logged = [Logged(seal(one.raw, source, start), stored + n, known_ms) for n, one in enumerate(some)]
        store.insert_arrow("events", batch(decode_events(logged, HORIZON).rows, EVENTS_ARROW_SCHEMA), f"piece-{stored}")
        stored += len(some)
    question = Question(tuple(texts_in_force()), (), "", start - timedelta(days=1), datetime.now(UTC))
    began = time.perf_counter()
    found = await Backtest(store, question).run()
    seconds = time.perf_counter() - began
    print(
        f"backtest of {len(question.rules)} rules over {found.events:,} of {stored:,} events:"
        f" {seconds:.1f} s, {found.events / seconds:,.0f}/s, {len(found.alerts):,} alerts"
    )


async def main(count: int, rate: int = RATE) -> None:
    collect_rarely()
    cost()
    with tempfile.TemporaryDirectory() as directory:
        broker = LocalKafka(Path(directory), java=java_executable("bundled"), jars=verified_jars(), synced=False)
        store = fresh_store(Path(directory, "engine"))
        try:
            await broker.start()
            await latency(KafkaConnection(broker.bootstrap), store, Path(directory), rate)
            store.command("TRUNCATE TABLE events")
            await history(store, count)
        finally:
            store.close()
            await broker.stop()


if __name__ == "__main__":
    asyncio.run(main(*(int(text) for text in sys.argv[1:] or ["1000000"])))
