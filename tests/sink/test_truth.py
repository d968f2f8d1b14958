"""What the store holds of a simulated organisation is what the simulator knows, under kills too."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from itertools import chain, zip_longest
from pathlib import Path

import pytest

from queries.store import Store
from schemas.kafka import KafkaConnection
from tests.failures.support import counted, windowed
from tests.failures.test_kills import done_with
from tests.failures.workers import Workers
from tests.failures.workers import workers as workers  # the fixture
from tests.fixtures_kafka import Topics, until
from tests.sink.organisation import confirmed_by_truth, confirmed_in_store, distinct, provisioning, simulate
from tests.sink.support import Effect, effect, everything_stored, fill, killed, sinks

POINTS = ("fetched", "intended", "inserted", "forwarded", "committed")
AGENT_POINTS = ("windows", "copies", "incidents", "told", "groups", "acknowledged")

pytestmark = [pytest.mark.kafka, pytest.mark.store]


async def test_a_worker_killed_at_every_point_ends_in_the_simulators_truth(
    kafka: KafkaConnection, topics: Topics, front: str, http_store: Store, tmp_path: Path
) -> None:
    records, truth = simulate(5, datetime.now(UTC) - timedelta(days=13), people=25, days=12)
    await fill(kafka, topics.events, records)
    with sinks(kafka, topics, front, http_store, tmp_path) as processes:
        for point in POINTS:
            await killed(processes.start(die_at=point, die_after=2), kafka, topics.group)
        processes.start()
        await until(lambda: everything_stored(kafka, topics), 90)
    count = distinct(records)
    assert effect(http_store) == Effect(count, count, provisioning(records), count, count)
    assert confirmed_in_store(http_store) == confirmed_by_truth(truth)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_chaos_200_000_events_with_two_workers_killed_and_frozen_at_random(
    kafka: KafkaConnection, topics: Topics, http_store: Store, workers: Workers
) -> None:
    """Whole workers, killed at named points and at random, frozen past their sessions and woken.

    Of four organisations half of the events is fresh and folded by the agents, the other half by the backfill.
    Each event is once in effect, states are true, and windows are what the store counts.
    """
    dice = random.Random(1)
    start = datetime.now(UTC) - timedelta(days=60)
    simulated = [simulate(seed, start, people=150, days=56) for seed in (9, 10, 11, 12)]
    records = [record for record in chain(*zip_longest(*(own for own, _ in simulated))) if record is not None]
    truth = {key: state for _, told in simulated for key, state in confirmed_by_truth(told).items()}
    assert len(records) >= 200_000
    await fill(kafka, topics.events, records)
    begin = time.perf_counter()
    workers.arguments["horizon_hours"] = 32 * 24
    running = [workers.start(flight_rows=dice.randint(50, 400)) for _ in range(2)]
    kills = freezes = 0
    while kills < 15 or freezes < 4 or not await everything_stored(kafka, topics):
        place = dice.randrange(2)
        if running[place].poll() is None:
            await asyncio.sleep(dice.uniform(2, 15))  # chaos needs time to pass: there is no condition to wait for
            if dice.random() < 0.3:
                freezes += 1
                running[place].send_signal(signal.SIGSTOP)
                await asyncio.sleep(9)  # past both sessions
                running[place].send_signal(signal.SIGCONT)
                continue
            running[place].kill()
        kills += 1
        point = dice.choice(
            [
                {"die_at": dice.choice(POINTS), "die_after": dice.randint(5, 60)},
                {"die_at": dice.choice(AGENT_POINTS), "die_after": dice.randint(2, 20)},
                {},
                {},
            ]
        )
        running[place] = workers.start(flight_rows=dice.randint(50, 2_000), **point)
    for process in running:
        process.kill()
    workers.start()
    workers.start()
    await until(lambda: done_with(kafka, topics), 900)
    await until(lambda: windowed(http_store) == counted(http_store), 300)
    count = distinct(records)
    seconds = time.perf_counter() - begin
    print(f"{count} events, {kills} kills, {freezes} freezes, {len(windowed(http_store))} windows: {seconds:.0f} s")  # noqa: T201  because -s shows the figures
    assert effect(http_store) == Effect(count, count, provisioning(records), count, count)
    assert confirmed_in_store(http_store) == truth
    assert http_store.query(
        "SELECT countIf(fresh) > 40000, countIf(NOT fresh) > 40000 FROM events WHERE kind != 'other'"
    ) == [(1, 1)]
