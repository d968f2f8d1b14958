"""What the store holds of a simulated organisation is what the simulator knows, under kills too."""

from __future__ import annotations

import asyncio
import random
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from queries.store import Store
from schemas.kafka import KafkaConnection
from tests.fixtures_kafka import Topics, until
from tests.sink.organisation import confirmed_by_truth, confirmed_in_store, distinct, provisioning, simulate
from tests.sink.support import Effect, effect, ended, everything_stored, fill, sinks
from tests.support.clickhouse_http import ClickHouseFront

POINTS = ("fetched", "intended", "inserted", "forwarded", "committed")

pytestmark = [pytest.mark.kafka, pytest.mark.store]


async def test_a_worker_killed_at_every_point_ends_in_the_simulators_truth(
    kafka: KafkaConnection, topics: Topics, front: ClickHouseFront, http_store: Store, tmp_path: Path
) -> None:
    records, truth = simulate(5, datetime.now(UTC) - timedelta(days=13), people=25, days=12)
    await fill(kafka, topics.events, records)
    with sinks(kafka, topics, front.url, http_store, tmp_path) as processes:
        for point in POINTS:
            assert await ended(processes.start(die_at=point, die_after=2)) == -signal.SIGKILL
        processes.start()
        await until(lambda: everything_stored(kafka, topics), 90)
    count = distinct(records)
    assert effect(http_store) == Effect(count, count, provisioning(records), count, count)
    assert confirmed_in_store(http_store) == confirmed_by_truth(truth)


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_chaos_200_000_events_with_two_workers_killed_and_frozen_at_random(
    kafka: KafkaConnection, topics: Topics, front: ClickHouseFront, http_store: Store, tmp_path: Path
) -> None:
    """Killed at named points and at random, frozen past the session and woken: once in effect, states true."""
    dice = random.Random(1)
    records, truth = simulate(9, datetime.now(UTC) - timedelta(days=60), people=600, days=56)
    assert len(records) >= 200_000
    await fill(kafka, topics.events, records)
    kills = freezes = 0
    with sinks(kafka, topics, front.url, http_store, tmp_path) as processes:
        workers = [processes.start(flight_rows=dice.randint(50, 400)) for _ in range(2)]
        while not await everything_stored(kafka, topics):
            place = dice.randrange(2)
            if workers[place].poll() is None:
                if dice.random() < 0.3:
                    freezes += 1
                    workers[place].send_signal(signal.SIGSTOP)
                    await _sleep_past_session()
                    workers[place].send_signal(signal.SIGCONT)
                    continue
                await _some_time(dice)
                workers[place].kill()
            kills += 1
            point = {"die_at": dice.choice(POINTS), "die_after": dice.randint(5, 60)} if dice.random() < 0.5 else {}
            workers[place] = processes.start(flight_rows=dice.randint(50, 2_000), **point)
            await _some_time(dice)
    count = distinct(records)
    assert kills >= 10
    assert freezes >= 2
    assert effect(http_store) == Effect(count, count, provisioning(records), count, count)
    assert confirmed_in_store(http_store) == confirmed_by_truth(truth)


async def _some_time(dice: random.Random) -> None:
    """Chaos needs time to pass: there is no condition to wait for."""
    await asyncio.sleep(dice.uniform(0.5, 8))


async def _sleep_past_session() -> None:
    await asyncio.sleep(4)
