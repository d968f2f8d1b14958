"""The sink on a real broker: each record once in effect, whatever happens at whatever point."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from structlog.testing import capture_logs

from queries.store import Store
from schemas.errors import Fatal, MalformedRecord, StoreAway
from schemas.kafka import KafkaConnection
from schemas.metrics import DECODED_ASIDE
from streams import rows, shared_reading
from streams.blocks import Block
from streams.rows import LogRecord
from streams.sink import Sink, SinkOptions
from streams.writer import StoreWriter
from tests.fixtures_kafka import Topics, until
from tests.measured import measured
from tests.records import ORGANIZATION, Record, event, record_of
from tests.sink.support import Effect, effect, everything_stored, fill, killed, once, send_away, sinks
from tests.support.clickhouse_http import ClickHouseFront

pytestmark = [pytest.mark.kafka, pytest.mark.store]

POINTS = ["fetched", "intended", "inserted", "forwarded", "committed"]


def records(count: int, people: int = 40) -> list[Record]:
    """Provisioning events of the last hour, of several people."""
    begin = datetime.now(UTC) - timedelta(minutes=50)
    return [
        record_of(
            event(
                ("user_create_provision", "user_update_provision", "user_deprovision")[number % 3],
                timestamp=(begin + timedelta(milliseconds=number)).isoformat(),
                success=number % 5 != 0,
                resource={"id": f"{number % people:024x}", "type": "user"},
            )
        )
        for number in range(count)
    ]


def options(topics: Topics, **more: object) -> SinkOptions:
    return SinkOptions(topics=topics.names, group=topics.group, **more)  # type: ignore[arg-type]  # because of **


async def committed(kafka: KafkaConnection, topics: Topics) -> dict[int, int]:
    """Offsets of the events topic that the group has committed, by partition."""
    admin = AIOKafkaAdminClient(**kafka.options())
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(topics.group)
    finally:
        await admin.close()
    return {place.partition: at.offset for place, at in found.items() if place.topic == topics.events}


async def read_all(kafka: KafkaConnection, topic: str, count: int) -> list[Record]:
    """The first `count` records of a topic."""
    got: list[Record] = []
    consumer = AIOKafkaConsumer(topic, auto_offset_reset="earliest", **kafka.options())
    async with consumer, asyncio.timeout(30):
        async for record in consumer:
            got.append(Record(record.value, record.headers, record.offset, key=record.key))
            if len(got) == count:
                break
    return got


async def run_until_stored(sink: Sink, kafka: KafkaConnection, topics: Topics) -> None:
    """Run a sink in this process until all is stored, then stop it."""
    task = asyncio.create_task(sink.run())
    try:
        await until(lambda: task.done() or _stored(kafka, topics), 60)
        if task.done():
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _stored(kafka: KafkaConnection, topics: Topics) -> bool:
    return await everything_stored(kafka, topics)


async def test_records_are_stored_and_fresh_ones_forwarded_with_their_place(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    await fill(kafka, topics.events, records(300))
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    assert effect(store) == once(300)
    forwarded = await read_all(kafka, topics.provisioning, 300)
    places = {(dict(r.headers)["idtrail_partition"], dict(r.headers)["idtrail_offset"]) for r in forwarded}
    assert len(places) == 300
    assert {r.key for r in forwarded} == {ORGANIZATION.encode()}


@pytest.mark.parametrize("point", POINTS)
async def test_a_sink_killed_at_any_point_leaves_each_event_once_in_every_table(
    kafka: KafkaConnection,
    topics: Topics,
    front: str,
    http_store: Store,
    tmp_path: Path,
    point: str,
) -> None:
    await fill(kafka, topics.events, records(800))
    with sinks(kafka, topics, front, http_store, tmp_path) as processes:
        for after in (1, 2):
            await killed(processes.start(die_at=point, die_after=after, flight_rows=200), kafka, topics.group)
        processes.start()
        await until(lambda: everything_stored(kafka, topics), 60)
    assert effect(http_store) == once(800)


async def test_a_sink_frozen_past_its_session_and_woken_doubles_nothing(
    kafka: KafkaConnection, topics: Topics, front: str, http_store: Store, tmp_path: Path
) -> None:
    await fill(kafka, topics.events, records(2_000))
    with sinks(kafka, topics, front, http_store, tmp_path) as processes:
        frozen = processes.start(flight_rows=100)
        await until(lambda: _stored_some(http_store, 300), 60)
        frozen.send_signal(signal.SIGSTOP)
        processes.start(flight_rows=400)
        await until(lambda: everything_stored(kafka, topics), 60)
        frozen.send_signal(signal.SIGCONT)
        await fill(kafka, topics.events, records(500))
        await until(lambda: everything_stored(kafka, topics), 60)
    assert effect(http_store) == once(2_500)


def _stored_some(store: Store, least: int) -> bool:
    return bool(store.query("SELECT count() FROM events")[0][0] >= least)


class Failing:
    """A writer that fails when told to."""

    def __init__(self, inner: StoreWriter, at: int) -> None:
        self._inner = inner
        self._left = at

    async def write(self, blocks: Sequence[Block], token: str) -> None:
        self._left -= 1
        if self._left == 0:
            raise Fatal("told to fail")
        await self._inner.write(blocks, token)


async def test_a_failed_insert_ends_the_sink_before_offsets_move(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    await fill(kafka, topics.events, records(50, people=1))  # one person: one partition
    sink = Sink(kafka, Failing(StoreWriter(store, 30), at=1), options(topics))
    with pytest.raises(Fatal, match="told to fail"):
        await asyncio.wait_for(sink.run(), 30)
    (offset,) = (await committed(kafka, topics)).values()
    assert offset == 0, "the intent is committed, and nothing beyond it"
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    (offset,) = (await committed(kafka, topics)).values()
    assert offset == 50
    assert effect(store) == once(50)


async def test_what_only_the_next_release_can_read_of_a_chunk_in_flight_is_stored(
    kafka: KafkaConnection, topics: Topics, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = rows.read

    def older(record: LogRecord) -> rows.Logged:
        if record.offset == 2:
            raise MalformedRecord("of a later version", reason="later_version")
        return read(record)

    def die(point: str) -> None:
        if point == "inserted":
            raise RuntimeError("told to fail")

    await fill(kafka, topics.events, records(5, people=1))
    monkeypatch.setattr(rows, "read", older)
    with pytest.raises(RuntimeError, match="told to fail"):
        await asyncio.wait_for(Sink(kafka, StoreWriter(store, 30), options(topics), die).run(), 30)
    assert effect(store) == once(4)
    monkeypatch.setattr(rows, "read", read)
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    assert store.query("SELECT arraySort(groupUniqArray(log_offset)) FROM events") == [([0, 1, 2, 3, 4],)]
    assert effect(store).counted == effect(store).distinct == 5


class DyingAfterShared:
    """A writer that fails after the first insert of rows of which a child has decoded some."""

    def __init__(self, store: Store) -> None:
        self._inner = StoreWriter(store, 30)
        self._before = DECODED_ASIDE._value.get()
        self.ready: Callable[[], bool] = lambda: True

    async def write(self, blocks: Sequence[Block], token: str) -> None:
        shared = DECODED_ASIDE._value.get() > self._before
        await self._inner.write(blocks, token)
        if shared:
            raise Fatal("told to fail")
        await until(self.ready, 60)


async def test_what_several_have_decoded_is_known_again_when_one_decodes_it_alone(
    kafka: KafkaConnection, topics: Topics, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_reading, "FEW_RECORDS", 20)
    monkeypatch.setattr(shared_reading, "PIECE_RECORDS", 5)
    await fill(kafka, topics.events, records(600, people=1))  # one person: one partition
    dying = DyingAfterShared(store)
    sink = Sink(kafka, dying, options(topics, decoders=1, flight_rows=100))
    dying.ready = lambda: not sink._reading._ready.empty()
    with pytest.raises(Fatal, match="told to fail"):
        await asyncio.wait_for(sink.run(), 60)
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics, flight_rows=100)), kafka, topics)
    assert effect(store) == once(600)


@pytest.mark.parametrize("at", [pytest.param(1, id="before its insert"), pytest.param(2, id="after its insert")])
async def test_a_worker_that_was_silent_for_too_long_joins_again(
    kafka: KafkaConnection, topics: Topics, store: Store, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    commit = Sink._commit
    commits = 0

    async def missed(sink: Sink, offsets: dict[TopicPartition, tuple[int, str]]) -> None:
        nonlocal commits
        commits += 1
        if commits == at:
            await send_away(kafka, topics.group)
        await commit(sink, offsets)

    monkeypatch.setattr(Sink, "_commit", missed)
    await fill(kafka, topics.events, records(100))
    with capture_logs() as logged:
        await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    assert [line["session_seconds"] for line in logged if "went on without this worker" in line["event"]] == [6]
    assert effect(store) == once(100)


async def test_a_store_away_for_a_while_is_waited_for(kafka: KafkaConnection, topics: Topics, tmp_path: Path) -> None:
    with ClickHouseFront(tmp_path / "own") as front:
        store = Store.open(front.url, database="away")
        from queries.migrate import Deployment, migrate

        migrate(store, Deployment("server"))
        front.kill()
        await fill(kafka, topics.events, records(100, people=1))
        session = timedelta(seconds=2)
        task = asyncio.create_task(Sink(kafka, StoreWriter(store, 60), options(topics, session=session)).run())
        try:
            with pytest.raises(TimeoutError):  # away for longer than a sink that does not answer keeps its partitions
                await asyncio.wait_for(asyncio.shield(task), 3.5 * session.total_seconds())
            assert set((await committed(kafka, topics)).values()) == {0}
            await asyncio.to_thread(front.start)
            await until(lambda: everything_stored(kafka, topics), 60)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert set((await committed(kafka, topics)).values()) == {100}
        assert effect(store) == once(100)
        store.close()


async def test_a_store_that_stays_away_ends_the_sink_and_loses_nothing(kafka: KafkaConnection, topics: Topics) -> None:
    patient = StoreWriter(_Away(), 1)  # type: ignore[arg-type]  # because an engine in this process cannot be away
    await fill(kafka, topics.events, records(10, people=1))
    with pytest.raises(Fatal, match="Nothing is lost"):
        await asyncio.wait_for(Sink(kafka, patient, options(topics)).run(), 30)
    assert set((await committed(kafka, topics)).values()) == {0}


class _Away:
    """A store that never answers."""

    def insert_arrow(self, table: str, rows: object, token: str) -> None:
        raise StoreAway("ClickHouse does not answer")


async def test_a_poisoned_record_is_in_the_dead_letters_before_its_offset_moves(
    kafka: KafkaConnection, topics: Topics, store: Store, producer: AIOKafkaProducer
) -> None:
    good = records(2, people=1)
    for value, key, headers in [
        (good[0].value, good[0].key, good[0].headers),
        (b"\xff not json", good[0].key, [("mark", b"1")]),
        (good[1].value, good[1].key, good[1].headers),
    ]:
        await producer.send_and_wait(topics.events, value, key=key, headers=headers)
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    assert set((await committed(kafka, topics)).values()) == {3}
    assert effect(store) == once(2)
    (dead,) = await read_all(kafka, topics.dead_letters, 1)
    assert (dead.value, dead.key) == (b"\xff not json", good[0].key)
    why = dict(dead.headers)
    assert (why["mark"], why["idtrail_offset"]) == (b"1", b"1")
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    listed = store.query("SELECT reason, log_topic FROM dead_letters FINAL")
    assert listed == [("invalid_utf8", topics.dead_letters)]


async def test_what_is_stored_forwarded_and_dead_lettered_is_counted(
    kafka: KafkaConnection, topics: Topics, store: Store, producer: AIOKafkaProducer
) -> None:
    names = ("idtrail_events_stored_total", "idtrail_forwarded_total", "idtrail_dead_lettered_total")
    before = [measured(name) for name in names]
    flushes = measured("idtrail_flush_seconds_count")
    await producer.send_and_wait(topics.events, b"not json", key=b"x")
    await fill(kafka, topics.events, records(20))
    task = asyncio.create_task(Sink(kafka, StoreWriter(store, 30), options(topics)).run())
    try:
        await until(lambda: [measured(name) - was for name, was in zip(names, before, strict=True)] == [20, 20, 1], 60)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert measured("idtrail_flush_seconds_count") > flushes
    ((newest,),) = store.query("SELECT max(known_at) FROM events")
    assert measured("idtrail_newest_stored_timestamp_seconds") == pytest.approx(newest.timestamp())


async def test_if_everything_is_poison_the_sink_stops_before_it(
    kafka: KafkaConnection, topics: Topics, store: Store, producer: AIOKafkaProducer
) -> None:
    for _ in range(30):
        await producer.send(topics.events, b"poison", key=b"k")
    await producer.flush()
    with pytest.raises(Fatal, match="30 records in a row"):
        await asyncio.wait_for(Sink(kafka, StoreWriter(store, 30), options(topics, poison_limit=30)).run(), 30)
    assert not any((await committed(kafka, topics)).values())


async def test_a_restart_goes_on_counting_unreadable_records(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    async def put(count: int) -> None:
        await fill(kafka, topics.events, [Record(b"poison", key=b"k")] * count)

    def sink(limit: int = 30, fail_at: int = 0) -> Sink:
        failing = Failing(StoreWriter(store, 30), fail_at)
        return Sink(kafka, failing, options(topics, poison_limit=limit))

    await put(12)
    await run_until_stored(sink(), kafka, topics)
    await put(12)
    with pytest.raises(Fatal, match="told to fail"):  # within a chunk: it is counted once
        await asyncio.wait_for(sink(fail_at=1).run(), 30)
    await run_until_stored(sink(), kafka, topics)
    await put(12)
    for _ in range(2):
        with pytest.raises(Fatal, match="records in a row"):
            await asyncio.wait_for(sink().run(), 30)
        assert sum((await committed(kafka, topics)).values()) < 30
    await run_until_stored(sink(limit=100), kafka, topics)
    assert len(await read_all(kafka, topics.dead_letters, 36)) == 36


async def test_no_timestamp_stops_the_sink_or_drops_an_event(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    future = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    odd = [
        record_of({**event(), "timestamp": timestamp})
        for timestamp in (None, "not a time", "1800-01-01T00:00:00Z", "9999-12-31T23:59:59Z", future, 12)
    ]
    await fill(kafka, topics.events, [*odd, *records(3, people=1)])
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    assert effect(store) == once(len(odd) + 3)
    found = store.query("SELECT time_quality, raw FROM events WHERE time_quality != 'ok'")
    assert {quality for quality, _ in found} <= {"missing", "garbage", "out_of_range", "future"}
    assert sorted(raw.encode() for _, raw in found) == sorted(record.value or b"" for record in odd)


async def test_years_of_history_are_inserted_in_pieces(kafka: KafkaConnection, topics: Topics, store: Store) -> None:
    history = [
        record_of(
            event(
                timestamp=f"{2005 + month // 12}-{month % 12 + 1:02}-10T00:00:00Z",
                resource={"id": "one", "type": "user"},
            )
        )
        for month in range(120)
    ]
    await fill(kafka, topics.events, history)
    await run_until_stored(Sink(kafka, StoreWriter(store, 30), options(topics)), kafka, topics)
    assert effect(store) == once(120)


async def test_metadata_of_another_program_stops_the_sink(kafka: KafkaConnection, topics: Topics, store: Store) -> None:
    await fill(kafka, topics.events, records(1))
    other = AIOKafkaConsumer(topics.events, group_id=topics.group, enable_auto_commit=False, **kafka.options())
    await other.start()
    for place in other.assignment():
        await other.commit({place: (0, "somebody else's")})
    await other.stop()
    with pytest.raises(Fatal, match="another program"):
        await asyncio.wait_for(Sink(kafka, StoreWriter(store, 30), options(topics)).run(), 30)


def test_effect_tells_doubled_rows() -> None:
    assert Effect(2, 1, 1, 1, 1) != once(1)
