"""Filling a log, running sinks on it in processes, and looking at what is in effect."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.group import LeaveGroupRequest

from queries.store import Store
from schemas.errors import BrokerAway
from schemas.kafka import KafkaConnection
from streams.lag import read_bounds, read_lag, rewind
from tests.fixtures_kafka import Topics, until
from tests.forked import Forked, Main
from tests.records import Record
from tests.sink.process import main as run_sink


async def fill(kafka: KafkaConnection, topic: str, records: Sequence[Record]) -> None:
    """Put sealed records on the log, in their order."""
    async with AIOKafkaProducer(
        **kafka.options(), acks="all", enable_idempotence=True, max_batch_size=262_144
    ) as producer:
        sent = [await producer.send(topic, record.value, key=record.key, headers=record.headers) for record in records]
        await asyncio.gather(*sent)


async def read_again(kafka: KafkaConnection, group: str, *topics: str) -> None:
    """Rewind a group without members to the beginnings of topics."""
    bounds = await read_bounds(kafka, topics)
    await rewind(kafka, group, {place: at.begin for place, at in bounds.items()})


async def everything_stored(kafka: KafkaConnection, topics: Topics, *more: str) -> bool:
    try:
        lag = await read_lag(kafka, topics.group, [topics.events, topics.dead_letters, *more])
    except BrokerAway:  # a new group's coordinator takes a moment to be found
        return False
    return all(partition.behind == 0 for partition in lag)


@dataclass
class Sinks:
    """Sink processes on one store; all are ended at the end, however the test ended."""

    arguments: dict[str, Any]
    log: Path
    main: Main = run_sink
    environment: dict[str, str] = field(default_factory=dict)
    """Beside this process's own."""
    running: list[Forked] = field(default_factory=list)

    def start(self, **more: Any) -> Forked:
        process = Forked(self.main, {**self.arguments, **more}, self.log, self.environment)
        self.running.append(process)
        return process

    def end(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(10)

    def said(self) -> str:
        return self.log.read_text()


@contextmanager
def sinks(kafka: KafkaConnection, topics: Topics, store_url: str, store: Store, directory: Path) -> Iterator[Sinks]:
    arguments = {
        "bootstrap": kafka.bootstrap,
        "store": store_url,
        "database": store.database,
        "topics": topics.names,
        "group": topics.group,
    }
    made = Sinks(arguments, directory / "sinks.log")
    try:
        yield made
    finally:
        made.end()


async def ended(process: Forked, seconds: float = 60) -> int:
    await until(lambda: process.poll() is not None, seconds)
    assert process.returncode is not None
    return process.returncode


async def killed(process: Forked, kafka: KafkaConnection, *groups: str) -> None:
    """Wait until it has killed itself, the only member of its groups; the broker, which would miss it a session later,
    is told at once."""
    assert await ended(process) == -signal.SIGKILL
    await send_away(kafka, *groups)


async def send_away(kafka: KafkaConnection, *groups: str) -> None:
    """Take all members out of groups, as the broker does with silent ones."""
    admin = AIOKafkaAdminClient(**kafka.options())
    await admin.start()
    try:
        for group in groups:
            coordinator = await admin.find_coordinator(group)
            for answer in await admin.describe_consumer_groups([group], coordinator):
                for _, _, _, _, _, members, *_ in answer.groups:
                    for member, *_ in members:
                        await admin._send_request(LeaveGroupRequest(group, member), coordinator)
    finally:
        await admin.close()


@dataclass(frozen=True)
class Effect:
    """What every table holds, without FINAL: a doubled row shows."""

    events: int
    by_subject: int
    attempts: int
    counted: int
    distinct: int


def effect(store: Store) -> Effect:
    return Effect(
        store.query("SELECT count() FROM events")[0][0],
        store.query("SELECT count() FROM events_by_subject")[0][0],
        store.query("SELECT count() FROM attempts")[0][0],
        store.query(
            "SELECT sum(n) FROM (SELECT uniqExactMerge(events) AS n FROM event_counts"
            " GROUP BY organization, hour, event_type)"
        )[0][0],
        store.query("SELECT uniqExact(event_id) FROM events")[0][0],
    )


def once(count: int) -> Effect:
    """Each of `count` provisioning events once, everywhere."""
    return Effect(count, count, count, count, count)
