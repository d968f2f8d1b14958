"""Dead letters on a real log and store: redriven, discarded, and told again by the log alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

import schemas.envelope
from idtrail.stack.topics import create_topics
from producers.emitter import Emitter
from producers.spool import Spool
from queries.dead_letters import LetterFilter, get_dead_letter, list_dead_letters
from queries.redrive import Redrive, Redriven, RedriveOutcome, Result, discard, redrive
from queries.store import Store
from schemas.envelope import Envelope, Source, Trust, seal
from schemas.errors import MalformedRecord, RecordError
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from schemas.letters import Coordinates, Decision
from streams.lag import read_lag
from streams.log_reader import read_records
from streams.sink import Sink
from streams.writer import StoreWriter
from tests.emitter.support import read_log
from tests.fixtures_kafka import Topics, until
from tests.records import NOON, ORGANIZATION, event
from tests.sink.support import everything_stored, read_again
from tests.sink.test_sink import options

pytestmark = [pytest.mark.kafka, pytest.mark.store]

FILE = Source("file:export.json.gz", Trust.EXPORT, "another")
READABLE = orjson.dumps(event(id="00000000000000000000beef"))


class Killed(Exception):
    """What a process that is killed at this point never gets past."""


@dataclass
class Doomed:
    """An emitter whose process ends between the event and the decision."""

    emitter: Emitter

    async def emit_sealed(self, envelope: Envelope) -> object:
        return await self.emitter.emit_sealed(envelope)

    async def decide(self, decision: Decision) -> object:
        raise Killed


@dataclass
class Trail:
    """One log and store, and what is done about the letters on it."""

    kafka: KafkaConnection
    topics: Topics
    store: Store
    emitter: Emitter
    decisions: str
    sink: asyncio.Task[None] = field(init=False)

    async def bury(self, *raws: bytes, source: Source = FILE) -> None:
        """Letters, as an import makes them."""
        for number, raw in enumerate(raws, 1):
            try:
                seal(raw, source, NOON)
            except RecordError as error:
                await self.emitter.dead_letter(raw, source, error, f"element {number}, byte 0")
        await self.settle()

    @asynccontextmanager
    async def sinking(self) -> AsyncIterator[None]:
        """A sink that stores what comes."""
        writer = StoreWriter(self.store, 30)
        sink = Sink(self.kafka, writer, options(self.topics, decisions=self.decisions))
        self.sink = asyncio.create_task(sink.run())
        try:
            yield
        finally:
            self.sink.cancel()
            with suppress(asyncio.CancelledError):
                await self.sink

    async def settle(self) -> None:
        """Wait until all is stored."""

        async def stored() -> bool:
            return self.sink.done() or await everything_stored(self.kafka, self.topics, self.decisions)

        await until(stored)
        assert not self.sink.done(), self.sink.result()

    def letters(self) -> list[dict[str, Any]]:
        return list_dead_letters(self.store, LetterFilter()).items

    async def redrive(self, *, log: Redriven | None = None, **how: Any) -> list[Result]:
        return await redrive(self.letters(), Redrive("ada", **how), self.read, log or self.emitter, NOON)

    async def throw_the_store_away(self) -> None:
        """What it knows of letters; the sink fills it again from the log."""
        for table in ("dead_letters", "letter_decisions"):
            self.store.command(f"TRUNCATE TABLE {table}")
        assert self.letters() == []
        await read_again(self.kafka, self.topics.group, self.topics.dead_letters, self.decisions)

    async def forget_the_letters(self) -> None:
        """As the topic does after 90 days."""
        lag = await read_lag(self.kafka, self.topics.group, [self.topics.dead_letters])
        admin = AIOKafkaAdminClient(**self.kafka.options())
        await admin.start()
        try:
            ends = {TopicPartition(place.topic, place.partition): RecordsToDelete(place.end) for place in lag}
            await admin.delete_records(ends)
        finally:
            await admin.close()

    async def read(self, places: Sequence[Coordinates]) -> Any:
        return await read_records(self.kafka, places)

    def events(self) -> list[tuple[Any, ...]]:
        return self.store.query("SELECT event_id, source, trust, organization, raw FROM events FINAL")


@pytest.fixture
async def trail(kafka: KafkaConnection, topics: Topics, store: Store, tmp_path: Path) -> AsyncIterator[Trail]:
    spool = Spool(tmp_path / "spool.sqlite3")
    decisions = topics.dead_letters.replace("dead-letters", "letter-decisions")
    await create_topics(kafka, 4, 1, [TopicSpec(decisions, FOR_EVER, partitions=1)], patience_seconds=30)
    async with Emitter(kafka, spool, lambda: NOON, topics.events, topics.dead_letters, decisions) as emitter:
        yield Trail(kafka, topics, store, emitter, decisions)


@pytest.fixture
async def running(trail: Trail) -> AsyncIterator[Trail]:
    """The trail with a sink at work."""
    async with trail.sinking():
        yield trail


async def test_letters_of_a_wrong_organization_are_redriven_once_it_is_right(running: Trail) -> None:
    await running.bury(READABLE, b'{"id": broken')
    said = {result.outcome: result for result in await running.redrive(into=ORGANIZATION, dry_run=True)}
    assert set(said) == {RedriveOutcome.REDRIVEN, RedriveOutcome.STILL_UNREADABLE}
    await running.settle()
    assert running.events() == []
    assert {letter["state"] for letter in running.letters()} == {"waiting"}

    done = {result.outcome: result for result in await running.redrive(into=ORGANIZATION)}
    assert done == said  # a dry run says what will be
    await running.settle()
    event_id = done[RedriveOutcome.REDRIVEN].event_id
    assert running.events() == [(event_id, "file:export.json.gz", int(Trust.EXPORT), ORGANIZATION, READABLE.decode())]
    (logged,) = await read_log(running.kafka, running.topics.events)
    headers = dict(logged.headers)
    assert headers["idtrail_position"] == b"element 1, byte 0"
    place = headers["idtrail_redriven_from"].decode().split("/")
    assert place[0] == running.topics.dead_letters

    by_state = {letter["state"]: letter for letter in running.letters()}
    assert by_state["redriven"]["event_id"] == event_id
    assert (by_state["redriven"]["organization"], by_state["redriven"]["decided_by"]) == ("another", "ada")
    left = by_state["waiting"]
    assert (left["reason"], left["decision_reason"], left["attempts"]) == ("not_json", "not_json", 1)

    again = {result.outcome: result for result in await running.redrive(into=ORGANIZATION)}
    assert again[RedriveOutcome.ALREADY_REDRIVEN].event_id == event_id
    await running.settle()
    assert len(running.letters()) == 2  # a vain attempt makes no second letter
    assert {letter["attempts"] for letter in running.letters()} == {1, 2}
    assert len(await read_log(running.kafka, running.topics.events)) == 1

    nowhere = {**left, "log_offset": 99}
    (gone,) = await redrive([nowhere], Redrive("ada", ORGANIZATION), running.read, running.emitter, NOON)
    assert gone.outcome is RedriveOutcome.GONE
    assert "90 days" in gone.message


async def test_a_reader_that_understands_more_redrives_what_an_older_one_refused(
    running: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Source(FILE.name, FILE.trust, ORGANIZATION)
    with monkeypatch.context() as older:

        def refuse(value: bytes) -> Any:
            raise MalformedRecord("what is this", reason="too_new")

        older.setattr(schemas.envelope, "decode_object", refuse)
        await running.bury(READABLE, source=own)
        assert [result.reason for result in await running.redrive()] == ["too_new"]
        await running.settle()
    assert [result.outcome for result in await running.redrive()] == [RedriveOutcome.REDRIVEN]
    await running.settle()
    assert [row[4] for row in running.events()] == [READABLE.decode()]
    (letter,) = running.letters()
    assert (letter["state"], letter["reason"], letter["attempts"]) == ("redriven", "too_new", 2)
    told = get_dead_letter(running.store, ORGANIZATION, letter["letter_id"])["decisions"]
    assert [found["decision"] for found in told] == ["still_unreadable", "redriven"]


async def test_killed_between_the_event_and_the_decision_nothing_is_doubled(running: Trail) -> None:
    await running.bury(READABLE)
    with pytest.raises(Killed):
        await running.redrive(into=ORGANIZATION, log=Doomed(running.emitter))
    await running.settle()
    assert [letter["state"] for letter in running.letters()] == ["waiting"]
    assert len(running.events()) == 1

    assert [result.outcome for result in await running.redrive(into=ORGANIZATION)] == [RedriveOutcome.REDRIVEN]
    await running.settle()
    assert len(await read_log(running.kafka, running.topics.events)) == 2
    assert len(running.events()) == 1
    counted = "SELECT sum(n) FROM (SELECT uniqExactMerge(events) AS n FROM event_counts GROUP BY organization)"
    assert running.store.query(counted) == [(1,)]
    assert [letter["state"] for letter in running.letters()] == ["redriven"]


async def test_a_store_that_was_thrown_away_knows_the_decisions_again(trail: Trail) -> None:
    async with trail.sinking():
        await trail.bury(READABLE, b'{"id": broken', b'"a text"')
        by_position = {letter["position"]: letter for letter in trail.letters()}
        unwanted = by_position["element 3, byte 0"]
        (gone,) = await discard([unwanted], "test data", "ada", trail.emitter, NOON, dry_run=False)
        assert gone.outcome is RedriveOutcome.DISCARDED
        await trail.settle()
        assert {result.outcome for result in await trail.redrive(into=ORGANIZATION)} == {
            RedriveOutcome.REDRIVEN,
            RedriveOutcome.STILL_UNREADABLE,
            RedriveOutcome.ALREADY_DISCARDED,
        }
        await trail.settle()
        live = trail.letters()
        assert {letter["state"] for letter in live} == {"redriven", "waiting", "discarded"}

    await trail.throw_the_store_away()
    async with trail.sinking():
        await trail.settle()
    assert trail.letters() == live

    await trail.forget_the_letters()
    await trail.throw_the_store_away()
    async with trail.sinking():
        await trail.settle()
    assert trail.letters() == live  # each by its decisions
