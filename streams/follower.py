"""Follows the log from a position without a group: records become messages, each with the position after it.

It commits nothing and joins no group, so no worker notices.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from broker.consumers import stop_consumer
from broker.refusal import failure
from queries.events import COLUMNS
from queries.feed import About, Message
from queries.incidents.listing import incident_text
from schemas.alerts import dumped, read_alert_record
from schemas.errors import MalformedRecord, RecordError
from schemas.events import Kind
from schemas.facts import facts
from schemas.jsontext import decode_object
from schemas.kafka import KafkaConnection
from schemas.outcome import Outcome
from schemas.signature import incident_id
from streams.position import Offsets, Position
from streams.rows import Logged, LogRecord, read

FETCH_RECORDS: Final = 500
PIECE: Final = 100
"""Records decoded in one go: some 5 ms in which the event loop does nothing else."""
FETCH_MS: Final = 1000
DESCRIPTIONS: Final = 10
PARTITION_BYTES: Final = 256 * 1024
REMEMBERED_EVENTS: Final = 50_000
INCIDENT_FIELDS: Final = ("incident_id", "organization", "application_id", "application", "cause")


class Pace:
    """Runs one task at a time, with a pause after each in proportion: at most `share` of one core."""

    def __init__(self, share: float) -> None:
        self._rest = 1 / share - 1
        self._turn = asyncio.Lock()
        self._began = 0.0

    async def __aenter__(self) -> None:
        await self._turn.acquire()
        self._began = time.thread_time()

    async def __aexit__(self, *error: object) -> None:
        try:
            await asyncio.sleep((time.thread_time() - self._began) * self._rest)
        finally:
            self._turn.release()


class Repeats:
    """The events that were shown lately. A copy is shown again only if it is more trusted and says something else."""

    def __init__(self, most: int = REMEMBERED_EVENTS) -> None:
        self._most = most
        self._seen: OrderedDict[bytes, tuple[int, bytes]] = OrderedDict()

    def shows(self, event_id: bytes, trust: int, fingerprint: bytes) -> bool:
        """Whether to show this copy; if so, it counts as shown."""
        before = self._seen.pop(event_id, None)
        if before is None and len(self._seen) >= self._most:
            self._seen.popitem(last=False)
        if before is not None and before[0] >= trust:
            self._seen[event_id] = before
            return False
        self._seen[event_id] = (int(trust), fingerprint)
        return before is None or before[1] != fingerprint


class Follower:
    """Reads up to three topics: events, incidents, alerts."""

    def __init__(self, connection: KafkaConnection, topics: Sequence[str]) -> None:
        self._connection = connection
        self._topics = tuple(topics)
        self._about = dict(zip(topics, About, strict=False))
        self._repeats = Repeats()
        self._ahead: dict[TopicPartition, deque[LogRecord]] = {}
        self._next: Offsets = {}
        self._consumer = AIOKafkaConsumer(
            **connection.options(),
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=PARTITION_BYTES,
        )
        self.position = Position(topics, {})

    async def connect(self) -> None:
        """Connect to the broker. Raises `BrokerAway`, `BrokerRefuses`. Call `stop` in any case."""
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise await failure(self._connection, error) from error

    async def bounds(self) -> tuple[Offsets, Offsets]:
        """Return the beginnings and ends of all partitions. Raises `BrokerAway`, `BrokerRefuses`."""
        admin = AIOKafkaAdminClient(**self._connection.options())
        try:
            await admin.start()
            for _ in range(DESCRIPTIONS):
                found = await admin.describe_topics(list(self._topics))
                if all(topic["partitions"] for topic in found):
                    break
                await asyncio.sleep(0.1)  # a broker learns late of a topic that was just made
            places = [
                TopicPartition(topic["topic"], partition["partition"])
                for topic in found
                for partition in topic["partitions"]
            ]
            return await self._consumer.beginning_offsets(places), await self._consumer.end_offsets(places)
        except (KafkaError, OSError) as error:
            raise await failure(self._connection, error) from error
        finally:
            await admin.close()

    async def at_time(self, milliseconds: int, ends: Mapping[TopicPartition, int]) -> Offsets:
        """Return the offsets of the first records with that append time or later. Raises `BrokerAway`,
        `BrokerRefuses`."""
        try:
            found = await self._consumer.offsets_for_times(dict.fromkeys(ends, milliseconds))
        except (KafkaError, OSError) as error:
            raise await failure(self._connection, error) from error
        return {place: end if found.get(place) is None else found[place].offset for place, end in ends.items()}

    def begin(self, offsets: Offsets) -> None:
        """Read from these offsets on."""
        self.position = Position(self._topics, offsets)
        self._ahead = {place: deque() for place in offsets}
        self._next = dict(offsets)
        self._consumer.assign(list(offsets))
        for place, offset in offsets.items():
            self._consumer.seek(place, offset)

    async def fetch(self) -> list[LogRecord]:
        """Return the next records, in order of time among those that have come; waits at most a second for some."""
        found = await self._consumer.getmany(timeout_ms=FETCH_MS, max_records=FETCH_RECORDS)
        return list(heapq.merge(*found.values(), key=_appended))

    async def fetch_until(self, targets: Mapping[TopicPartition, int]) -> list[LogRecord]:
        """Return a piece of the records before `targets`, in order of time over all partitions."""
        await self._fill(targets)
        taken: list[LogRecord] = []
        while len(taken) < PIECE:
            if any(not self._ahead[place] and self._next[place] < target for place, target in targets.items()):
                break  # the earliest may not be fetched yet
            heads = [
                (records[0].timestamp, place)
                for place, records in self._ahead.items()
                if records and records[0].offset < targets[place]
            ]
            if not heads:
                break
            taken.append(self._ahead[min(heads)[1]].popleft())
        if not taken:
            self._skip_gaps(targets)
        return taken

    async def _fill(self, targets: Mapping[TopicPartition, int]) -> None:
        empty = [place for place, target in targets.items() if not self._ahead[place] and self._next[place] < target]
        if not empty:
            return
        found = await self._consumer.getmany(*empty, timeout_ms=FETCH_MS, max_records=PIECE * len(empty))
        for place, records in found.items():
            self._ahead[place].extend(records)
        for place in empty:
            self._next[place] = await self._consumer.position(place)

    def _skip_gaps(self, targets: Mapping[TopicPartition, int]) -> None:
        """Skip offsets missing before a target: they were compacted away, or are transaction markers."""
        for place, target in targets.items():
            ahead = self._ahead[place]
            if self.position.offsets[place] < target <= (ahead[0].offset if ahead else self._next[place]):
                self.position.advance(place, target)

    def decode(self, records: Iterable[LogRecord]) -> list[Message]:
        """Decode records as messages and move the position past them. Unreadable records are left out."""
        return [message for record in records if (message := self._message(record)) is not None]

    def _message(self, record: LogRecord) -> Message | None:
        self.position.advance(TopicPartition(record.topic, record.partition), record.offset + 1)
        about = self._about[record.topic]
        try:
            item = self._event(record) if about is About.EVENT else _READ[about](record)
        except RecordError:
            return None  # the sink puts it into the dead letters
        if item is None:
            return None
        # A copy, because orjson's own bytes keep 16 KB each, however little they hold: readers' queues are full of
        # them.
        data = bytes(memoryview(orjson.dumps(item, option=orjson.OPT_UTC_Z)))
        failed = about is About.EVENT and is_failed_attempt(item)
        return Message(about, item, data, self.position.text(), failed)

    def _event(self, record: LogRecord) -> dict[str, Any] | None:
        logged = read(record)
        sealed = logged.sealed
        return event_item(logged) if self._repeats.shows(sealed.event_id, sealed.trust, sealed.fingerprint) else None

    async def stop(self) -> None:
        """Disconnect from the broker."""
        await stop_consumer(self._consumer)


def event_item(logged: Logged) -> dict[str, Any]:
    """Return an event in the form of the API's lists."""
    sealed, moment = logged.sealed, logged.moment
    found = facts(logged.event)
    values = {
        "event_id": UUID(bytes=sealed.event_id),
        "organization": sealed.organization,
        "occurred_at": moment.at,
        "occurred_text": moment.text,
        "time_quality": moment.quality.value,
        "known_at": logged.known_at,
        "source": sealed.source,
        "trust": int(sealed.trust),
        "incident_id": incident_text(incident_id(sealed.organization, logged.event, found)),
        **found._asdict(),
    }
    return {name: values[name] for name in COLUMNS}


def is_failed_attempt(item: dict[str, Any]) -> bool:
    """Whether `GET /api/v1/failures` counts it."""
    return bool(item["outcome"] == Outcome.FAILURE and item["kind"] != Kind.OTHER)


def _incident(record: LogRecord) -> dict[str, Any] | None:
    if not record.value:
        return None
    item = decode_object(record.value)
    if not all(isinstance(item.get(name), str) for name in INCIDENT_FIELDS):
        raise MalformedRecord("the record is not an incident", reason="no_incident")
    return item


def _alert(record: LogRecord) -> dict[str, Any]:
    return dumped(read_alert_record(record.value))


_READ: Final[Mapping[About, Callable[[LogRecord], dict[str, Any] | None]]] = {
    About.INCIDENT: _incident,
    About.ALERT: _alert,
}


def _appended(record: LogRecord) -> int:
    return record.timestamp
