"""Keeps records that were accepted while the broker was away: fsynced on disk, bounded, in order, across restarts.

One SQLite file and one process: the lock is SQLite's own and ends with the process, so a killed process leaves none
behind. All SQLite work runs in one thread and never blocks the event loop.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

import orjson

from schemas.envelope import Header
from schemas.errors import AlreadyRunning, BadUsage, Fatal, IdtrailError, SpoolFull

DEFAULT_MAX_BYTES: Final = 256 * 1024 * 1024
ROW_OVERHEAD_BYTES: Final = 48
"""About what SQLite adds to a row: keeps a flood of tiny records within the bound too."""
RESERVE_BYTES: Final = 32 * 1024 * 1024
"""Left free on its disk for a flight's records and SQLite's journal: a spool that has filled its disk could not
drain."""
APPLICATION_ID: Final = 0x69647472
"""Marks the file as ours: another program's database must not be written to."""

_CREATE = """
CREATE TABLE spool (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: a receipt's position names one record
    topic TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT
"""

T = TypeVar("T")


class Record(NamedTuple):
    """The arguments for a Kafka producer."""

    topic: str
    key: bytes
    value: bytes
    headers: list[Header]

    def size(self) -> int:
        """Its size in bytes, without Kafka's small overhead."""
        return (
            len(self.key)
            + len(self.value)
            + sum(len(name) + len(value) + 4 for name, value in self.headers)
            + ROW_OVERHEAD_BYTES
        )


class Spool:
    """A queue on disk. Records to which `append` gave positions survive a power cut."""

    def __init__(self, path: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._thread: ThreadPoolExecutor | None = None
        self._database: sqlite3.Connection | None = None
        self._depth = 0
        self._bytes = 0
        self._oldest: datetime | None = None
        self._forgotten: set[int] = set()
        """Positions still in the file, because its disk has no room to delete them."""

    def depth(self) -> int:
        """The number of waiting records."""
        return self._depth

    def bytes(self) -> int:
        """Their size in bytes, counted against `max_bytes`."""
        return self._bytes

    def oldest(self) -> datetime | None:
        """When the first of them was accepted; None when none waits."""
        return self._oldest

    async def __aenter__(self) -> Self:
        """Open or create the file, once. Raises `AlreadyRunning`, `BadUsage`, `Fatal` (corrupt)."""
        if self._thread is not None:
            return self
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        try:
            await self._run(self._open)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def append(self, records: Sequence[Record], at: datetime) -> list[int]:
        """Write as many of `records`, from the first on, as there is room for. Returns their positions.

        On return they are on disk. If there are fewer positions than records, the rest was not accepted. Raises
        `SpoolFull` when the disk is full: then none was accepted.
        """
        return await self._run(lambda: self._append(records, at))

    async def peek(self, max_records: int, max_bytes: int) -> list[tuple[int, Record]]:
        """Return the oldest records with their positions; at least one if there is any, whatever its size."""
        return await self._run(lambda: self._peek(max_records, max_bytes))

    async def delete(self, positions: Sequence[int]) -> None:
        """Delete records; only for ones that are confirmed elsewhere.

        Needs no room: what a full disk keeps in the file is deleted with a later write, or at the end.
        """
        await self._run(lambda: self._delete(positions))

    async def _close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            if (database := self._database) is not None:
                with suppress(sqlite3.Error):  # what is left in the file is sent again
                    await asyncio.get_running_loop().run_in_executor(thread, self._sweep)
                await asyncio.get_running_loop().run_in_executor(thread, database.close)
            self._database = None
            thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        assert self._thread is not None, "the spool is not open"
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise self._told(error) from error

    def _told(self, error: sqlite3.Error) -> IdtrailError:
        code = _code(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return AlreadyRunning(
                f"another process writes the spool {self.path}: end it, or give this one another state directory"
            )
        if code == sqlite3.SQLITE_FULL:
            return self._no_room()
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            return BadUsage(f"the spool {self.path} cannot be written: make it and its directory writable")
        return Fatal(
            f"the spool {self.path} cannot be read ({error}). It may hold accepted events that are nowhere "
            "else: move it and its -wal file aside, keep them for recovery, and start again"
        )

    def _no_room(self) -> SpoolFull:
        return SpoolFull(f"the disk of its spool {self.path} is full")

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # It holds people's names and mail addresses: for the owner alone.
            self.path.touch(0o600, exist_ok=True)
        except OSError as error:
            raise BadUsage(f"the spool {self.path} cannot be made ({error.strerror})") from error
        database = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        self._database = database
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        (ours,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if ours != APPLICATION_ID and (ours or tables):
            raise Fatal(f"{self.path} is some other program's database: name another file for the spool")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        with self._transaction():  # takes the lock, for as long as the file is open
            if not tables:
                database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                database.execute(_CREATE)
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        self._depth, self._bytes = database.execute("SELECT count(*), total(bytes) FROM spool").fetchone()
        self._bytes = int(self._bytes)
        self._find_oldest()

    def _append(self, records: Sequence[Record], at: datetime) -> list[int]:
        self._sweep()
        if shutil.disk_usage(self.path.parent).free < RESERVE_BYTES:
            raise self._no_room()
        room = self.max_bytes - self._bytes
        stamp = at.astimezone(UTC).isoformat()
        positions: list[int] = []
        used = 0
        with self._transaction() as database:
            for record in records:
                size = record.size()
                if used + size > room:
                    break
                used += size
                row = database.execute(
                    "INSERT INTO spool (topic, key, value, headers, bytes, at) VALUES (?, ?, ?, ?, ?, ?)",
                    (record.topic, record.key, record.value, _pack(record.headers), size, stamp),
                )
                assert row.lastrowid is not None
                positions.append(row.lastrowid)
        self._depth += len(positions)
        self._bytes += used
        if positions and self._oldest is None:
            self._oldest = at
        return positions

    def _peek(self, max_records: int, max_bytes: int) -> list[tuple[int, Record]]:
        assert self._database is not None
        found: list[tuple[int, Record]] = []
        query = """
            SELECT seq, topic, key, value, headers, bytes FROM spool
            WHERE seq NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?
        """
        with closing(self._database.execute(query, (json.dumps(list(self._forgotten)), max_records))) as rows:
            for seq, topic, key, value, headers, size in rows:
                max_bytes -= size
                if found and max_bytes < 0:
                    break
                found.append((seq, Record(topic, key, value, _unpack(headers))))
        return found

    def _delete(self, positions: Sequence[int]) -> None:
        assert self._database is not None
        gone = set(positions) - self._forgotten
        count, size = self._database.execute(
            "SELECT count(*), total(bytes) FROM spool WHERE seq IN (SELECT value FROM json_each(?))",
            (json.dumps(list(gone)),),
        ).fetchone()
        self._depth -= count
        self._bytes -= int(size)
        self._forgotten |= gone
        self._sweep()
        self._find_oldest()

    def _sweep(self) -> None:
        """Delete forgotten records from the file, unless its disk is full: deleting needs room at first."""
        if not self._forgotten:
            return
        try:
            with self._transaction() as database:
                forgotten = json.dumps(list(self._forgotten))
                database.execute("DELETE FROM spool WHERE seq IN (SELECT value FROM json_each(?))", (forgotten,))
        except sqlite3.Error as error:
            if _code(error) != sqlite3.SQLITE_FULL:
                raise
        else:
            self._forgotten.clear()

    def _find_oldest(self) -> None:
        assert self._database is not None
        query = "SELECT at FROM spool WHERE seq NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT 1"
        row = self._database.execute(query, (json.dumps(list(self._forgotten)),)).fetchone()
        self._oldest = None if row is None else datetime.fromisoformat(row[0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; on disk when the block ends."""
        database = self._database
        assert database is not None
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
            database.execute("COMMIT")
        except BaseException:
            # SQLite rolls back by itself after some errors, a full disk among them.
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _pack(headers: Sequence[Header]) -> bytes:
    # Latin-1 maps every byte to one character, so that any header survives and stays legible.
    return orjson.dumps([(name, value.decode("latin-1")) for name, value in headers])


def _unpack(packed: bytes) -> list[Header]:
    return [(name, value.encode("latin-1")) for name, value in orjson.loads(packed)]
