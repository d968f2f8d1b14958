"""Folders that are watched: what is new or changed is read once, half-written files later, across restarts."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from producers.files import FileSummary
from producers.journal import Journal
from producers.watch import Watch, Watched
from schemas.errors import AlreadyRunning, BadUsage, NotFound
from tests.files.support import MemoryEmitter
from tests.records import NOON, ORGANIZATION, event

EVERY = timedelta(seconds=60)


def lines(count: int) -> bytes:
    return b"".join(orjson.dumps(event()) + b"\n" for _ in range(count))


def put(path: Path, content: bytes, age: timedelta = 2 * EVERY) -> None:
    """A file that was last written `age` ago."""
    path.write_bytes(content)
    at = (NOON - age).timestamp()
    os.utime(path, (at, at))


@dataclass
class Watching:
    """A watch of a folder whose pauses are steps of the test."""

    folder: Path
    state: Path
    emitter: MemoryEmitter = field(default_factory=MemoryEmitter)
    told: list[FileSummary] = field(default_factory=list)

    async def run(self, *steps: Callable[[], object], paths: Sequence[str] = ()) -> Watched:
        """A look, then each step and a look after it."""
        left = list(steps)

        async def wait(pause: timedelta) -> bool:
            assert pause == EVERY
            if left:
                left.pop(0)()
                return True
            return False

        with Journal(self.state / "imports.sqlite3") as journal:
            watch = Watch(
                paths or [str(self.folder)], self.emitter, journal, organization=ORGANIZATION, every=EVERY,
                clock=lambda: NOON, wait=wait, on_file=self.told.append,
            )  # fmt: skip
            await watch.run()
        return watch.watched

    def names(self) -> list[tuple[str, int]]:
        return [(file.name, file.accepted) for file in self.told]


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    (tmp_path / "in").mkdir()
    return Watching(tmp_path / "in", tmp_path / "state")


async def test_new_and_changed_files_are_read_once_also_across_restarts(watching: Watching) -> None:
    first, second = watching.folder / "a.ndjson", watching.folder / "b.ndjson"
    put(first, lines(2))
    watched = await watching.run(lambda: put(second, lines(3)), lambda: None)
    assert watching.names() == [("a.ndjson", 2), ("b.ndjson", 3)]
    assert (watched.files, watched.accepted, watched.complete) == (2, 5, True)

    watching.told.clear()
    await watching.run(lambda: put(first, lines(4), age=3 * EVERY))
    assert watching.names() == [("a.ndjson", 4)]


async def test_a_file_that_is_being_written_waits_until_it_holds_still(watching: Watching) -> None:
    path = watching.folder / "a.ndjson"
    just_now = timedelta(seconds=1)
    put(path, lines(1), just_now)
    seen: list[int] = []

    def grow() -> None:
        seen.append(len(watching.told))
        put(path, path.read_bytes() + lines(1), just_now)

    await watching.run(grow, grow, lambda: seen.append(len(watching.told)))
    assert seen == [0, 0, 0]
    assert watching.names() == [("a.ndjson", 3)]


@pytest.mark.parametrize(
    ("half", "whole"),
    [
        pytest.param(gzip.compress(lines(1))[:-20], gzip.compress(lines(2)), id="a gzip that ends early"),
        pytest.param(b"[" + lines(1), b"[" + orjson.dumps(event()) + b"]", id="an array that is not closed"),
        pytest.param(lines(1) + b'{"id":', lines(2), id="a line that is cut off"),
    ],
)
async def test_half_of_a_file_is_tried_again_when_it_changes_and_not_before(
    watching: Watching, half: bytes, whole: bytes
) -> None:
    path = watching.folder / "a.json"
    put(path, half)
    tries: list[int] = []
    watched = await watching.run(
        lambda: tries.append(len(watching.told)),
        lambda: tries.append(len(watching.told)),
        lambda: put(path, whole, age=3 * EVERY),
    )
    assert tries == [1, 1]
    assert watching.told[0].stopped
    assert (watched.complete, watched.files, watching.emitter.letters) == (True, 1, [])


async def test_a_file_that_is_never_finished_is_told_at_the_end_and_read_again_by_the_next_watch(
    watching: Watching,
) -> None:
    put(watching.folder / "a.json", b"[" + lines(1))
    watched = await watching.run(lambda: None)
    assert not watched.complete
    assert "cut off" in watched.unfinished[str(watching.folder / "a.json")]
    await watching.run()
    assert len(watching.told) == 2


async def test_half_of_a_file_is_not_made_whole_by_another_folders_file_of_its_name(watching: Watching) -> None:
    half, whole = watching.folder / "1" / "a.json", watching.folder / "2" / "a.json"
    for path, content in ((half, b"[" + lines(1)), (whole, lines(1))):
        path.parent.mkdir()
        put(path, content)
    watched = await watching.run(paths=[str(half.parent), str(whole.parent)])
    assert (watched.complete, list(watched.unfinished)) == (False, [str(half)])


async def test_bad_records_are_buried_once_and_counted(watching: Watching) -> None:
    put(watching.folder / "a.ndjson", lines(1) + b'"a text"\n')
    watched = await watching.run(lambda: None)
    assert (watched.accepted, watched.dead_lettered, watched.complete) == (1, 1, False)
    assert len(watching.emitter.letters) == 1


async def test_a_folder_that_goes_away_is_waited_for_but_one_that_never_was_is_told(watching: Watching) -> None:
    away = watching.folder.with_name("away")
    with pytest.raises(NotFound):
        await watching.run(paths=[str(away)])

    def back() -> None:
        away.rename(watching.folder)
        put(watching.folder / "a.ndjson", lines(1))

    await watching.run(lambda: watching.folder.rename(away), back)
    assert watching.names() == [("a.ndjson", 1)]


async def test_a_full_spool_is_told_once_and_tried_again(watching: Watching) -> None:
    watching.emitter.room = 0
    put(watching.folder / "a.ndjson", lines(2))

    def bring_broker_back() -> None:
        watching.emitter.room = 100

    watched = await watching.run(lambda: None, lambda: None, bring_broker_back)
    assert [bool(file.stopped) for file in watching.told] == [True, False]
    assert (watched.complete, watched.accepted) == (True, 2)


async def test_interrupted_in_a_file_it_ends_at_once_and_reads_it_again_later(watching: Watching) -> None:
    put(watching.folder / "a.ndjson", lines(1))
    reached = asyncio.Event()

    class Stuck(MemoryEmitter):
        async def emit_many(self, records: object, source: object) -> object:  # type: ignore[override]  # because it never returns
            reached.set()
            return await asyncio.Event().wait()

    watching.emitter, free = Stuck(), watching.emitter
    task = asyncio.create_task(watching.run())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    watching.emitter = free
    await watching.run()
    assert watching.names() == [("a.ndjson", 1)]


def test_two_watches_of_one_state_directory_are_one_too_many(tmp_path: Path) -> None:
    with Journal(tmp_path / "imports.sqlite3"), pytest.raises(AlreadyRunning, match="another watch"):
        Journal(tmp_path / "imports.sqlite3").__enter__()


def test_a_journal_keeps_organizations_apart(tmp_path: Path) -> None:
    path = tmp_path / "imports.sqlite3"
    with Journal(path) as journal:
        journal.remember("/x", "one", "1 2", NOON)
        journal.remember("/x", "one", "1 3", NOON)
    with Journal(path) as journal:
        assert (journal.stamp("/x", "one"), journal.stamp("/x", "other")) == ("1 3", "")
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"no database at all" * 100], ids=["garbage"])
def test_a_journal_that_cannot_be_read_says_how_to_mend_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "imports.sqlite3"
    path.write_bytes(content)
    with pytest.raises(BadUsage, match="delete the file"):
        Journal(path).__enter__()
