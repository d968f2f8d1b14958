"""Workers killed, frozen and woken: the windows are what the store counts, and nothing is left undone."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from queries.store import Store
from schemas.errors import BrokerAway
from schemas.kafka import KafkaConnection
from streams.lag import read_lag
from tests.failures.support import counted, windowed
from tests.failures.test_backfill import ANSWERS
from tests.failures.workers import Workers
from tests.fixtures_kafka import Topics, until
from tests.records import Record, event, record_of
from tests.sink.support import ended, everything_stored, fill

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.timeout(240)]


def of_many(count: int, seed: int) -> list[Record]:
    """Events of several organizations, so that every partition has some."""
    draw = random.Random(seed)
    begin = datetime.now(UTC) - timedelta(minutes=4)
    return [
        record_of(
            event(
                organization=f"org-{draw.randrange(12)}",
                timestamp=(begin + timedelta(seconds=draw.random() * 200)).isoformat(),
                resource={"id": f"u{draw.randrange(5)}", "type": "user"},
                **draw.choice(ANSWERS),
            )
        )
        for _ in range(count)
    ]


async def done_with(kafka: KafkaConnection, topics: Topics) -> bool:
    """Every event is stored and forwarded, and every forwarded one acknowledged."""
    if not await everything_stored(kafka, topics):
        return False
    try:
        agents = await read_lag(kafka, topics.group.replace("sink", "detection"), [topics.provisioning])
    except BrokerAway:  # a new group's coordinator takes a moment to be found
        return False
    return all(partition.behind == 0 for partition in agents)


def shared_out(workers: Workers) -> bool:
    """Each of two has half of the thirteen partitions."""
    return len(re.findall(r'"partitions": ?[67]\b', workers.said())) >= 2


async def test_what_comes_after_a_worker_was_killed_is_in_the_windows_of_another(
    kafka: KafkaConnection, topics: Topics, http_store: Store, workers: Workers
) -> None:
    first = workers.start()
    workers.start()
    await fill(kafka, topics.events, of_many(400, 1))
    await until(lambda: done_with(kafka, topics), 60)
    await until(lambda: shared_out(workers), 60)
    first.kill()
    begin = time.perf_counter()
    await fill(kafka, topics.events, of_many(400, 2))
    await until(lambda: windowed(http_store) == counted(http_store) and _all(http_store, 800), 60)
    print(f"from the kill to the last window: {time.perf_counter() - begin:.1f} s")  # noqa: T201  because -s shows it


def _all(store: Store, count: int) -> bool:
    return store.query("SELECT uniqExact(event_id) FROM events") == [(count,)]


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
async def test_workers_killed_at_random_lose_no_window_and_count_nothing_twice(
    kafka: KafkaConnection, topics: Topics, http_store: Store, workers: Workers, seed: int
) -> None:
    draw = random.Random(seed)
    for round_ in range(4):
        worker = workers.start()
        await fill(kafka, topics.events, of_many(500, seed * 10 + round_))
        await asyncio.sleep(1.5 + draw.random() * 3)  # the moment of the kill is the point, not a wait
        worker.kill()
    last = workers.start()
    await until(lambda: done_with(kafka, topics), 90)
    assert windowed(http_store) == counted(http_store)
    last.send_signal(signal.SIGTERM)
    assert await ended(last) == 0


async def test_a_worker_frozen_past_its_session_and_woken_changes_no_window(
    kafka: KafkaConnection, topics: Topics, http_store: Store, workers: Workers
) -> None:
    frozen = workers.start()
    await fill(kafka, topics.events, of_many(300, 1))
    await until(lambda: done_with(kafka, topics), 60)
    await fill(kafka, topics.events, of_many(300, 2))
    frozen.send_signal(signal.SIGSTOP)
    workers.start()
    await until(lambda: done_with(kafka, topics), 60)
    assert windowed(http_store) == counted(http_store)
    frozen.send_signal(signal.SIGCONT)
    await fill(kafka, topics.events, of_many(300, 3))
    await until(lambda: _all(http_store, 900) and windowed(http_store) == counted(http_store), 60)
