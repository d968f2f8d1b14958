"""The emitter on a real broker: receipts are true, and a broker that goes costs nothing but time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from producers.emitter import MAX_INLINE_BYTES, MAX_RECORD_BYTES, Emitter, Receipt
from producers.spool import Spool
from schemas.envelope import Envelope, Source, seal
from schemas.errors import MalformedRecord, RecordError, SpoolFull
from schemas.kafka import KafkaConnection
from tests.emitter.broker import OwnBroker
from tests.emitter.conftest import Topics
from tests.emitter.support import SOURCE, by_key, clock, ids_on, raw_events, read_log, until
from tests.measured import measured
from tests.records import event

pytestmark = pytest.mark.kafka

NOWHERE = KafkaConnection("127.0.0.1:1")
GIVEN_UP_SECONDS = 2
"""Where a broker is away. One that is there may be as slow as it likes."""


def emitter_on(topics: Topics, path: Path, *, max_bytes: int = 10**8, answer_seconds: float = 30) -> Emitter:
    spool = Spool(path / "spool", max_bytes)
    return Emitter(topics.connection, spool, clock, topics.events, topics.dead_letters, answer_seconds=answer_seconds)


def expected_by_key(raws: list[bytes]) -> dict[bytes, list[bytes]]:
    return by_key([seal(raw, SOURCE, clock()) for raw in raws])


async def test_a_receipt_names_the_place_where_the_sealed_record_is(topics: Topics, tmp_path: Path) -> None:
    raws = raw_events(20)
    async with emitter_on(topics, tmp_path) as emitter:
        receipts = [await emitter.emit(raw, SOURCE) for raw in raws]
    found = {(record.partition, record.offset): record for record in await read_log(topics.connection, topics.events)}
    assert len(found) == 20
    for raw, receipt in zip(raws, receipts, strict=True):
        assert (receipt.state, receipt.topic) == ("logged", topics.events)
        assert receipt.partition is not None
        assert receipt.offset is not None
        record = found[receipt.partition, receipt.offset]
        envelope = seal(raw, SOURCE, clock())
        assert record.value == envelope.value == raw
        assert record.key == envelope.key
        assert list(record.headers) == envelope.headers
        assert receipt.event_id == envelope.event_id


async def test_events_of_one_key_share_a_partition_with_every_other_client(topics: Topics, tmp_path: Path) -> None:
    from aiokafka import AIOKafkaProducer

    raw = raw_events(1)[0]
    async with emitter_on(topics, tmp_path) as emitter:
        receipt = await emitter.emit(raw, SOURCE)
    async with AIOKafkaProducer(**topics.connection.options()) as producer:
        other = await producer.send_and_wait(topics.events, raw, key=seal(raw, SOURCE, clock()).key)
    assert other.partition == receipt.partition


async def test_mappings_are_written_once_and_what_cannot_be_written_is_refused(topics: Topics, tmp_path: Path) -> None:
    record = event()
    async with emitter_on(topics, tmp_path) as emitter:
        receipt = await emitter.emit(record, SOURCE)
        assert receipt.state == "logged"
        with pytest.raises(MalformedRecord, match="JSON"):
            await emitter.emit({**record, "id": object()}, SOURCE)
    (found,) = await read_log(topics.connection, topics.events)
    assert found.value == orjson.dumps(record)


async def test_many_are_counted_and_the_refused_named_by_their_index(topics: Topics, tmp_path: Path) -> None:
    raws = raw_events(2_000)
    raws[3] = b"not json"
    raws[1_999] = orjson.dumps(event(organization="f" * 24))
    raws[700] = orjson.dumps(event(detail="x" * MAX_RECORD_BYTES))
    receipts = measured("idtrail_receipts_total", state="logged")
    async with emitter_on(topics, tmp_path) as emitter:
        batch = await emitter.emit_many(iter(raws), SOURCE)
    assert (batch.logged, batch.spooled) == (1_997, 0)
    assert measured("idtrail_receipts_total", state="logged") == receipts + 1_997
    assert [(index, error.reason) for index, error in batch.refused] == [
        (3, "not_json"),
        (700, "too_large"),
        (1_999, "foreign_organization"),
    ]
    assert batch.by_type == {"user_update_provision": 1_997}
    good = [raw for index, raw in enumerate(raws) if index not in (3, 700, 1_999)]
    assert by_key(await read_log(topics.connection, topics.events)) == expected_by_key(good)


async def test_five_thousand_emits_at_once_get_a_place_each(topics: Topics, tmp_path: Path) -> None:
    raws = raw_events(5_000, people=50)
    async with emitter_on(topics, tmp_path) as emitter:
        receipts = await asyncio.gather(*(emitter.emit(raw, SOURCE) for raw in raws))
    assert len({(receipt.partition, receipt.offset) for receipt in receipts}) == 5_000
    log = await read_log(topics.connection, topics.events)
    assert len(log) == 5_000
    assert by_key(log) == expected_by_key(raws)


async def test_while_many_or_large_records_are_sealed_the_event_loop_runs_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.emitter.SEAL_SECONDS", 0)  # as if each took as long
    small = raw_events(20)
    large = [orjson.dumps(event(id=str(number), text="x" * MAX_INLINE_BYTES)) for number in range(2)]
    turns = 0
    sealed: list[tuple[int, bool]] = []

    def seal_seen(raw: bytes, source: Source, at: datetime) -> Envelope:
        sealed.append((turns, threading.current_thread() is threading.main_thread()))
        return seal(raw, source, at)

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    monkeypatch.setattr("producers.emitter.seal", seal_seen)
    others = asyncio.create_task(count())
    async with Emitter(NOWHERE, Spool(tmp_path / "spool", 10**8), clock, answer_seconds=0.1) as emitter:
        batch = await emitter.emit_many([*small, *large], SOURCE)
        await emitter.emit(large[0], SOURCE)
    others.cancel()

    assert batch.spooled == 22
    assert len({turn for turn, _ in sealed[:20]}) == 20
    assert [inline for _, inline in sealed] == [True] * 20 + [False] * 3


async def test_a_dead_letter_keeps_the_bytes_and_says_why(topics: Topics, tmp_path: Path) -> None:
    reason = RecordError("cannot be read", reason="not_json")
    huge = b"\x00\xff" * MAX_RECORD_BYTES
    async with emitter_on(topics, tmp_path) as emitter:
        receipt = await emitter.dead_letter(b"\xff not \x00 json", SOURCE, reason, "line 7")
        await emitter.dead_letter(huge, SOURCE, reason, "line 8")
        await emitter.dead_letter(b'{"the beginning', SOURCE, reason, "line 9", size=800_000)
    log = await read_log(topics.connection, topics.dead_letters)
    small, large, part = sorted(log, key=lambda record: record.offset)
    assert (receipt.state, receipt.partition, receipt.offset) == ("logged", small.partition, small.offset)
    assert small.value == b"\xff not \x00 json"
    headers = dict(small.headers)
    assert headers["idtrail_reason"] == b"not_json"
    assert headers["idtrail_position"] == b"line 7"
    assert huge.startswith(large.value), "its beginning, where the whole is too large for the log"
    assert dict(large.headers)["idtrail_truncated_from"] == str(len(huge)).encode()
    assert "idtrail_truncated_from" not in headers
    assert (part.value, dict(part.headers)["idtrail_truncated_from"]) == (b'{"the beginning', b"800000")


async def test_a_stopped_broker_costs_time_but_neither_records_nor_order(
    broker: OwnBroker, topics: Topics, tmp_path: Path
) -> None:
    raws = raw_events(400)
    async with emitter_on(topics, tmp_path, answer_seconds=GIVEN_UP_SECONDS) as emitter:
        assert (await emitter.emit_many(raws[:100], SOURCE)).logged == 100
        broker.kill()
        began = time.monotonic()
        receipts = [await emitter.emit(raw, SOURCE) for raw in raws[100:120]]
        assert time.monotonic() - began < 3 * GIVEN_UP_SECONDS, "only the first waits for an answer"
        assert {receipt.state for receipt in receipts} == {"spooled"}
        assert [receipt.position for receipt in receipts] == sorted({r.position for r in receipts if r.position})
        assert (await emitter.emit_many(raws[120:300], SOURCE)).spooled == 180
        status = emitter.status()
        assert (status.state, status.depth) == ("spooling", 200)
        broker.start()
        await until(lambda: emitter.status().state == "logging", 60)
        assert (await emitter.emit_many(raws[300:], SOURCE)).logged == 100
    assert by_key(await read_log(topics.connection, topics.events)) == expected_by_key(raws)


async def test_a_broker_killed_in_the_middle_of_a_batch_loses_and_reorders_nothing(
    broker: OwnBroker, topics: Topics, tmp_path: Path
) -> None:
    raws = raw_events(10_000, people=40)
    async with emitter_on(topics, tmp_path, answer_seconds=GIVEN_UP_SECONDS) as emitter:
        taken = 0

        def counted() -> Iterator[bytes]:
            nonlocal taken
            for raw in raws:
                taken += 1
                yield raw

        task = asyncio.create_task(emitter.emit_many(counted(), SOURCE))
        await until(lambda: taken > 4_000)
        await asyncio.to_thread(broker.kill)
        batch = await task
        assert batch.logged + batch.spooled == 10_000
        assert batch.logged
        assert batch.spooled
        broker.start()
        await until(lambda: emitter.status().state == "logging", 60)
    log = await read_log(topics.connection, topics.events)
    assert len(ids_on(log)) == 10_000
    assert by_key(log) == expected_by_key(raws)


async def test_a_frozen_broker_is_given_up_in_time_and_no_repeat_overtakes(
    broker: OwnBroker, topics: Topics, tmp_path: Path
) -> None:
    raws = raw_events(60)
    async with emitter_on(topics, tmp_path, answer_seconds=GIVEN_UP_SECONDS) as emitter:
        await emitter.emit_many(raws[:20], SOURCE)
        broker.freeze()
        try:
            began = time.monotonic()
            receipt = await emitter.emit(raws[20], SOURCE)
            assert receipt.state == "spooled"
            assert time.monotonic() - began < 3 * GIVEN_UP_SECONDS
            assert (await emitter.emit_many(raws[21:40], SOURCE)).spooled == 19
        finally:
            broker.thaw()
        await until(lambda: emitter.status().state == "logging", 60)
        assert (await emitter.emit_many(raws[40:], SOURCE)).logged == 20
    assert by_key(await read_log(topics.connection, topics.events)) == expected_by_key(raws)


async def test_it_starts_without_a_broker_and_its_spool_is_drained_by_the_next_start(
    topics: Topics, tmp_path: Path
) -> None:
    raws = raw_events(30)
    away = Topics(NOWHERE, topics.events, topics.dead_letters)
    receipts = measured("idtrail_receipts_total", state="spooled")
    async with emitter_on(away, tmp_path, answer_seconds=GIVEN_UP_SECONDS) as emitter:
        assert "127.0.0.1:1" in emitter.status().trouble
        assert (await emitter.emit_many(raws[:20], SOURCE)).spooled == 20
        letter = await emitter.dead_letter(b"?", SOURCE, RecordError("no", reason="no"), "0")
        assert letter == Receipt.spooled(topics.dead_letters, 21, None)
        await emitter.let_drain()  # ends at once: nobody waits for a broker that is away
        assert emitter.status().depth == 21
    assert measured("idtrail_receipts_total", state="spooled") == receipts + 21
    assert measured("idtrail_spool_records") == 21
    assert measured("idtrail_spool_bytes") > 21
    async with emitter_on(topics, tmp_path) as emitter:
        await emitter.emit_many(raws[20:], SOURCE)
        await emitter.let_drain()  # ends, whether the spool is empty by then or the machine too busy
        await until(lambda: emitter.status().state == "logging")
    assert measured("idtrail_spool_records") == 0
    assert by_key(await read_log(topics.connection, topics.events)) == expected_by_key(raws)
    assert len(await read_log(topics.connection, topics.dead_letters)) == 1


async def test_a_missing_topic_is_said_and_nothing_is_lost(topics: Topics, tmp_path: Path) -> None:
    missing = Topics(topics.connection, "no-such-topic", topics.dead_letters)
    async with emitter_on(missing, tmp_path, answer_seconds=0.5) as emitter:
        assert (await emitter.emit(raw_events(1)[0], SOURCE)).state == "spooled"
        assert "no-such-topic" in emitter.status().trouble


async def test_a_missing_topic_keeps_back_its_own_records_only(topics: Topics, tmp_path: Path) -> None:
    missing = Topics(topics.connection, topics.events, "no-such-topic")
    raws = raw_events(3)
    async with emitter_on(missing, tmp_path, answer_seconds=GIVEN_UP_SECONDS) as emitter:
        assert (await emitter.emit(raws[0], SOURCE)).state == "logged"
        letter = emitter.dead_letter(b"?", SOURCE, RecordError("no", reason="no"), "0")
        assert {(await letter).state, (await emitter.emit(raws[1], SOURCE)).state} == {"spooled"}
        assert "no-such-topic" in emitter.status().trouble
        await until(lambda: emitter.status().depth == 1)
        await emitter.emit(raws[2], SOURCE)  # goes behind the letter, and past it
        await until(lambda: emitter.status().depth == 1)
    assert by_key(await read_log(topics.connection, topics.events)) == expected_by_key(raws)


async def test_a_full_spool_refuses_with_a_sentence_that_names_the_fix(tmp_path: Path) -> None:
    away = Topics(NOWHERE, "events", "dead-letters")
    raws = raw_events(10)
    async with emitter_on(away, tmp_path, max_bytes=5_000, answer_seconds=GIVEN_UP_SECONDS) as emitter:
        with pytest.raises(SpoolFull, match=r"spool .* no room .* Bring the broker back"):
            await emitter.emit_many(raws, SOURCE)
        kept = emitter.status().depth
        assert 0 < kept < 10
        with pytest.raises(SpoolFull):
            await emitter.emit(raws[0], SOURCE)
        assert emitter.status().depth == kept


CHILD = """
import asyncio, sys
from pathlib import Path
from producers.emitter import Emitter
from producers.spool import Spool
from schemas.kafka import KafkaConnection
from tests.emitter.support import SOURCE, clock

async def main():
    connection = KafkaConnection(sys.argv[1])
    async with Emitter(connection, Spool(Path(sys.argv[2])), clock, sys.argv[3], sys.argv[4]) as emitter:
        for line in sys.stdin.buffer:
            receipt = await emitter.emit(line.rstrip(), SOURCE)
            print("receipt", receipt.event_id, receipt.state, flush=True)
        print("done", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def _killed_after(
    lines: int, connection: KafkaConnection, topics: Topics, path: Path, raws: list[bytes]
) -> list[tuple[UUID, str]]:
    """What a process that emits `raws` had receipts for when it was killed."""
    arguments = [connection.bootstrap, str(path / "spool"), topics.events, topics.dead_letters]
    process = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    found: list[tuple[UUID, str]] = []
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n".join(raws) + b"\n")
        process.stdin.close()
        while len(found) < lines:
            line = process.stdout.readline().decode()
            assert line, "it ended too early"
            if line.startswith("receipt "):
                _, event_id, state = line.split()
                found.append((UUID(event_id), state))
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    return found


async def test_a_process_killed_after_its_receipts_has_lost_nothing(topics: Topics, tmp_path: Path) -> None:
    raws = raw_events(50)
    receipts = await asyncio.to_thread(_killed_after, 40, NOWHERE, topics, tmp_path, raws)
    assert {state for _, state in receipts} == {"spooled"}
    async with emitter_on(topics, tmp_path) as emitter:
        await until(lambda: emitter.status().state == "logging")
    log = await read_log(topics.connection, topics.events)
    assert {event_id for event_id, _ in receipts} <= set(ids_on(log))
    for key, values in by_key(log).items():
        assert values == expected_by_key(raws)[key][: len(values)]


async def test_a_process_killed_while_it_drains_repeats_but_loses_nothing(topics: Topics, tmp_path: Path) -> None:
    raws = raw_events(10_000, people=40)
    away = Topics(NOWHERE, topics.events, topics.dead_letters)
    async with emitter_on(away, tmp_path, answer_seconds=GIVEN_UP_SECONDS) as emitter:
        assert (await emitter.emit_many(raws, SOURCE)).spooled == 10_000
    # It has a receipt for one more record, and is in the middle of the drain.
    more = raw_events(1)
    receipts = await asyncio.to_thread(_killed_after, 1, topics.connection, topics, tmp_path, more)
    async with emitter_on(topics, tmp_path) as emitter:
        await until(lambda: emitter.status().state == "logging", 60)
    log = await read_log(topics.connection, topics.events)
    assert {event_id for event_id, _ in receipts} <= set(ids_on(log))
    assert len(ids_on(log)) == 10_001
    assert by_key(log) == expected_by_key(raws + more)
