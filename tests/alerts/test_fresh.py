"""When alerts are told, and when what they rest on is written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from faust.types import TP

from schemas.alerts import Detected
from streams.agent import FLUSH_EVENTS
from streams.alerts.fresh import AlertDetection
from streams.alerts.index import Rules
from streams.alerts.loading import shipped_rules
from streams.alerts.rule import Rule
from streams.alerts.telling import TOLD
from streams.forwarded import Forwarded
from tests.alerts.test_live import WORKED, Entries, rule
from tests.records import NOON, event, forwarded_of, record_of


class Table(Entries):
    """Remembers what was sent, as Faust's does; it is confirmed when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Any] = []
        self.unconfirmed: list[asyncio.Future[None]] = []

    def put_entry(self, partition: int, key: bytes, value: bytes) -> None:
        super().put_entry(partition, key, value)
        self.unconfirmed.append(asyncio.get_running_loop().create_future())
        self.sent.append(self.unconfirmed[-1])

    async def confirm(self, error: Exception | None = None) -> None:
        """All that was sent has arrived, or was refused."""
        sent, self.unconfirmed = self.unconfirmed, []
        for one in sent:
            one.set_result(None) if error is None else one.set_exception(error)
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # a gathered one is done a turn later

    def written(self) -> dict[bytes, Any]:
        """Entries of groups, without the marks of what was told since."""
        entries = {key: orjson.loads(value) for key, value in self.items()}
        return {key: entry for key, entry in entries.items() if TOLD not in entry}


def failed(number: int) -> Forwarded:
    record = record_of(
        event("user_deprovision", success=False, message_chain={"response_code": "401"}, resource={"id": str(number)})
    )
    return forwarded_of(record)


class Detecting:
    """A detection without a broker, what it told, and how many entries and marks there were by then."""

    def __init__(self) -> None:
        self.told: list[Detected] = []
        self.entries: list[int] = []
        self.marks: list[int] = []
        self.table = Table()
        self.consumer = SimpleNamespace(assignment=set)
        self.detection = self.another(shipped_rules())

    def another(self, rules: Iterable[Rule], clock: Callable[[], float] = time.time) -> AlertDetection:
        """Of another worker."""
        return AlertDetection(
            SimpleNamespace(Table=lambda *_, **__: self.table, consumer=self.consumer),
            Rules(rules),
            horizon=timedelta(hours=24),
            publish=self.publish,
            source="source",
            clock=clock,
        )

    async def publish(self, alerts: Sequence[Detected]) -> None:
        self.told.extend(alerts)
        self.entries.append(len(self.table.written()))
        self.marks.append(len(self.table) - self.entries[-1])

    async def take(self, number: int) -> int:
        """The number-th failure, and how many are confirmed."""
        self.detection.take(0, number, failed(number))
        return await self.detection.flush(number)


@pytest.fixture
def detecting() -> Detecting:
    return Detecting()


@pytest.fixture
def at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries may be written as fast as they come."""
    monkeypatch.setattr("streams.alerts.fresh.WRITE_BYTES", 1_000_000_000_000)


@pytest.mark.usefixtures("at_any_time")
async def test_events_are_done_when_what_was_told_of_them_is_written_and_confirmed(detecting: Detecting) -> None:
    assert await detecting.take(1) == 0
    assert detecting.entries == [0]  # told first
    assert detecting.marks == [1]  # but not unmarked
    assert detecting.table.written()
    assert await detecting.detection.flush(1) == 0
    await detecting.table.confirm()
    assert await detecting.detection.flush(1) == 1


@pytest.mark.usefixtures("at_any_time")
async def test_what_is_told_next_does_not_wait_for_entries_that_are_on_their_way(detecting: Detecting) -> None:
    await detecting.take(1)
    before, told = detecting.table.written(), len(detecting.told)
    assert await detecting.take(2) == 0
    assert len(detecting.told) > told
    assert detecting.table.written() == before
    await detecting.table.confirm()
    assert await detecting.detection.flush(2) == 1  # the second's entries are on their way only now
    assert detecting.table.written().keys() > before.keys()
    await detecting.table.confirm()
    assert await detecting.detection.flush(2) == 2


@pytest.mark.usefixtures("at_any_time")
async def test_entries_that_the_log_refuses_end_the_worker(detecting: Detecting) -> None:
    await detecting.take(1)
    await detecting.table.confirm(ConnectionError("gone"))
    with pytest.raises(ConnectionError, match="gone"):
        await detecting.detection.flush(1)


@pytest.mark.parametrize(
    ("end", "committed", "told"),
    [
        pytest.param(None, 8, set(), id="not known yet what is to be read"),
        pytest.param(9, 8, set(), id="the last is to be read"),
        pytest.param(8, 8, {"unanswered"}, id="all is read"),
    ],
)
async def test_whoever_takes_over_does_not_believe_in_an_absence_before_all_is_read(
    detecting: Detecting, end: int | None, committed: int, told: set[str]
) -> None:
    rules = [rule("unanswered", kind="absence", window="20m", then=WORKED, group_by=["subject_id"])]
    first = detecting.another(rules, NOON.timestamp)
    first.take(0, 7, failed(1))
    await first.flush(1)
    assert not detecting.told
    place = TP("source", 0)
    detecting.consumer.assignment = lambda: {place}
    detecting.consumer.highwater = {place: end}.get
    detecting.consumer._committed_offset = {place: committed}
    second = detecting.another(rules)
    list(second.restore([0]))
    for _ in range(2):  # the first finds out when to look at what it has restored
        await second.flush(0)
    assert {one.rule_id for one in detecting.told} == told


async def test_entries_are_written_no_faster_than_the_log_can_bear(
    detecting: Detecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.alerts.fresh.WRITE_BYTES", 10)  # a second: the first entries take minutes
    await detecting.take(1)
    await detecting.table.confirm()
    before, told = detecting.table.written(), len(detecting.told)
    assert await detecting.take(2) == 1
    assert len(detecting.told) > told
    assert detecting.table.written() == before
    await detecting.detection.flush(FLUSH_EVENTS)
    assert detecting.table.written() == before
    await detecting.detection.flush(FLUSH_EVENTS + 1)  # so many wait that nothing more is read
    assert detecting.table.written().keys() > before.keys()
