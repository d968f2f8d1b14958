"""A feed over topics of one test, and readers that remember what they were handed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from queries.feed import Message, Start
from schemas.envelope import Source, Trust, seal
from schemas.kafka import KafkaConnection
from streams.feed import Feed, Reader
from tests.fixtures_kafka import until
from tests.records import NOON, event

EXPORT = Source("file:test.json", Trust.EXPORT)
PEOPLE = 17


def everything(message: Message) -> bool:
    """What a reader without conditions wants."""
    return True


@dataclass
class Log:
    """Puts events on the topic of one test, each known by its number."""

    producer: AIOKafkaProducer
    topic: str
    logged: int = 0

    async def put(self, count: int) -> None:
        """So many new events, of several people: all partitions get some."""
        numbers = range(self.logged, self.logged + count)
        self.logged += count
        await self.put_raw([numbered(number) for number in numbers])

    async def put_raw(self, records: Iterable[dict[str, Any]], source: Source = EXPORT) -> None:
        """These records."""
        sent = []
        for raw in records:
            sealed = seal(orjson.dumps(raw), source, NOON)
            sent.append(await self.producer.send(self.topic, sealed.value, key=sealed.key, headers=sealed.headers))
        await asyncio.gather(*sent)


def numbered(number: int) -> dict[str, Any]:
    """An event whose person's mail address tells its number; every tenth failed."""
    who = {"id": f"{number % PEOPLE:024x}", "type": "user", "username": f"person.{number % PEOPLE}"}
    return event(resource={**who, "email": f"{number}@example.com"}, success=number % 10 != 0)


def number_of(message: Message) -> int:
    """Which of the numbered events it is."""
    return int(message.item["subject_email"].partition("@")[0])


@dataclass
class Watching:
    """What one reader was handed."""

    messages: list[Message] = field(default_factory=list)
    position: str = ""
    ended: str = ""

    @property
    def numbers(self) -> list[int]:
        return [number_of(message) for message in self.messages]

    async def take(self, reader: Reader) -> None:
        """Everything, until the end."""
        while not self.ended:
            batch = await reader.next()
            self.messages += batch.messages
            self.position, self.ended = batch.position, batch.ended

    async def has(self, count: int) -> None:
        """Wait for so many messages."""
        await until(lambda: len(self.messages) >= count)


@asynccontextmanager
async def watching(
    feed: Feed, start: Start | None = None, wants: Callable[[Message], object] = everything
) -> AsyncIterator[Watching]:
    """A reader that takes whatever comes."""
    async with feed.open(wants, start or Start()) as reader:
        watch = Watching()
        task = asyncio.create_task(watch.take(reader))
        try:
            yield watch
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()


def feed_of(kafka: KafkaConnection, *topics: str, **options: Any) -> Feed:
    """A feed of these topics: the first is of events."""
    return Feed(kafka, options.pop("most_readers", 60), topics, heartbeat_seconds=0.2, **options)
