"""The lookout on a real log and store: one alert for one trouble, through restarts and beside a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from idtrail.stack.topics import create_topics
from queries.alerts.listing import Alerts, list_alerts
from queries.arrow import DEAD_LETTERS_ARROW_SCHEMA, batch
from queries.store import Store
from schemas.alerts import Detected, Detection, seal_record
from schemas.envelope import Source, Trust
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from streams.alerts.index import Rules
from streams.alerts.lookout.backlog import live_waits
from streams.alerts.lookout.lookout import Lookout
from streams.alerts.lookout.memory import Memory
from streams.alerts.lookout.pipeline import BEHIND, LETTERS, SILENT
from streams.lag import Lag, read_bounds
from streams.sink import SinkOptions
from streams.worker import Worker, tables_of
from tests.fixtures_kafka import Topics, until
from tests.queries.support import Trail
from tests.records import NOON, Record, event, record_of
from tests.sink.support import fill

pytestmark = [pytest.mark.kafka, pytest.mark.store]

Looking = Callable[..., AbstractAsyncContextManager[None]]
HOUR = timedelta(hours=1)


class Clock:
    """An hour after it was first asked, a time that goes on by `step` with every look."""

    def __init__(self, at: datetime = NOON, step: timedelta = timedelta()) -> None:
        self.at = at
        self.step = step
        self.began = False

    def __call__(self) -> datetime:
        if not self.began:
            self.began = True
            return self.at - HOUR
        self.at += self.step
        return self.at


@pytest.fixture
async def topics(topics: Topics, kafka: KafkaConnection) -> Topics:
    own = replace(topics, alerts=topics.events.replace("events", "alerts"))
    await create_topics(kafka, 4, 1, [TopicSpec(own.alerts, FOR_EVER)], patience_seconds=30)
    return own


@pytest.fixture
def looking(kafka: KafkaConnection, topics: Topics, store: Store, producer: AIOKafkaProducer) -> Looking:
    """`async with looking(clock)`: a lookout that has just been started, and looks many times a second."""

    async def publish(records: Sequence[Detected]) -> None:
        for record in records:
            key, value, headers = seal_record(record)
            await producer.send_and_wait(topics.alerts, value, key=key, headers=headers)

    @asynccontextmanager
    async def start(clock: Clock, leads: Callable[[], bool] = lambda: True) -> AsyncIterator[None]:
        options = SinkOptions(topics=topics.names, alerts=topics.alerts, group=topics.group)
        detection = topics.group.replace("sink", "detection")
        lookout = Lookout(
            kafka, store, options, detection=detection, leads=leads, publish=publish, clock=clock, tick_seconds=0.1
        )
        task = asyncio.create_task(lookout.run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait([task])

    return start


async def told(kafka: KafkaConnection, topics: Topics, rule_id: str) -> list[Detected]:
    """The last record of each alert of a rule."""
    return list((await Memory(kafka, topics.alerts, [rule_id]).told(rule_id)).values())


async def records_on(kafka: KafkaConnection, topics: Topics) -> int:
    bounds = await read_bounds(kafka, [topics.alerts])
    return sum(bound.end - bound.begin for bound in bounds.values())


async def is_told(kafka: KafkaConnection, topics: Topics, rule_id: str, detection: Detection) -> bool:
    return [alert.detection for alert in await told(kafka, topics, rule_id)] == [detection]


def letters(count: int, source: str, organization: str = "acme") -> list[tuple[object, ...]]:
    known = int((NOON - timedelta(minutes=20)).timestamp() * 1000)
    return [
        (uuid4().bytes, organization, source, "", "not_json", "not JSON", known, 10, "letters", 1, number, 0)
        for number in range(count)
    ]


async def test_dead_letters_are_told_once_through_restarts_and_end(
    kafka: KafkaConnection, topics: Topics, store: Store, looking: Looking
) -> None:
    store.insert_arrow("dead_letters", batch(letters(12, "api:x"), DEAD_LETTERS_ARROW_SCHEMA), "some")
    for _ in range(2):
        async with looking(Clock()):
            await until(lambda: is_told(kafka, topics, LETTERS.rule_id, Detection.OPEN))
            await asyncio.sleep(0.5)  # several looks, of which none says anything new
    assert await records_on(kafka, topics) == 1
    async with looking(Clock(NOON + HOUR)):
        await until(lambda: is_told(kafka, topics, LETTERS.rule_id, Detection.ENDED))
    assert await records_on(kafka, topics) == 2


async def test_an_import_that_cannot_be_read_and_a_single_day_page_nobody(
    kafka: KafkaConnection, topics: Topics, store: Store, looking: Looking
) -> None:
    bad = [*letters(500, "file:old.json"), *letters(12, "api:x", "other")]
    store.insert_arrow("dead_letters", batch(bad, DEAD_LETTERS_ARROW_SCHEMA), "some")
    talk(store, [NOON - timedelta(hours=5, minutes=number) for number in range(60)])
    talk(store, [NOON - timedelta(days=4) + timedelta(minutes=30) * number for number in range(150)], "other")
    async with looking(Clock()):
        for concern in (LETTERS, SILENT):
            await until(lambda: is_told(kafka, topics, concern.rule_id, Detection.OPEN))  # noqa: B023  because it is awaited within the round
            assert [alert.organization for alert in await told(kafka, topics, concern.rule_id)] == ["other"]
    assert await records_on(kafka, topics) == 2


def talk(store: Store, times: list[datetime], organization: str = "acme") -> None:
    trail = Trail(store, organization)
    source = Source("jumpcloud", Trust.TENANT_API)
    trail.insert(
        *(trail.log(event(id=f"e{at.timestamp()}", timestamp=f"{at:%Y-%m-%dT%H:%M:%SZ}"), source, at) for at in times)
    )


async def test_a_source_that_is_silent_is_told_until_it_talks(
    kafka: KafkaConnection, topics: Topics, store: Store, looking: Looking
) -> None:
    usual = [NOON - timedelta(days=4) + timedelta(minutes=30) * number for number in range(150)]
    talk(store, usual)
    async with looking(Clock(usual[-1] + 3 * HOUR)):
        await until(lambda: is_told(kafka, topics, SILENT.rule_id, Detection.OPEN))
    (alert,) = await told(kafka, topics, SILENT.rule_id)
    assert (alert.organization, alert.group, alert.first_at) == ("acme", {"source": "jumpcloud"}, usual[-1])
    talk(store, [usual[-1] + 4 * HOUR])
    async with looking(Clock(usual[-1] + 4 * HOUR + timedelta(minutes=1))):
        await until(lambda: is_told(kafka, topics, SILENT.rule_id, Detection.ENDED))


def fresh(count: int) -> list[Record]:
    now = datetime.now(UTC)
    return [record_of(event(timestamp=f"{now:%Y-%m-%dT%H:%M:%SZ}"), known_at=now) for _ in range(count)]


async def test_a_sink_that_stands_still_is_told_until_a_worker_has_caught_up(
    kafka: KafkaConnection, topics: Topics, store: Store, looking: Looking, tmp_path: Path
) -> None:
    await fill(kafka, topics.events, fresh(20))
    async with looking(Clock(datetime.now(UTC), timedelta(seconds=31))):
        await until(lambda: is_told(kafka, topics, BEHIND.rule_id, Detection.OPEN))
    app_id = topics.group.replace("sink", "detection")
    await create_topics(kafka, 4, 1, tables_of(app_id), patience_seconds=30)
    worker = Worker(
        kafka,
        store,
        SinkOptions(topics=topics.names, alerts=topics.alerts, group=topics.group),
        retry_seconds=2,
        state_dir=tmp_path,
        rules=Rules([]),
        app_id=app_id,
    )
    worker.lookout.tick_seconds = 0.2
    task = asyncio.create_task(worker.run())
    try:
        await until(lambda: is_told(kafka, topics, BEHIND.rule_id, Detection.ENDED))
        asked = Alerts(None, NOON, datetime.now(UTC) + HOUR)
        await until(
            lambda: [item["state"] for item in list_alerts(store, asked, datetime.now(UTC)).items] == ["resolved"]
        )
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert await records_on(kafka, topics) == 2


@pytest.mark.parametrize(
    ("happened", "stored", "live"),
    [
        pytest.param([HOUR, 2 * HOUR], 0, True, id="just now"),
        pytest.param([48 * HOUR, HOUR], 0, False, id="long ago, whatever comes behind it"),
        pytest.param([48 * HOUR, HOUR], 1, True, id="just now, behind a backfill"),
        pytest.param([HOUR], 1, False, id="nothing waits"),
    ],
)
async def test_a_backfill_that_waits_is_told_from_what_has_just_happened(
    kafka: KafkaConnection,
    topics: Topics,
    producer: AIOKafkaProducer,
    happened: list[timedelta],
    stored: int,
    live: bool,
) -> None:
    for age in happened:
        record = record_of(event(timestamp=f"{datetime.now(UTC) - age:%Y-%m-%dT%H:%M:%SZ}"))
        await producer.send_and_wait(topics.events, record.value, record.key, 2, headers=record.headers)
    lag = [Lag(topics.events, 1, 0, 0), Lag(topics.events, 2, len(happened), stored)]
    assert await live_waits(kafka, lag, timedelta(hours=24)) is live


async def test_who_does_not_lead_tells_nothing(
    kafka: KafkaConnection, topics: Topics, store: Store, looking: Looking
) -> None:
    store.insert_arrow("dead_letters", batch(letters(12, "api:x"), DEAD_LETTERS_ARROW_SCHEMA), "some")
    asked = 0

    def leads() -> bool:
        nonlocal asked
        asked += 1
        return False

    async with looking(Clock(), leads):
        await until(lambda: asked > 20)
    assert await records_on(kafka, topics) == 0
