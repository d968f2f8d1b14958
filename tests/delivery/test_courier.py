"""Couriers on a real broker: receivers that are away, kills, rebalances. Each occasion is told, under one id."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from idtrail.connections import channels_of
from idtrail.settings import Settings
from idtrail.stack.topics import create_topics
from schemas.alerts import AlertRecord, Delivered, Detected, read_alert_record
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from streams.alerts.delivery.channel import Answer
from streams.alerts.delivery.courier import AT_ONCE, Courier
from streams.alerts.delivery.destinations import load_destinations
from streams.alerts.delivery.plan import JITTER, LONGEST_WAIT, Message
from tests.alerts.records import detected, logged
from tests.delivery.log import SECRET, alert_id
from tests.delivery.process import main
from tests.delivery.receiver import Receiver, receiving
from tests.fixtures_kafka import until
from tests.forked import Forked
from tests.sink.support import fill, killed

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
PARTITIONS = 4


@dataclass
class Clock:
    """Goes as others do, and is put forward where people would wait."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def put_to(self, at: datetime) -> None:
        self.ahead = max(self.ahead, at - datetime.now(UTC))


@dataclass
class Place:
    """A topic of alerts and a file of destinations."""

    kafka: KafkaConnection
    topic: str
    file: Path
    clock: Clock = field(default_factory=Clock)

    @property
    def group(self) -> str:
        return f"deliveries-{self.topic}"

    def write(self, **urls: str) -> None:
        """These destinations; webhooks have a secret."""
        tables = []
        for name, url in urls.items():
            secret = f'secret = "{SECRET}"\n' if url.startswith("webhook") else ""
            tables.append(f'[{name}]\nurl = "{url}"\n{secret}')
        self.file.write_text("\n".join(tables))

    @asynccontextmanager
    async def courier(self) -> AsyncIterator[asyncio.Task[None]]:
        found = load_destinations(self.file)
        channels = channels_of(Settings(destinations_file=self.file, deliver_private=True), found)
        task = asyncio.create_task(
            Courier(self.kafka, found, channels, topic=self.topic, group=self.group, clock=self.clock).run()
        )
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def process(self, log: Path, **more: Any) -> AsyncIterator[Forked]:
        given = {"bootstrap": self.kafka.bootstrap, "topic": self.topic, "group": self.group, "file": str(self.file)}
        running = Forked(main, {**given, **more, "log_level": "debug"}, log)
        try:
            yield running
        finally:
            running.kill()
            running.wait(10)

    async def append(self, records: Iterable[AlertRecord]) -> None:
        await fill(self.kafka, self.topic, [logged(record, topic=self.topic) for record in records])

    async def values(self) -> list[bytes]:
        """All that is on the topic."""
        async with AIOKafkaConsumer(**self.kafka.options(), auto_offset_reset="earliest") as consumer:
            places = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found: list[bytes] = []
            while len(found) < sum(ends.values()):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [bytes(record.value) for record in records]
            return found

    async def deliveries(self) -> list[Delivered]:
        return [one for one in map(read_alert_record, await self.values()) if isinstance(one, Delivered)]

    async def failed(self) -> int:
        """How many tries were in vain."""
        return sum(not one.succeeded for one in await self.deliveries())

    async def until_more_failed(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        before = await self.failed()

        async def more() -> bool:
            meanwhile()
            return await self.failed() > before

        await until(more, 60)

    async def may_try_again(self) -> None:
        """Put the clock to when no try so far keeps another waiting."""
        tries = [one.at for one in await self.deliveries()]
        self.clock.put_to(max(tries) + LONGEST_WAIT * (1 + JITTER))


@pytest.fixture
async def place(kafka: KafkaConnection, tmp_path: Path) -> Place:
    topic = f"alerts-{uuid4().hex[:8]}"
    await create_topics(kafka, PARTITIONS, 1, [TopicSpec(topic, FOR_EVER)], patience_seconds=30)
    return Place(kafka, topic, tmp_path / "destinations.toml")


def opened(numbers: Iterable[int], **fields: Any) -> list[Detected]:
    now = datetime.now(UTC)
    at = dict.fromkeys(("opened_at", "since", "triggered_at", "first_at", "last_at"), now)
    return [detected(alert_id=alert_id(number), **{**at, **fields}) for number in numbers]


def hook(receiver: Receiver) -> str:
    return f"webhook+http://127.0.0.1:{receiver.port}/T0K3N"


def one_id_each(receiver: Receiver) -> bool:
    """No occasion has two ids, and no id two occasions."""
    pairs = set(zip(receiver.told(), receiver.ids(), strict=True))
    return len(pairs) == len(set(receiver.told())) == len(set(receiver.ids()))


async def test_a_receiver_that_comes_back_is_told_everything_once_also_by_the_next_courier(place: Place) -> None:
    async with receiving() as receiver:
        await receiver.stop()
        place.write(hook=hook(receiver))
        await place.append(opened(range(10)))

        async def twice() -> bool:
            return await place.failed() >= 2

        async with place.courier():
            await until(twice, 60)
            place.clock.ahead = timedelta(hours=8)
            await place.until_more_failed()
            place.clock.ahead = timedelta()

            def hours_pass() -> None:
                place.clock.ahead = min(place.clock.ahead + timedelta(minutes=10), timedelta(hours=6))

            await place.until_more_failed(hours_pass)  # before the clock is where it was
        await place.append(opened(range(10, 15)))
        async with place.courier():
            await place.may_try_again()
            await place.until_more_failed()
            assert receiver.requests == []
            await receiver.start()

            async def all_told() -> bool:
                await place.may_try_again()
                return len(receiver.requests) >= 15

            await until(all_told, 60)
        expected = [(alert_id(number), "opened 1") for number in range(15)]
        assert sorted(receiver.told()) == expected
        async with place.courier():
            await place.append(opened([99]))
            await until(lambda: (alert_id(99), "opened 1") in receiver.told(), 30)
        assert sorted(receiver.told()) == [*expected, (alert_id(99), "opened 1")]
        assert one_id_each(receiver)
    tries = await place.deliveries()
    assert Counter(one.alert_id for one in tries if one.succeeded) == Counter(alert for alert, _ in receiver.told())
    assert {one.detail for one in tries if not one.succeeded} == {"it cannot be connected to"}
    of_one = [one.attempt for one in tries if one.alert_id == tries[0].alert_id]
    assert of_one == list(range(1, len(of_one) + 1))


async def test_a_kill_between_telling_and_recording_tells_again_under_the_same_id(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "courier.log"
    async with receiving() as receiver:
        place.write(hook=hook(receiver))
        await place.append(opened(range(8)))
        for die_at, after in (("told", 3), ("recorded", 2), ("told", 1)):
            async with place.process(log, die_at=die_at, die_after=after) as process:
                await killed(process, place.kafka, place.group)
        async with place.courier():
            await place.append([*opened([0], detection="ended", ended_at=datetime.now(UTC))])
            await until(lambda: (alert_id(0), "ended 1") in receiver.told(), 60)
            await until(lambda: len(set(receiver.told())) == 9, 60)
        assert one_id_each(receiver)
        told = Counter(receiver.told())
        assert set(told) == {(alert_id(n), "opened 1") for n in range(8)} | {(alert_id(0), "ended 1")}
        # One at least for each kill before the record, and for each kill at most what was on its way.
        assert 9 + 2 <= sum(told.values()) <= 9 + 3 * AT_ONCE
    done = [(one.alert_id, one.occasion) for one in await place.deliveries() if one.succeeded]
    assert sorted(done) == sorted(told)


async def test_couriers_share_the_alerts_and_take_over_from_each_other(place: Place) -> None:
    async with receiving() as receiver:
        place.write(hook=hook(receiver))
        await place.append(opened(range(20)))
        async with place.courier() as first:
            await until(lambda: len(receiver.requests) >= 5)
            async with place.courier() as second:
                await place.append(opened(range(20, 60)))
                await until(lambda: len(set(receiver.told())) == 60, 60)
                first.cancel()
                await place.append(opened(range(60, 80)))
                await until(lambda: len(set(receiver.told())) == 80, 60)
                assert not second.done()
        assert len(receiver.requests) == 80
        assert one_id_each(receiver)


class Held:
    """A destination that answers when it is let."""

    def __init__(self) -> None:
        self.begun = 0
        self.let = asyncio.Event()

    async def tell(self, message: Message) -> Answer:
        self.begun += 1
        await self.let.wait()
        return Answer()

    async def test(self, title: str, text: str) -> Answer:
        return Answer()


@pytest.mark.parametrize("stops", [pytest.param(True, id="a stop"), pytest.param(False, id="a rebalance")])
async def test_no_other_message_is_begun_when_others_are_to_tell(place: Place, stops: bool) -> None:
    place.write(hook="webhook+http://hook.example/")
    await place.append(opened(range(4 * AT_ONCE)))
    held = Held()
    courier = Courier(place.kafka, load_destinations(place.file), {"hook": held}, topic=place.topic, group=place.group)
    running = asyncio.create_task(courier.run())
    await until(lambda: held.begun == AT_ONCE, 30)
    if stops:
        running.cancel()
        asyncio.get_running_loop().call_later(0.5, held.let.set)
    else:
        revoked = asyncio.create_task(courier.on_partitions_revoked(set()))
        held.let.set()
        await revoked
        running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert held.begun == AT_ONCE
    assert len(await place.deliveries()) == AT_ONCE


async def test_a_destination_that_is_away_is_an_alert_at_the_other_until_it_answers(place: Place) -> None:
    async with receiving() as away, receiving() as other:
        await away.stop()
        place.write(away=hook(away), other=hook(other))
        await place.append(opened([1]))

        async def failed() -> bool:
            return await place.failed() > 0

        async def reported_over() -> bool:
            await place.may_try_again()
            return (report, "ended 1") in other.told()

        async with place.courier():
            await until(failed)
            await place.may_try_again()  # which is later than when a destination is reported
            await until(lambda: len(other.told()) >= 2, 60)
            ((_, first), (report, second)) = other.told()
            assert (first, second) == ("opened 1", "opened 1")
            assert other.body(1)["data"]["group"] == {"destination": "away"}
            await away.start()
            await until(reported_over, 60)
        assert away.told() == [(alert_id(1), "opened 1")]
        assert len(other.told()) == 3


async def test_no_secret_is_in_logs_or_records(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "courier.log"
    async with receiving(answer="500 T0K3N") as bad, receiving() as good:
        place.write(
            refused=hook(bad),
            away="webhook+http://127.0.0.1:1/T0K3N",
            told=f"json://T0K3N:T0K3N@127.0.0.1:{good.port}/T0K3N",
            untold=f"json://T0K3N@127.0.0.1:{bad.port}/T0K3N?a=T0K3N",
            nowhere="mailtos://T0K3N:T0K3N@nowhere.invalid?smtp=nowhere.invalid&to=a@b.example",
        )
        await place.append(opened([1]))

        async def all_tried() -> bool:
            return len({one.destination for one in await place.deliveries()}) == 5

        async with place.process(log):
            await until(all_tried, 60)
    assert {one.destination for one in await place.deliveries() if one.succeeded} == {"told"}
    said = log.read_text() + b"".join(await place.values()).decode()
    assert "a destination was not told" in said
    assert "T0K3N" not in said
    assert SECRET not in said
