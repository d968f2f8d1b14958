"""The spool alone: what it accepted is there, in order, once, within its bound, whoever was killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from producers.spool import RESERVE_BYTES, Record, Spool
from schemas.errors import AlreadyRunning, BadUsage, Fatal, IdtrailError, SpoolFull
from tests.emitter.support import FullDisk

AT = datetime(2026, 3, 19, 12, 0, tzinfo=UTC)


def record(number: int, size: int = 10) -> Record:
    return Record("idtrail.events", b"o|%d" % (number % 3), b"%d" % number + b"." * size, [("ce_id", b"\xff\x00")])


async def contents(spool: Spool) -> list[Record]:
    return [found for _, found in await spool.peek(1_000_000, 10**9)]


async def test_what_was_appended_is_read_back_in_order_byte_for_byte(tmp_path: Path) -> None:
    records = [record(number) for number in range(5)]
    async with Spool(tmp_path / "deep" / "spool") as spool:
        positions = await spool.append(records, AT)
        assert positions == sorted(positions)
        assert await contents(spool) == records
        assert spool.depth() == 5
        assert spool.bytes() == sum(each.size() for each in records)
        assert spool.oldest() == AT


async def test_it_survives_a_restart_and_never_gives_a_position_twice(tmp_path: Path) -> None:
    async with Spool(tmp_path / "spool") as spool:
        first = await spool.append([record(1), record(2)], AT)
        await spool.delete(first[:1])
        await spool.append([record(3)], AT + timedelta(seconds=1))
    async with Spool(tmp_path / "spool") as spool:
        assert await contents(spool) == [record(2), record(3)]
        assert spool.oldest() == AT
        before = [position for position, _ in await spool.peek(10, 10**6)]
        await spool.delete(before)
        assert spool.depth() == spool.bytes() == 0
        assert spool.oldest() is None
        assert (await spool.append([record(4)], AT))[0] > max(before)


async def test_it_takes_what_fits_from_the_first_on_and_no_more(tmp_path: Path) -> None:
    records = [record(1), record(2, size=500), record(3)]
    async with Spool(tmp_path / "spool", max_bytes=records[0].size() + records[2].size()) as spool:
        assert len(await spool.append(records, AT)) == 1, "the third must not overtake the second"
        assert len(await spool.append(records[2:], AT)) == 1
        assert await spool.append([record(4)], AT) == []
        assert spool.bytes() <= spool.max_bytes


async def test_a_peek_is_bounded_but_never_empty_while_something_waits(tmp_path: Path) -> None:
    async with Spool(tmp_path / "spool") as spool:
        await spool.append([record(number, size=100) for number in range(4)], AT)
        assert len(await spool.peek(3, 10**6)) == 3
        assert len(await spool.peek(4, 1)) == 1


async def test_what_a_full_disk_keeps_is_forgotten_all_the_same_and_gone_once_it_has_room(
    tmp_path: Path, full_disk: FullDisk
) -> None:
    records = [record(number) for number in range(3)]
    async with Spool(tmp_path / "spool") as spool:
        positions = await spool.append(records, AT)
        full_disk.full = True
        for _ in range(2):
            await spool.delete(positions[:2])
            assert (await contents(spool), spool.depth(), spool.bytes()) == (records[2:], 1, records[2].size())
        with pytest.raises(SpoolFull, match=r"the disk of its spool .* is full"):
            await spool.append(records, AT)
        full_disk.full = False
        await spool.append(records[:1], AT)
        full_disk.full = True
        await spool.delete(positions[2:])
        full_disk.full = False
    async with Spool(tmp_path / "spool") as spool:
        assert await contents(spool) == records[:1], "at its end it found room"


async def test_it_does_not_fill_its_disk_so_that_it_can_get_emptier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Spool(tmp_path / "spool") as spool:
        positions = await spool.append([record(1)], AT)
        monkeypatch.setattr("producers.spool.shutil.disk_usage", lambda _: SimpleNamespace(free=RESERVE_BYTES - 1))
        with pytest.raises(SpoolFull, match=r"the disk of its spool .* is full"):
            await spool.append([record(2)], AT)
        await spool.delete(positions)
        assert await contents(spool) == []


def test_a_second_process_is_told_that_the_spool_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    with _Holder(path), pytest.raises(AlreadyRunning, match=str(path)):
        asyncio.run(_open_and_close(path))
    asyncio.run(_open_and_close(path))


class _Holder:
    """A process that holds the spool with one record in it, and is killed without mercy."""

    CODE = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from producers.spool import Record, Spool
async def main():
    async with Spool(Path(sys.argv[1])) as spool:
        await spool.append([Record("t", b"k", b"kept", [])], datetime.now(UTC))
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.CODE, str(self._path)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def __exit__(self, *_: object) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def test_a_killed_process_leaves_its_records_and_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    with _Holder(path):
        pass
    assert asyncio.run(_open_and_close(path)) == [b"kept"]


async def _open_and_close(path: Path) -> list[bytes]:
    async with Spool(path) as spool:
        return [found.value for found in await contents(spool)]


def _text(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


def _torn(path: Path) -> None:
    asyncio.run(_fill(path))
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xaa" * (len(whole) - 8192))


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()


def _directory(path: Path) -> None:
    path.mkdir()


async def _fill(path: Path) -> None:
    async with Spool(path) as spool:
        await spool.append([record(number, size=2_000) for number in range(50)], AT)


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        pytest.param(_text, Fatal, "move it", id="not a database"),
        pytest.param(_torn, Fatal, "move it", id="a database with overwritten pages"),
        pytest.param(_foreign, Fatal, "another file", id="some other program's database"),
        pytest.param(_directory, BadUsage, "writable", id="a directory"),
    ],
)
def test_a_file_that_cannot_be_the_spool_is_named_and_left_alone(
    tmp_path: Path, spoil: object, error: type[IdtrailError], words: str
) -> None:
    path = tmp_path / "spool"
    assert callable(spoil)
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(error, match=words) as caught:
        asyncio.run(_open_and_close(path))
    assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


class SpoolMachine(RuleBasedStateMachine):
    """Appends, confirmations and restarts in any order, against a list."""

    MAX_BYTES = 1_500

    @initialize()
    def begin(self) -> None:
        self.directory = TemporaryDirectory()
        self.path = Path(self.directory.name) / "spool"
        self.loop = asyncio.new_event_loop()
        self.expected: list[Record] = []
        self.given = 0
        self.last = 0
        self.open()

    def open(self) -> None:
        self.spool = self.loop.run_until_complete(Spool(self.path, self.MAX_BYTES).__aenter__())

    @rule(sizes=st.lists(st.integers(0, 400), max_size=6))
    def append(self, sizes: list[int]) -> None:
        records = [record(self.given + index, size) for index, size in enumerate(sizes)]
        self.given += len(records)
        positions = self.loop.run_until_complete(self.spool.append(records, AT))
        assert all(position > self.last for position in positions)
        self.last = max([self.last, *positions])
        self.expected += records[: len(positions)]
        if len(positions) < len(records):
            assert self.spool.bytes() + records[len(positions)].size() > self.MAX_BYTES

    @rule(count=st.integers(1, 5), confirmed=st.sets(st.integers(0, 4)))
    def drain(self, count: int, confirmed: set[int]) -> None:
        waiting = self.loop.run_until_complete(self.spool.peek(count, 10_000))
        assert [found for _, found in waiting] == self.expected[:count]
        gone = [position for index, (position, _) in enumerate(waiting) if index in confirmed]
        self.loop.run_until_complete(self.spool.delete(gone))
        self.expected = [each for index, each in enumerate(self.expected) if index >= count or index not in confirmed]

    @rule()
    def restart(self) -> None:
        self.loop.run_until_complete(self.spool.__aexit__(None, None, None))
        self.open()

    @invariant()
    def holds_what_was_accepted_and_is_unconfirmed(self) -> None:
        assert self.loop.run_until_complete(contents(self.spool)) == self.expected
        assert self.spool.depth() == len(self.expected)
        assert self.spool.bytes() == sum(each.size() for each in self.expected) <= self.MAX_BYTES
        assert (self.spool.oldest() is None) == (not self.expected)

    def teardown(self) -> None:
        self.loop.run_until_complete(self.spool.__aexit__(None, None, None))
        self.loop.close()
        self.directory.cleanup()


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
