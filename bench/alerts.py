"""Alerts: from a failure's append to its alert's, at 1,000 provisioning events/s; what 200 rules cost; a backtest.

python -m bench.alerts [EVENTS OF THE BACKTEST] [EVENTS_PER_SECOND]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle, islice
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.sink import fresh_store, records
from broker.consumers import stop_consumer
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
from schemas.errors import RecordError
from schemas.kafka import ALERTS, EVENTS, FOR_EVER, TOPICS, KafkaConnection, TopicSpec
from streams.agent import FLUSH_EVENTS, DetectionAgent
from streams.alerts.backtest import Backtest, Question
from streams.alerts.fresh import TABLE, AlertDetection
from streams.alerts.index import Rules
from streams.alerts.loading import shipped_rules, texts_in_force
from streams.alerts.rule import Rule
from streams.interpreter import tune_interpreter
from streams.rows import Produced, decode_events
from streams.sink import SinkOptions
from streams.table import changelog
from streams.worker import WORKER_TOPICS, Worker, make_app

RATE = 1_000
SECONDS = 20
HORIZON = timedelta(hours=24)
PIECE = 20_000
RULES = 200


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
    worker = Worker(connection, store, options, retry_seconds=60, state_dir=directory, rules=rules)
    running = asyncio.create_task(worker.run())

    try:
        await emit_first(connection, rate * SECONDS)
        await _acknowledged(worker.agent, running, 1)  # Faust's group has formed
        await asyncio.to_thread(started(emit, connection.bootstrap, rate).join)
        await _acknowledged(worker.agent, running, 1 + rate * SECONDS)
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
    appended, opened = await read_back(connection)
    # The first event, that the group formed for, is not among them.
    return sorted(opened[event_id] - at for event_id, at in list(appended.items())[1:] if event_id in opened)


async def read_back(connection: KafkaConnection) -> tuple[dict[str, int], dict[str, int]]:
    """When each event was appended, and when the record that opened the alert of it: milliseconds since 1970."""
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
        await stop_consumer(consumer)
    return appended, opened


def started(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process of its own: what makes the load is no part of what is measured."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


async def emit_first(connection: KafkaConnection, number: int) -> None:
    """One event, for the groups to form before there is a load."""
    first = event(number, datetime.now(UTC))
    async with AIOKafkaProducer(**connection.options(), acks="all") as producer:
        await producer.send_and_wait(EVENTS, first.value, key=first.key, headers=first.headers)


def emit(bootstrap: str, rate: int, start: int = 0) -> None:
    """Events from this number on, for `SECONDS`; for a process of its own."""
    asyncio.run(_emit_all(bootstrap, rate, start))


async def _emit_all(bootstrap: str, rate: int, start: int) -> None:
    now = datetime.now(UTC)
    events = [event(start + number, now) for number in range(rate * SECONDS)]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5) as producer:
        began = time.monotonic()
        for number, one in enumerate(events):
            await producer.send(EVENTS, one.value, key=one.key, headers=one.headers)
            if number % 20 == 0:
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        await producer.flush()


async def cost(connection: KafkaConnection, directory: Path) -> None:
    """What an event costs the process that runs the rules, Faust and Kafka's client included."""
    now = datetime.now(UTC)
    logged = [
        Logged(one, number, int(now.timestamp() * 1_000)) for number, one in enumerate(records(PIECE, fresh=True))
    ]
    forwarded = decode_events(logged, HORIZON).forward
    shipped = shipped_rules()
    general = cycle(shipped)
    own = [_about(one, f"own-{number}") for number, one in enumerate(islice(general, RULES - len(shipped)))]
    packs = {"one rule": [shipped[3]], "shipped": shipped, "200": [*shipped, *own], "200 that all want all": _copies()}
    micros = {name: await _fold(connection, directory, rules, forwarded) for name, rules in packs.items()}
    for name, each in micros.items():
        print(f"{name:<24} {each:>6.0f} us of CPU an event   {each / micros['one rule']:.2f} x")


def _about(rule: Rule, application: str) -> Rule:
    """The same, of one application only."""
    where = {"where": f"fact.application_id == '{application}'"}
    parts = {name: part for name in ("match", "then", "until") if (part := getattr(rule, name)) is not None}
    return rule.model_copy(
        update={"id": application} | {name: part.model_copy(update=where) for name, part in parts.items()}
    )


def _copies() -> list[Rule]:
    """As many as two hundred, each of which wants what a shipped one does."""
    copied = enumerate(islice(cycle(shipped_rules()), RULES))
    return [rule.model_copy(update={"id": f"{rule.id}-{number}"[-64:]}) for number, rule in copied]


async def _fold(
    connection: KafkaConnection, directory: Path, rules: Sequence[Rule], events: Sequence[Produced]
) -> float:
    """Microseconds of CPU an event, from the first that is acknowledged to the last."""
    source, app_id = f"provisioning-{uuid4().hex[:8]}", f"bench-{uuid4().hex[:8]}"
    await create_topics(connection, LOCAL_PARTITIONS, 1, [TopicSpec(source, FOR_EVER), changelog(app_id, TABLE)])
    async with AIOKafkaProducer(**connection.options(), acks="all", linger_ms=5) as producer:
        sent = [await producer.send(source, one.value, key=one.key, headers=one.headers) for one in events]
        await asyncio.gather(*sent)
    app = make_app(connection, app_id, directory)

    async def publish(alerts: Sequence[Detected]) -> None:
        pass

    async def bury(message: Any, error: RecordError) -> None:
        raise error

    detection = AlertDetection(app, Rules(rules), horizon=HORIZON, publish=publish, source=source)
    agent = DetectionAgent(app, [detection], dead_letter=bury, source=source)
    app.producer.buffer.max_messages = 2 * FLUSH_EVENTS
    await app.start()
    flushing = asyncio.create_task(agent.run_flushes())
    try:
        await _acknowledged(agent, flushing, 1)
        first, began = agent.acknowledged, time.process_time()
        await _acknowledged(agent, flushing, len(events))
        return (time.process_time() - began) / (len(events) - first) * 1e6
    finally:
        await app.stop()
        flushing.cancel()


async def _acknowledged(agent: DetectionAgent, running: asyncio.Task[None], events: int) -> None:
    """Raises what ends the task that it runs in."""
    async with asyncio.timeout(90):
        while agent.acknowledged < events:
            await asyncio.wait([running], timeout=0.01)
            if running.done():
                running.result()


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
    tune_interpreter()
    with tempfile.TemporaryDirectory() as directory:
        broker = LocalKafka(Path(directory), java=java_executable("bundled"), jars=verified_jars(), synced=False)
        store = fresh_store(Path(directory, "engine"))
        try:
            await broker.start()
            await cost(KafkaConnection(broker.bootstrap), Path(directory))
            await latency(KafkaConnection(broker.bootstrap), store, Path(directory), rate)
            store.command("TRUNCATE TABLE events")
            await history(store, count)
        finally:
            store.close()
            await broker.stop()


if __name__ == "__main__":
    asyncio.run(main(*(int(text) for text in sys.argv[1:] or ["1000000"])))
