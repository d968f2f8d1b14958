"""Alerts of whole workers: live as in a backtest over what is stored, whoever is killed, repeated or frozen."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from queries.store import Store
from schemas.kafka import KafkaConnection
from streams.alerts.backtest import Backtest, Question
from streams.alerts.comparison import Comparison, compare
from streams.alerts.fresh import AlertDetection
from streams.alerts.loading import texts_in_force
from tests.failures.conftest import Running
from tests.failures.test_kills import done_with, of_many, shared_out
from tests.failures.workers import Workers
from tests.fixtures_kafka import Topics, until
from tests.records import event, record_of
from tests.sink.support import ended, everything_stored, fill, killed

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.timeout(240)]


async def told(kafka: KafkaConnection, topics: Topics) -> bool:
    """Every event is stored and run through the rules, and every alert is stored."""
    return await done_with(kafka, topics) and await everything_stored(kafka, topics, topics.alerts)


async def assert_told_as_tested(store: Store) -> None:
    """What is told in the end is what a backtest finds: growth is told every other second only."""
    compared = await _compared(store)
    deadline = time.monotonic() + 30
    while _differ(compared) and time.monotonic() < deadline:
        compared = await _compared(store)
    assert not _differ(compared), compared
    assert compared.same > 10


async def _compared(store: Store) -> Comparison:
    now = datetime.now(UTC)
    found = await Backtest(store, Question(tuple(texts_in_force()), (), "", now - timedelta(hours=1), now)).run()
    return compare(found.after, found.against)


def _differ(compared: Comparison) -> bool:
    return bool(compared.gained or compared.lost or compared.moved)


async def test_what_is_told_is_what_a_backtest_finds(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running
) -> None:
    async with running():
        events = of_many(600, 7)
        await fill(kafka, topics.events, events)
        await fill(kafka, topics.events, random.Random(1).sample(events, 200))
        await until(lambda: told(kafka, topics), 60)
        await assert_told_as_tested(store)
        named = {
            incident
            for (body,) in store.query("SELECT body FROM alert_records WHERE record = 'detected' LIMIT 10000")
            for incident in json.loads(body)["incidents"]
        }
        known = {
            incident.hex() for (incident,) in store.query("SELECT DISTINCT incident_id FROM incidents LIMIT 10000")
        }
        assert named
        assert named <= known


async def test_a_worker_that_finds_thousands_of_successes_waiting_goes_on(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AlertDetection, "flush_seconds", 3.0)  # or a fast machine never has many together
    at = datetime.now(UTC) - timedelta(minutes=1)
    came = [
        record_of(
            event(timestamp=at.isoformat(), success=True, resource={"id": f"u{number:0400}", "type": "user"}),
            known_at=at,
        )
        for number in range(6_000)
    ]
    await fill(kafka, topics.events, [*came, *of_many(300, 7)])
    async with running() as (_, task):
        await until(lambda: told(kafka, topics), 90)
        await assert_told_as_tested(store)
        assert not task.done()


async def test_no_alert_is_lost_or_made_twice_by_kills(
    kafka: KafkaConnection, topics: Topics, http_store: Store, workers: Workers
) -> None:
    for round_, point in enumerate(["told", "groups"]):
        doomed = workers.start(die_at=point, die_after=2)
        await fill(kafka, topics.events, of_many(300, round_))
        await killed(doomed, kafka, topics.group, workers.arguments["app_id"])  # or the next one takes nothing over
    last = workers.start()
    await until(lambda: told(kafka, topics), 90)
    await assert_told_as_tested(http_store)
    last.send_signal(signal.SIGTERM)
    assert await ended(last) == 0


async def test_what_a_killed_workers_groups_remember_counts_at_the_one_that_takes_over(
    kafka: KafkaConnection, topics: Topics, http_store: Store, workers: Workers
) -> None:
    first = workers.start()
    workers.start()
    await fill(kafka, topics.events, of_many(400, 1))
    await until(lambda: told(kafka, topics), 60)
    await until(lambda: shared_out(workers), 60)
    first.kill()
    await fill(kafka, topics.events, of_many(400, 2))
    await until(lambda: told(kafka, topics), 90)
    await assert_told_as_tested(http_store)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_alert_is_lost_or_made_twice_in_chaos(
    kafka: KafkaConnection, topics: Topics, http_store: Store, workers: Workers, seed: int
) -> None:
    draw = random.Random(seed)
    for round_ in range(5):
        worker = workers.start()
        await fill(kafka, topics.events, of_many(500, seed * 10 + round_))
        await asyncio.sleep(1.5 + draw.random() * 4)  # the moment of the kill is the point, not a wait
        worker.kill()
    workers.start()
    await until(lambda: told(kafka, topics), 90)
    await assert_told_as_tested(http_store)
