"""Faust's consumer hands every record to the agent, also those that come while it seeks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from schemas.kafka import KafkaConnection
from streams.consumer import SteadyConsumer
from streams.worker import make_app

COMMITTED = TP("provisioning", 0)
NEW = TP("provisioning", 1)


class Thread:
    """Stands for the thread that speaks to Kafka: what it is asked for, and answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.places: Set[TP] = set()
        self.records: dict[TP, list[Any]] = {}
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def getmany(self, places: Set[TP], seconds: float) -> dict[TP, list[Any]]:
        self.places = places
        await self._work("fetch")
        return self.records

    async def seek_to_committed(self) -> dict[TP, int | None]:
        await self._work("seek")
        return {COMMITTED: 400, NEW: None}

    async def earliest_offsets(self, *places: TP) -> dict[TP, int]:
        return dict.fromkeys(places, 0)

    async def seek_wait(self, offsets: Mapping[TP, int]) -> None:
        await self._work(f"seek {[(place.partition, offset) for place, offset in offsets.items()]}")

    def assignment(self) -> set[TP]:
        return {COMMITTED, NEW}

    def highwater(self, place: TP) -> int:
        return 1_000

    async def _work(self, name: str) -> None:
        self.asked.append(name)
        await self.go_on.wait()
        self.asked.append(f"{name} done")


@pytest.fixture
def thread() -> Thread:
    return Thread()


@pytest.fixture
async def consumer(tmp_path: Path, thread: Thread) -> SteadyConsumer:
    app = make_app(KafkaConnection("127.0.0.1:1"), "consumer-test", tmp_path)
    made = app.consumer
    assert isinstance(made, SteadyConsumer)
    made._thread.thread_loop.close()  # a loop of its own, that nobody runs here
    made._thread = thread
    made._set_active_tps({COMMITTED, NEW})
    made.resume_flow()
    return made


async def settled() -> None:
    """Everything has run as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_nothing_is_fetched_from_a_seek_until_the_flow_is_resumed(
    consumer: SteadyConsumer, thread: Thread
) -> None:
    await consumer.perform_seek()
    fetch = asyncio.ensure_future(consumer._getmany({COMMITTED}, 1))
    await settled()
    assert "fetch" not in thread.asked
    consumer.resume_flow()
    await fetch
    assert thread.asked[-1] == "fetch done"


async def test_a_seek_waits_for_a_fetch_even_when_nobody_waits_for_that_any_more(
    consumer: SteadyConsumer, thread: Thread
) -> None:
    thread.go_on.clear()
    fetch = asyncio.ensure_future(consumer._getmany({COMMITTED}, 1))
    await settled()
    fetch.cancel()
    seek = asyncio.ensure_future(consumer.perform_seek())
    await settled()
    assert thread.asked == ["fetch"]
    thread.go_on.set()
    await seek
    assert thread.asked[:3] == ["fetch", "fetch done", "seek"]


async def test_what_was_fetched_before_a_seek_is_not_handed_out_after_it(
    consumer: SteadyConsumer, thread: Thread
) -> None:
    stamps = {"timestamp": 0, "timestamp_type": 1, "headers": (), "key": b"", "value": b"", "checksum": None}
    thread.records = {
        COMMITTED: [
            SimpleNamespace(
                topic=COMMITTED.topic, partition=0, offset=n, serialized_key_size=0, serialized_value_size=0, **stamps
            )
            for n in range(400, 404)
        ]
    }
    handed = []
    async for _, message in consumer.getmany(1):
        handed.append(message.offset)
        if message.offset == 401:
            await consumer.perform_seek()
    assert handed == [400, 401]


async def test_a_partition_that_was_never_committed_is_sought_to_its_beginning(
    consumer: SteadyConsumer, thread: Thread
) -> None:
    await consumer.perform_seek()
    assert "seek [(1, 0)] done" in thread.asked


async def test_a_fetch_keeps_to_the_partitions_that_were_active_when_it_began(
    consumer: SteadyConsumer, thread: Thread
) -> None:
    active = {COMMITTED}
    thread.go_on.clear()
    fetch = asyncio.ensure_future(consumer._getmany(active, 1))
    await settled()
    active.clear()
    assert thread.places == {COMMITTED}
    thread.go_on.set()
    await fetch


def test_its_own_lines_are_as_quiet_as_the_rest_of_fausts() -> None:
    assert SteadyConsumer.logger.name.startswith("faust.")


class Stopping:
    """An aiokafka consumer that ends as `how` says, with the client that it should have closed."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.closed = False
        self._client = SimpleNamespace(close=self._close)

    async def _close(self) -> None:
        self.closed = True

    async def stop(self) -> None:
        if self.how == "takes a fetch's end for its own":
            raise asyncio.CancelledError
        if self.how == "waits for its group for ever":
            await asyncio.Event().wait()
        await self._client.close()


async def test_consumer_and_thread_say_no_more_than_faust_does(consumer: SteadyConsumer) -> None:
    thread = consumer._new_consumer_thread()
    thread.thread_loop.close()
    assert {made.log.logger.name.partition(".")[0] for made in (consumer, thread)} == {"faust"}


@pytest.mark.parametrize("how", ["ends", "takes a fetch's end for its own", "waits for its group for ever"])
async def test_the_thread_ends_however_its_consumer_does(
    consumer: SteadyConsumer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("streams.consumer.LEAVE_SECONDS", 0.05)
    thread = consumer._new_consumer_thread()
    thread._consumer = stopping = Stopping(how)
    try:
        await thread.on_thread_stop()
    finally:
        thread.thread_loop.close()
    assert stopping.closed


async def room() -> str:
    return "handed on"


async def test_a_record_that_the_agent_has_room_for_is_handed_on_without_a_wait(consumer: SteadyConsumer) -> None:
    before = asyncio.all_tasks()
    handing = consumer.wait_first(room(), asyncio.Event().wait())
    with pytest.raises(StopIteration) as ended:
        handing.send(None)
    assert (ended.value.value.results, ended.value.value.stopped) == (["handed on"], False)
    assert asyncio.all_tasks() == before


async def test_a_record_waits_for_room_and_is_handed_on_then(consumer: SteadyConsumer) -> None:
    full = asyncio.Event()

    async def hand_on() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
            await full.wait()
        return "handed on"

    handing = asyncio.ensure_future(consumer.wait_first(hand_on(), asyncio.Event().wait()))
    await settled()
    assert not handing.done()
    full.set()
    assert (await handing).results == ["handed on"]


async def test_a_record_that_waits_for_room_is_let_go_of_when_the_flow_ends(consumer: SteadyConsumer) -> None:
    suspended, ended = asyncio.Event(), []

    async def hand_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("let go")

    handing = asyncio.ensure_future(consumer.wait_first(hand_on(), suspended.wait()))
    await settled()
    suspended.set()
    await handing
    await settled()
    assert ended == ["let go"]


async def test_a_record_that_cannot_be_handed_on_says_so(consumer: SteadyConsumer) -> None:
    async def hand_on() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError, match="a defect"):
        await consumer.wait_first(hand_on(), asyncio.Event().wait())


def test_a_worker_makes_its_state_directory_for_itself_alone(tmp_path: Path) -> None:
    place = tmp_path / "none" / "yet"

    make_app(KafkaConnection("127.0.0.1:1"), "state-test", place)

    assert place.stat().st_mode & 0o777 == 0o700
