"""Webhooks: from a failure's append to its alert's arrival, at 1,000 provisioning events/s; then a worker is killed
under that load, and another started: how soon it tells again, what is missing and what came twice.

python -m bench.deliveries [EVENTS_PER_SECOND]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.alerts import HORIZON, RATE, SECONDS, emit, emit_first, read_back, started
from bench.sink import fresh_store
from idtrail.connections import courier_of
from idtrail.serving import LOCAL_PARTITIONS
from idtrail.settings import Settings
from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.kafka import LocalKafka
from idtrail.stack.topics import create_topics
from queries.store import Store
from schemas.kafka import TOPICS, KafkaConnection
from streams.alerts.index import Rules
from streams.alerts.loading import shipped_rules
from streams.interpreter import tune_interpreter
from streams.sink import SinkOptions
from streams.worker import WORKER_TOPICS, Worker
from tests.delivery.receiver import Receiver, receiving
from tests.fixtures_kafka import until

KILLED_AFTER = 8.0
"""Seconds of load."""
PATIENCE = 120.0


class Place(NamedTuple):
    """Where a worker of the benchmark lives."""

    bootstrap: str
    directory: Path
    database: str
    destinations: Path


def _work(place: Place) -> None:
    tune_interpreter()
    asyncio.run(_run_worker(place))


async def _run_worker(place: Place) -> None:
    connection = KafkaConnection(place.bootstrap)
    rules = Rules(shipped_rules())
    await Worker(
        connection,
        Store.open(f"chdb://{place.directory}/engine", database=place.database),
        SinkOptions(horizon=HORIZON, also=rules.other_types()),
        retry_seconds=60,
        state_dir=place.directory,
        rules=rules,
        courier=courier_of(Settings(destinations_file=place.destinations, deliver_private=True), connection),
    ).run()


async def deliver(connection: KafkaConnection, place: Place, receiver: Receiver, rate: int) -> None:
    """Two loads: one on a worker that lives, one on a worker that is killed."""
    await create_topics(connection, LOCAL_PARTITIONS, 1, (*TOPICS, *WORKER_TOPICS))
    worker = started(_work, place)
    try:
        await emit_first(connection, 2 * rate * SECONDS + 20)
        await until(lambda: len(receiver.requests) >= 1, PATIENCE)  # its groups have formed
        await asyncio.to_thread(started(emit, place.bootstrap, rate).join)
        expected = 1 + rate * SECONDS // 20
        await until(lambda: len(opened(receiver)) >= expected, PATIENCE)
        appended, _ = await read_back(connection)
        waits = sorted(at - appended[event_id] for event_id, at in opened(receiver).items() if event_id in appended)
        print(
            f"{rate:,} events/s for {SECONDS} s: {len(waits):,} of {expected:,} webhooks, from append to arrival"
            f" p50 {waits[len(waits) // 2]:.0f} ms, p99 {waits[len(waits) * 99 // 100]:.0f} ms, most {waits[-1]:.0f} ms"
        )
        load = started(emit, place.bootstrap, rate, rate * SECONDS)
        await asyncio.sleep(KILLED_AFTER)
        worker.kill()
        killed, known = time.time() * 1_000, set(opened(receiver))
        worker.join()
        worker = started(_work, place)
        await asyncio.to_thread(load.join)
        expected += rate * SECONDS // 20
        await until(lambda: len(opened(receiver)) >= expected, PATIENCE)
        again = min(at for event_id, at in opened(receiver).items() if event_id not in known and at > killed)
        ids = receiver.ids()
        print(
            f"killed under that load: webhooks come again after {(again - killed) / 1_000:.1f} s,"
            f" {len(opened(receiver)):,} of {expected:,} alerts told,"
            f" {len(ids) - len(set(ids)):,} messages sent again under the same id"
        )
    finally:
        worker.kill()
        worker.join()


def opened(receiver: Receiver) -> dict[str, float]:
    """The first events of alerts that were told, with when they came: milliseconds since 1970."""
    found: dict[str, float] = {}
    for number, (at, _) in enumerate(receiver.answers):
        data = receiver.body(number)["data"]
        if data["rule_id"] == "deprovision-failed":
            found.setdefault(data["first_event"], at.timestamp() * 1_000)
    return found


async def main(rate: int = RATE) -> None:
    with tempfile.TemporaryDirectory() as text:
        directory = Path(text)
        broker = LocalKafka(directory, java=java_executable("bundled"), jars=verified_jars(), synced=False)
        await broker.start()
        try:
            store = fresh_store(directory / "engine")
            store.close()
            async with receiving() as receiver:
                file = directory / "destinations.toml"
                secret = "whsec_" + "c2VjcmV0" * 4
                file.write_text(f'[hook]\nurl = "webhook+http://127.0.0.1:{receiver.port}/"\nsecret = "{secret}"\n')
                place = Place(broker.bootstrap, directory, store.database, file)
                await deliver(KafkaConnection(broker.bootstrap), place, receiver, rate)
        finally:
            await broker.stop()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
