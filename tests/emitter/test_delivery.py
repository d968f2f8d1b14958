"""Order and completeness without a broker: an uplink that fails as a script says, and a real spool."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.delivery import Delivery, Outcome
from producers.spool import Record, Spool
from producers.uplink import Flight, Place, Uplink
from schemas.errors import BrokerAway, BrokerRefuses, Fatal
from tests.emitter.support import FullDisk, clock, until

PARTITIONS = 3


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.delivery.WAITS", (0,))


@dataclass
class Broker:
    """What is on the log, and what goes wrong next."""

    log: list[list[Record]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    away: bool = False
    crashes: list[tuple[int, int]] = field(default_factory=list)
    """For each coming flight that crashes: records written a partition, and how many of those unconfirmed."""
    connects: int = 0
    refuses: bool = False

    async def connect(self) -> Uplink:
        self.connects += 1
        await asyncio.sleep(0)
        if self.refuses:
            raise BrokerRefuses("correct IDTRAIL_KAFKA_SASL_PASSWORD")
        if self.away:
            raise BrokerAway("the broker is away")
        return FakeUplink(self)


class FakeUplink(Uplink):
    """Writes a partition's records from the first on, as the real one does."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._usable = True

    async def fly(self, records: Sequence[Record]) -> Flight:
        assert self._usable, "a flight with trouble breaks the order: its uplink must not fly again"
        places: list[Place | None] = [None] * len(records)
        await asyncio.sleep(0)
        if self._broker.away:
            self._usable = False
            return Flight(places, "no answer")
        written, unconfirmed = self._broker.crashes.pop(0) if self._broker.crashes else (len(records), 0)
        counts = [0] * PARTITIONS
        for index, record in enumerate(records):
            partition = record.key[0] % PARTITIONS
            if counts[partition] < written:
                counts[partition] += 1
                self._broker.log[partition].append(record)
                if counts[partition] <= written - unconfirmed:
                    places[index] = Place(partition, len(self._broker.log[partition]) - 1)
        self._usable = None not in places
        return Flight(places, "" if self._usable else "the connection broke")

    async def close(self) -> None:
        self._usable = False


def record(number: int) -> Record:
    return Record("idtrail.events", bytes([97 + number % 5]), b"%d" % number, [])


def first_appearances(broker: Broker) -> list[list[bytes]]:
    """Of each partition, the values without their repeats."""
    return [list(dict.fromkeys(each.value for each in log)) for log in broker.log]


def expected(count: int) -> list[list[bytes]]:
    """Every value, each partition's in the order of acceptance."""
    lanes: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for number in range(count):
        each = record(number)
        lanes[each.key[0] % PARTITIONS].append(each.value)
    return lanes


class Running:
    """A delivery with a spool of its own, started and stopped."""

    def __init__(self, broker: Broker, path: Path, max_bytes: int = 10**6) -> None:
        self.delivery = Delivery(broker.connect, Spool(path, max_bytes), clock)

    async def __aenter__(self) -> Delivery:
        await self.delivery.start()
        return self.delivery

    async def __aexit__(self, *_: object) -> None:
        await self.delivery.stop()


async def outcomes(delivery: Delivery, numbers: Sequence[int]) -> list[Outcome]:
    return await (await delivery.accept([record(number) for number in numbers]))


async def test_while_records_are_spooled_newer_ones_go_behind_them(tmp_path: Path) -> None:
    broker = Broker()
    async with Running(broker, tmp_path / "spool") as delivery:
        assert all(isinstance(each, Place) for each in await outcomes(delivery, range(4)))
        broker.away = True
        assert all(isinstance(each, int) for each in await outcomes(delivery, range(4, 8)))
        assert all(isinstance(each, int) for each in await outcomes(delivery, range(8, 12)))
        status = delivery.status()
        assert (status.state, status.depth, status.oldest) == ("spooling", 8, clock())
        assert status.trouble
        broker.away = False
        await until(lambda: delivery.status().state == "logging")
        assert delivery.status().depth == 0
        assert all(isinstance(each, Place) for each in await outcomes(delivery, range(12, 16)))
    assert first_appearances(broker) == expected(16)


async def test_a_flight_that_breaks_says_logged_only_of_what_was_confirmed(tmp_path: Path) -> None:
    broker = Broker(crashes=[(3, 1)])
    async with Running(broker, tmp_path / "spool") as delivery:
        found = await outcomes(delivery, range(30))
        assert sum(isinstance(each, Place) for each in found) == 2 * PARTITIONS
        assert sum(isinstance(each, int) for each in found) == 30 - 2 * PARTITIONS
        await until(lambda: delivery.status().state == "logging")
    assert first_appearances(broker) == expected(30)


async def test_a_broker_that_refuses_from_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BrokerRefuses, match="IDTRAIL_KAFKA_SASL_PASSWORD"):
        await Running(Broker(refuses=True), tmp_path / "spool.sqlite3").delivery.start()


async def test_one_that_refuses_later_costs_no_record_and_is_named_until_it_lets_in(tmp_path: Path) -> None:
    broker = Broker()
    async with Running(broker, tmp_path / "spool.sqlite3") as delivery:
        assert isinstance((await outcomes(delivery, [0]))[0], Place)
        broker.refuses = broker.away = True
        assert await outcomes(delivery, range(1, 40)) == list(range(1, 40))
        await until(lambda: "IDTRAIL_KAFKA_SASL_PASSWORD" in delivery.status().trouble)
        broker.refuses = broker.away = False
        await until(lambda: delivery.status().state == "logging")
    assert first_appearances(broker) == expected(40)


async def test_a_record_spooled_just_before_the_drain_ends_is_drained_too(tmp_path: Path) -> None:
    class Late(Spool):
        """Lets one more record in between the drain's last look and its end."""

        done = False

        async def peek(self, max_records: int, max_bytes: int) -> list[tuple[int, Record]]:
            found = await super().peek(max_records, max_bytes)
            if not found and not self.done:
                self.done = True
                await delivery.accept([record(1)])
                await until(lambda: self.depth() == 1)
            return found

    broker = Broker(away=True)
    delivery = Delivery(broker.connect, Late(tmp_path / "spool"), clock)
    await delivery.start()
    try:
        await outcomes(delivery, [0])
        broker.away = False
        await until(lambda: delivery.status().state == "logging")
        assert delivery.status().depth == 0
    finally:
        await delivery.stop()
    assert first_appearances(broker) == expected(2)


async def test_a_full_spool_takes_nothing_more_and_loses_nothing_it_took(tmp_path: Path) -> None:
    broker = Broker(away=True)
    room = sum(record(number).size() for number in range(3))
    async with Running(broker, tmp_path / "spool", room) as delivery:
        found = await outcomes(delivery, range(5))
        assert [isinstance(each, int) for each in found] == [True, True, True, False, False]
        assert [str(each).partition(" (")[0] for each in found[3:]] == [
            f"Kafka is away and its spool {tmp_path / 'spool'} has no room"
        ] * 2
        broker.away = False
        await until(lambda: delivery.status().state == "logging")
    assert first_appearances(broker) == expected(3)


async def test_a_full_disk_refuses_by_its_name_and_holds_up_nothing_once_the_broker_is_back(
    tmp_path: Path, full_disk: FullDisk
) -> None:
    broker = Broker(away=True)
    path = tmp_path / "spool"
    async with Running(broker, path) as delivery:
        await outcomes(delivery, range(4))
        full_disk.full = True
        assert set(await outcomes(delivery, range(4, 6))) == {
            f"Kafka is away and the disk of its spool {path} is full: the record was not accepted. "
            "Bring the broker back, or make room there"
        }
        broker.away = False
        await until(lambda: delivery.status().state == "logging")
        assert all(isinstance(each, Place) for each in await outcomes(delivery, range(4, 8)))
        assert (delivery.status().depth, delivery.broken) == (0, None)
        full_disk.full = False
    async with Running(broker, path) as delivery:
        assert delivery.status().depth == 0
    assert [each.value for log in broker.log for each in log] == list(chain(*expected(8))), "each once"


async def test_what_waits_for_its_turn_at_the_end_is_logged_or_spooled(tmp_path: Path) -> None:
    broker = Broker()
    running = Running(broker, tmp_path / "spool")
    async with running as delivery:
        answers = [await delivery.accept([record(number)]) for number in range(50)]
    assert all(isinstance(answer.result()[0], Place) for answer in answers)
    with pytest.raises(Fatal, match="not running"):
        await running.delivery.accept([record(50)])


async def test_a_caller_that_gives_up_does_not_take_its_record_back(tmp_path: Path) -> None:
    broker = Broker()
    async with Running(broker, tmp_path / "spool") as delivery:
        (await delivery.accept([record(0)])).cancel()
        await outcomes(delivery, [1])
    assert first_appearances(broker) == expected(2)


async def test_an_unexpected_error_is_told_to_every_caller_and_ends_the_delivery(tmp_path: Path) -> None:
    class Broken(FakeUplink):
        async def fly(self, records: Sequence[Record]) -> Flight:
            raise RuntimeError("a defect")

    broker = Broker()

    async def connect() -> Uplink:
        return Broken(broker)

    delivery = Delivery(connect, Spool(tmp_path / "spool"), clock)
    await delivery.start()
    answers = [await delivery.accept([record(number)]) for number in range(3)]
    for answer in answers:
        with pytest.raises(Fatal, match="a defect"):
            await answer
    with pytest.raises(Fatal, match="a defect"):
        await delivery.accept([record(3)])
    assert "a defect" in str(delivery.broken)
    with pytest.raises(Fatal, match="a defect"):
        await delivery.died()
    await delivery.stop()


Step = tuple[str, int, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("emit"), st.integers(1, 12), st.just(0)),
        st.tuples(st.just("crash"), st.integers(0, 4), st.integers(0, 2)),
        st.tuples(st.sampled_from(["leave", "return", "restart", "turn"]), st.integers(1, 5), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_whatever_the_broker_does_every_record_arrives_in_the_order_of_its_key(script: list[Step]) -> None:
    async def play(path: Path) -> None:
        broker = Broker()
        running = Running(broker, path)
        await running.__aenter__()
        answers: list[asyncio.Future[list[Outcome]]] = []
        count = 0
        try:
            for what, first, second in script:
                if what == "emit":
                    answers.append(await running.delivery.accept([record(count + each) for each in range(first)]))
                    count += first
                elif what == "crash":
                    broker.crashes.append((first, min(first, second)))
                elif what in ("leave", "return"):
                    broker.away = what == "leave"
                elif what == "restart":
                    await running.__aexit__(None, None, None)
                    running = Running(broker, path)
                    await running.__aenter__()
                else:
                    for _ in range(first):
                        await asyncio.sleep(0)
            broker.away = False
            for answer in answers:
                assert all(isinstance(each, Place | int) for each in await answer)
            await until(lambda: running.delivery.status().state == "logging")
        finally:
            await running.__aexit__(None, None, None)
        assert first_appearances(broker) == expected(count)

    # No fixture: hypothesis runs this many times, each with a spool of its own.
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr("producers.delivery.WAITS", (0,))
        asyncio.run(play(Path(directory) / "spool"))
