"""Watches folders and buckets: files that are new or have changed are imported, once.

A file that is still being written is left until it stops changing. One that ends early (a truncated gzip, an unclosed
array) is tried again when it changes, and reported at the end if it never did.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from producers.exports import Found, find_files, printable
from producers.files import Emitter, FileSummary, import_file
from producers.journal import Journal
from schemas.errors import NotFound, SpoolFull, UserError

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Watched:
    """The results since the start; of single files it keeps only what `unfinished` has."""

    files: int = 0
    """The number of files read to their ends."""
    read: int = 0
    accepted: int = 0
    dead_lettered: int = 0
    by_type: Counter[str] = field(default_factory=Counter)
    unfinished: dict[str, str] = field(default_factory=dict)
    """Files that end early, by place, with where and why: they are tried again when they change."""

    def add(self, told: FileSummary, place: str) -> None:
        """Count what was read from the file at `place`."""
        self.files += not told.stopped
        self.read += told.read
        self.accepted += told.accepted
        self.dead_lettered += told.dead_lettered
        self.by_type += told.by_type
        self.unfinished.pop(place, None)
        if told.stopped:
            self.unfinished[place] = told.stopped

    @property
    def complete(self) -> bool:
        """Whether every file found was read to its end and every record accepted."""
        return not self.dead_lettered and not self.unfinished


class Watch:
    """Runs with `run()` until `wait` says to end, or until cancelled; `watched` has the results."""

    def __init__(
        self,
        paths: Sequence[str],
        emitter: Emitter,
        journal: Journal,
        *,
        organization: str | None,
        every: timedelta,
        clock: Callable[[], datetime],
        wait: Callable[[timedelta], Awaitable[bool]],
        on_file: Callable[[FileSummary], None],
    ) -> None:
        """`wait` returns after the given time, or earlier with False when the watch is to end."""
        self._paths = paths
        self._emitter = emitter
        self._journal = journal
        self._organization = organization
        self._every = every
        self._clock = clock
        self._wait = wait
        self._on_file = on_file
        self._last_look: dict[str, str] = {}
        self._cut_off: dict[str, str] = {}
        self.watched = Watched()

    async def run(self) -> None:
        """Watch. Raises `NotFound` or `UserError` for a path that cannot be examined at the start."""
        await asyncio.to_thread(find_files, self._paths)
        while True:
            await self._look()
            if not await self._wait(self._every):
                return

    async def _look(self) -> None:
        try:
            found, _ = await asyncio.to_thread(find_files, self._paths)
        except (NotFound, UserError) as error:  # it existed at the start: a mount or a bucket is away for now
            log.warning("cannot look", reason=str(error))
            return
        seen: dict[str, str] = {}
        for file in found:
            place = _place(file)
            seen[place] = file.stamp
            if await self._is_due(file, place):
                await self._import(file, place)
        self._last_look = seen

    async def _is_due(self, file: Found, place: str) -> bool:
        if file.fault:
            return self.watched.unfinished.get(place) != file.fault
        if self._cut_off.get(place) == file.stamp:
            return False
        if await asyncio.to_thread(self._journal.stamp, place, self._organization or "") == file.stamp:
            return False
        # An object in a bucket is there whole or not at all; a file on the disk may still be being written.
        held_still = self._last_look.get(place) == file.stamp
        return file.modified is None or held_still or self._clock() - file.modified >= self._every

    async def _import(self, file: Found, place: str) -> None:
        told = FileSummary(file.name)
        try:
            await import_file(file, self._emitter, told, organization=self._organization)
        except SpoolFull as error:
            told.stopped, told.passing = f"{error}", True
        except asyncio.CancelledError:
            told.stopped = "interrupted: it is read again at the next start"
            self.watched.add(told, place)
            raise
        told_before = self.watched.unfinished.get(place) == told.stopped
        self.watched.add(told, place)
        if not (told.passing and told_before):  # do not repeat it every minute while the broker is away
            self._on_file(told)
        if file.fault:
            return
        if told.stopped and not told.passing:
            self._cut_off[place] = file.stamp
        elif not told.stopped:
            self._cut_off.pop(place, None)
            now = self._clock()
            await asyncio.to_thread(self._journal.remember, place, self._organization or "", file.stamp, now)


def _place(file: Found) -> str:
    return file.path if isinstance(file.path, str) else printable(Path(file.path).absolute())
