"""Remembers across restarts what a watch has read, in a small file that may be lost: reading again duplicates nothing.

One SQLite file and one process, as with the spool: the lock is SQLite's own and ends with the process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from schemas.errors import AlreadyRunning, BadUsage

APPLICATION_ID: Final = 0x6964746A
"""Marks the file as ours: another program's database must not be written to."""

_CREATE: Final = """
CREATE TABLE seen (
    place TEXT NOT NULL,         -- absolute path, or address in a bucket
    organization TEXT NOT NULL,  -- that it was read for
    stamp TEXT NOT NULL,         -- size and time or ETag: another one is read again
    at TEXT NOT NULL,
    PRIMARY KEY (place, organization)
) STRICT
"""

T = TypeVar("T")


class Journal:
    """A context manager. Its calls write to the disk and block meanwhile, for a few milliseconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        """Open or create the file. Raises `AlreadyRunning`, `BadUsage`."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(0o600, exist_ok=True)
        except OSError as error:
            raise BadUsage(f"{self.path} cannot be made ({error.strerror})") from error
        try:
            self._told(self._open)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def stamp(self, place: str, organization: str) -> str:
        """Return the stamp that `place` had when it was read; empty if it never was."""
        sql = "SELECT stamp FROM seen WHERE place = ? AND organization = ?"

        def read() -> str:
            with closing(self._opened().execute(sql, (place, organization))) as rows:
                row = rows.fetchone()
            return row[0] if row else ""

        return self._told(read)

    def remember(self, place: str, organization: str, stamp: str, at: datetime) -> None:
        """Record that `place` was read with this stamp; on return that is on the disk."""
        row = (place, organization, stamp, at.astimezone(UTC).isoformat())
        sql = "INSERT OR REPLACE INTO seen (place, organization, stamp, at) VALUES (?, ?, ?, ?)"
        self._told(lambda: self._opened().execute(sql, row))

    def _open(self) -> None:
        # Used from several threads, but never at the same time.
        database = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        self._database = database
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        (ours,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if ours != APPLICATION_ID and (ours or tables):
            raise BadUsage(f"{self.path} is some other program's database: move it away")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN IMMEDIATE")  # takes the lock, for as long as the file is open
        if not tables:
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(_CREATE)
        database.execute("COMMIT")

    def _opened(self) -> sqlite3.Connection:
        assert self._database is not None, "the journal is not open"
        return self._database

    def _told(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except sqlite3.Error as error:
            code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise AlreadyRunning(
                    f"another watch writes {self.path}: give it these paths too, or this one another state directory"
                ) from error
            raise BadUsage(
                f"{self.path} cannot be used ({error}): mend the disk, or delete the file: then everything is read "
                "again, and nothing doubles"
            ) from error
