"""A whole worker on a real broker: windows are what the store counts, and nothing is acknowledged early."""

from __future__ import annotations

import asyncio
import gc
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from queries.store import Store
from schemas.envelope import Source, Trust
from schemas.errors import Fatal, StoreAway
from schemas.kafka import KafkaConnection
from streams.worker import Worker
from tests.failures.conftest import Running
from tests.failures.support import counted, windowed
from tests.failures.test_backfill import ANSWERS, REFUSED, attempts
from tests.fixtures_kafka import Topics, until
from tests.records import Record, event, record_of
from tests.sink.support import fill
from tests.sink.test_sink import read_all

pytestmark = [pytest.mark.kafka, pytest.mark.store]


def just_now(count: int, seed: int = 1) -> list[Record]:
    return attempts(count, seed, begin=datetime.now(UTC) - timedelta(minutes=9), minutes=8)


async def committed(kafka: KafkaConnection, topics: Topics) -> int:
    """Events of `idtrail.provisioning` that the agent's group has done with."""
    admin = AIOKafkaAdminClient(**kafka.options())
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(topics.group.replace("sink", "detection"))
    finally:
        await admin.close()
    return sum(at.offset for place, at in found.items() if place.topic == topics.provisioning)


async def folded(worker: Worker, task: asyncio.Task[None], count: int) -> None:
    await until(lambda: task.done() or worker.agent.acknowledged >= count, 60)
    if task.done():
        task.result()


async def test_windows_of_fresh_events_are_what_the_store_counts(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running
) -> None:
    async with running() as (worker, task):
        await fill(kafka, topics.events, just_now(500))
        await folded(worker, task, 500)
        assert windowed(store) == counted(store) != []
    assert await committed(kafka, topics) == 500  # drained, not cut off


async def test_repeats_and_better_copies_end_in_the_same_windows(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running
) -> None:
    begin = datetime.now(UTC) - timedelta(minutes=5)
    told = [event(timestamp=(begin + timedelta(seconds=n)).isoformat(), **ANSWERS[n % 4]) for n in range(120)]
    partial = [{name: value for name, value in raw.items() if name != "resource"} for raw in told]
    mended = [{**raw, "success": True, "error_message": None} for raw in told[:40]]
    webhook, tenant = Source("webhook:test", Trust.WEBHOOK), Source("poll:test", Trust.TENANT_API)
    async with running() as (worker, task):
        number = 0
        for raws, source in (
            (partial, webhook),
            (told, None),
            (told[::-1], None),
            (mended, tenant),
            (partial, webhook),
        ):
            await fill(kafka, topics.events, [record_of(raw, source=source) for raw in raws])
            number += len(raws)
            await folded(worker, task, number)
            assert windowed(store) == counted(store) != []


async def test_older_events_are_folded_beside_the_fresh_ones(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running
) -> None:
    async with running() as (worker, task):
        await fill(kafka, topics.events, attempts(300) + just_now(200))
        await folded(worker, task, 200)
        await until(lambda: windowed(store) == counted(store), 20)
        assert len({row[1] for row in windowed(store)}) > 15  # minutes, of both


# aiokafka leaves the connection that it was just making when it is cancelled: here, not in the next test.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_second_worker_goes_on_with_the_minutes_of_the_first(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running
) -> None:
    records = just_now(600)
    async with running() as (worker, task):
        await fill(kafka, topics.events, records[:400])
        await folded(worker, task, 400)
    async with running() as (worker, task):
        await fill(kafka, topics.events, records[300:])
        await folded(worker, task, 300)
        await until(lambda: _all(store, 600) and windowed(store) == counted(store), 30)
    assert await committed(kafka, topics) == 700
    gc.collect()


# The same.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_workers_share_the_organizations_and_take_over_from_each_other(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running
) -> None:
    def some(seed: int) -> list[Record]:
        begin = datetime.now(UTC) - timedelta(minutes=3)
        return [
            record_of(
                event(timestamp=(begin + timedelta(seconds=n)).isoformat(), organization=f"org-{n % 13}", **REFUSED)
            )
            for n in range(150)
        ]

    async with running() as (first, task):
        await fill(kafka, topics.events, some(1))
        await folded(first, task, 150)
        async with running() as (second, other):
            await until(lambda: _shared(first, second) or other.done(), 60)
            before = first.agent.acknowledged
            await fill(kafka, topics.events, some(2))
            await until(lambda: first.agent.acknowledged - before + second.agent.acknowledged >= 150, 60)
            await until(lambda: _all(store, 300) and windowed(store) == counted(store), 60)
            assert second.agent.acknowledged > 0
        await fill(kafka, topics.events, some(3))
        await until(lambda: _all(store, 450) and windowed(store) == counted(store), 60)
    gc.collect()


def _all(store: Store, count: int) -> bool:
    return store.query("SELECT uniqExact(event_id) FROM events") == [(count,)]


def _shared(first: Worker, second: Worker) -> bool:
    held = [worker.sink.partitions() for worker in (first, second)]
    return all(held) and bool(first._app.assignor.assigned_actives()) and bool(second._app.assignor.assigned_actives())


async def test_a_store_that_refuses_windows_ends_the_worker_before_anything_is_acknowledged(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = store.insert_arrow
    refused: list[str] = []

    def insert_but_windows(table: str, rows: Any, token: str) -> None:
        if table == "failure_windows":
            refused.append(token)
            raise StoreAway("gone for the test")
        insert(table, rows, token)

    async with running() as (worker, task):
        await fill(kafka, topics.events, just_now(50))
        await folded(worker, task, 50)
        done = await committed(kafka, topics)
        monkeypatch.setattr(store, "insert_arrow", insert_but_windows)
        await fill(kafka, topics.events, just_now(50, seed=2))
        await asyncio.wait([task], timeout=30)
        assert task.done()
        with pytest.raises(Fatal, match="store was away for 2 s"):
            task.result()
    assert len(set(refused)) == 1
    assert len(refused) > 1
    assert done <= await committed(kafka, topics) <= 50
    monkeypatch.undo()
    async with running() as (worker, task):
        await folded(worker, task, 50)
        assert windowed(store) == counted(store)
        assert sum(int(row[5]) for row in windowed(store)) == 100


async def test_an_agent_that_fails_ends_the_worker(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("streams.agent.read_forwarded", fail)
    async with running() as (_, task):
        await fill(kafka, topics.events, just_now(50))
        await asyncio.wait([task], timeout=30)
        assert task.done()
        with pytest.raises(Fatal, match="a defect"):
            task.result()
    assert await committed(kafka, topics) == 0


async def test_a_record_that_the_sink_did_not_write_goes_to_the_dead_letters_and_stops_nobody(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running, producer: AIOKafkaProducer
) -> None:
    forged = record_of(event())
    bad = [
        (None, [("idtrail_known_at", b"1")]),
        (b"\xff\xfe not a record", []),
        (b"{}", [("idtrail_known_at", b"soon")]),
        (b"{}", [("idtrail_known_at", None)]),
        (forged.value, list(forged.headers)),
        (forged.value, [*forged.headers, ("idtrail_known_at", b"9" * 40)]),
    ]
    async with running() as (worker, task):
        for value, headers in bad:
            key = None if value else b"some key"
            await producer.send_and_wait(topics.provisioning, value, key=key, headers=headers, partition=1)
        await fill(kafka, topics.events, just_now(20))
        await folded(worker, task, 26)
        assert windowed(store) == counted(store)
    assert await committed(kafka, topics) == 26
    letters = await read_all(kafka, topics.dead_letters, len(bad))
    assert {dict(letter.headers)["idtrail_reason"] for letter in letters} == {b"not_forwarded", b"no_value"}
    assert sorted(letter.value or b"" for letter in letters) == sorted(value or b"" for value, _ in bad)


async def test_an_event_of_a_minute_that_was_forgotten_is_folded_with_all_the_store_has_of_it(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.failures.MARGIN", timedelta(minutes=-59))
    at = datetime.now(UTC) - timedelta(minutes=30)

    def one(when: datetime) -> list[Record]:
        return [record_of(event(timestamp=when.isoformat(), **REFUSED))]

    async with running(horizon=timedelta(hours=1)) as (worker, task):
        for number, when in enumerate([at, at, datetime.now(UTC), at], start=1):
            await fill(kafka, topics.events, one(when))
            await folded(worker, task, number)
            assert windowed(store) == counted(store)
    async with running(horizon=timedelta(hours=1)) as (worker, task):
        await fill(kafka, topics.events, one(at))
        await folded(worker, task, 1)
        assert windowed(store) == counted(store)


async def test_an_event_is_in_its_window_within_a_second(
    kafka: KafkaConnection, topics: Topics, store: Store, running: Running
) -> None:
    async with running() as (worker, task):
        await fill(kafka, topics.events, just_now(1))
        await folded(worker, task, 1)
        # Each begins when the one before was just folded, so a timer that is waited for is in all of them. What else
        # runs on the machine is in some.
        for number in range(2, 32):
            begin = time.perf_counter()
            await fill(kafka, topics.events, just_now(1, seed=number))
            await folded(worker, task, number)
            took = time.perf_counter() - begin
            if took < 1:
                break
    assert took < 1


# aiokafka leaves the connection that it was just making when it is cancelled: here, not in the next test.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("seconds", [0, 0.3, 1.0, 1.3, 2.5])
async def test_a_worker_that_is_stopped_at_any_time_of_its_start_ends(running: Running, seconds: float) -> None:
    async def stop() -> None:
        async with running() as (_, task):
            await asyncio.sleep(seconds)  # the moment is what differs
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=15)
            assert done == {task}
            assert task.cancelled()

    await stop()
    gc.collect()
