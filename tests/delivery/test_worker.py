"""A worker with destinations: it tells what is on the log, and a courier that fails ends it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from idtrail.connections import courier_of
from idtrail.settings import Settings
from idtrail.stack.topics import create_topics
from queries.store import Store
from schemas.errors import BadUsage, Fatal
from schemas.kafka import ALERTS, KafkaConnection
from streams.alerts.delivery.courier import Courier
from streams.alerts.delivery.destinations import Destinations
from streams.alerts.index import Rules
from streams.alerts.rule import Rule
from streams.sink import SinkOptions
from streams.worker import Worker, tables_of
from tests.alerts.records import logged
from tests.delivery.log import SECRET, alert_id, destinations
from tests.delivery.receiver import Receiver, receiving
from tests.delivery.test_courier import opened
from tests.fixtures_kafka import Topics, until
from tests.records import event, record_of
from tests.sink.support import fill


def failures_of_each(rule_id: str, **more: Any) -> Rule:
    """An alert for each person."""
    return Rule.model_validate(
        {
            "id": rule_id,
            "title": "{subject_id}",
            "severity": "high",
            "description": "d",
            "remedy": "r",
            "kind": "match",
            "match": {"outcome": ["failure"]},
            "group_by": ["subject_id"],
            **more,
        }
    )


def courier_to(receiver: Receiver, kafka: KafkaConnection, directory: Path) -> Courier:
    file = directory / "destinations.toml"
    file.write_text(f'[hook]\nurl = "webhook+http://127.0.0.1:{receiver.port}/"\nsecret = "{SECRET}"\n')
    courier = courier_of(Settings(destinations_file=file, deliver_private=True), kafka)
    assert courier is not None
    return courier


class Broken(Courier):
    async def run(self) -> None:
        raise Fatal("broken")


async def worker(
    kafka: KafkaConnection, topics: Topics, store: Store, state: Path, courier: Courier, rules: Iterable[Rule] = ()
) -> Worker:
    app_id = topics.group.replace("sink", "detection")
    await create_topics(kafka, 4, 1, tables_of(app_id), patience_seconds=30)
    return Worker(
        kafka,
        store,
        replace(SinkOptions(), topics=topics.names, group=topics.group),
        retry_seconds=2,
        state_dir=state,
        rules=Rules(rules),
        courier=courier,
        app_id=app_id,
    )


# aiokafka leaves the connections that it was just making when it is cancelled: here, not in the next test.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.kafka
@pytest.mark.store
async def test_a_worker_delivers(kafka: KafkaConnection, topics: Topics, store: Store, tmp_path: Path) -> None:
    async def deliver(receiver: Receiver) -> None:
        courier = courier_to(receiver, kafka, tmp_path)
        running = asyncio.create_task((await worker(kafka, topics, store, tmp_path, courier)).run())
        await fill(kafka, ALERTS, [logged(alert) for alert in opened([0xDE11, 0xDE12])])
        expected = {(alert_id(number), "opened 1") for number in (0xDE11, 0xDE12)}
        await until(lambda: running.done() or expected <= set(receiver.told()), 60)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert expected <= set(receiver.told())

    async with receiving() as receiver:
        await deliver(receiver)
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.kafka
@pytest.mark.store
async def test_what_a_rule_in_staging_finds_is_kept_and_told_nobody(
    kafka: KafkaConnection, topics: Topics, store: Store, tmp_path: Path
) -> None:
    """The other rule finds the same in the same events, and is told of each."""
    rules = [failures_of_each("staged", staging=True, destinations=["hook"]), failures_of_each("paging")]

    def kept(rule_id: str) -> int:
        """Alerts of it, all as they were written: in staging or not."""
        sql = "SELECT alert_id, JSONExtractBool(body, 'staging') FROM alert_records WHERE record = 'detected'"
        found = store.query(f"{sql} AND rule_id = {{rule_id:String}}", {"rule_id": rule_id})
        assert {staging for _, staging in found} <= {rule_id == "staged"}
        return len({alert_id for alert_id, _ in found})

    async def find(receiver: Receiver) -> None:
        courier = courier_to(receiver, kafka, tmp_path)
        running = asyncio.create_task((await worker(kafka, topics, store, tmp_path, courier, rules)).run())

        def told(rule_id: str) -> int:
            return sum(receiver.body(n)["data"]["rule_id"] == rule_id for n in range(len(receiver.requests)))

        for round_ in (1, 2):  # what is told in the second round was planned with all of the first at hand
            now = datetime.now(UTC)
            failures = [
                event(success=False, timestamp=now.isoformat(), resource={"id": f"p{round_}-{n}", "type": "user"})
                for n in range(5)
            ]
            await fill(kafka, topics.events, [record_of(one, known_at=now) for one in failures])
            await until(lambda: running.done() or kept("staged") == kept("paging") == 5 * round_, 60)  # noqa: B023  because it is awaited within the round
            await until(lambda: running.done() or told("paging") == 5 * round_, 60)  # noqa: B023  the same
        assert not running.done()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert (kept("staged"), told("staged"), told("paging")) == (10, 0, 10)

    async with receiving() as receiver:
        await find(receiver)
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.kafka
@pytest.mark.store
async def test_a_courier_that_fails_ends_the_worker(
    kafka: KafkaConnection, topics: Topics, store: Store, tmp_path: Path
) -> None:
    async def fail() -> None:
        broken = Broken(kafka, Destinations({}), {})
        with pytest.raises(Fatal, match="broken"):
            await (await worker(kafka, topics, store, tmp_path, broken)).run()

    await fail()
    gc.collect()


def test_without_a_file_there_is_no_courier_and_with_a_wrong_one_no_worker(tmp_path: Path) -> None:
    assert courier_of(Settings(), KafkaConnection("nowhere:1")) is None
    file = tmp_path / "destinations.toml"
    file.write_text('[one]\nurl = "slack://T0K3N"\n[two]\nurl = "nothing://T0K3N"')
    with pytest.raises(BadUsage) as told:
        courier_of(Settings(destinations_file=file), KafkaConnection("nowhere:1"))
    assert [line.rpartition("toml: ")[2].split(":")[0] for line in str(told.value).splitlines()] == [
        "one.url",
        "two.url",
    ]
    assert "T0K3N" not in str(told.value)


def test_no_representation_of_destinations_shows_more_than_names() -> None:
    assert "T0K3N" not in repr(destinations(one='url = "json://h/T0K3N"'))
