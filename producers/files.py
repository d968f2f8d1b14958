"""Imports files: streamed in bounded memory, with every bad record in the dead letters and nothing else stopped by
it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from producers.blocks import Blocks, Truncated, foreign, open_source
from producers.exports import Found, find_files, unreadable
from producers.slicer import CUT_OFF, Bad, Element, Record, Slicer
from schemas.envelope import Source, Trust
from schemas.errors import Fatal, MalformedRecord, RecordError, SpoolFull

__all__ = ["Emitter", "FileSummary", "Progress", "Summary", "import_files"]

BATCH_RECORDS: Final = 2_000
BATCH_BYTES: Final = 4 * 1024 * 1024
TOLD: Final = 20
"""Bad records that a summary lists; all are counted."""
LETTERS_AT_ONCE: Final = 100
HOPELESS: Final = 1_000
"""A file with this many records and no event among them is not an export: the rest is skipped."""


class Accepted(Protocol):
    """The outcome of a batch."""

    @property
    def logged(self) -> int: ...
    @property
    def spooled(self) -> int: ...
    @property
    def refused(self) -> Sequence[tuple[int, RecordError]]: ...
    @property
    def by_type(self) -> Counter[str]: ...


class Emitter(Protocol):
    """The destination of records."""

    async def emit_many(self, records: Iterable[bytes], source: Source) -> Accepted: ...
    async def dead_letter(
        self, raw: bytes, source: Source, reason: RecordError, position: str, *, size: int
    ) -> object: ...
    async def let_drain(self) -> None: ...


@dataclass(slots=True)
class FileSummary:
    """The result for one file: read = accepted + dead-lettered."""

    name: str
    read: int = 0
    accepted: int = 0
    spooled: int = 0
    dead_lettered: int = 0
    reasons: list[str] = field(default_factory=list)
    """The first bad records, with position and reason."""
    stopped: str = ""
    """Where and why reading ended early; empty when it did not."""
    passing: bool = False
    """Whether it ended for a reason outside the file, so that another try may get further."""
    by_type: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Summary:
    """The result for all files."""

    files: list[FileSummary] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Files whose names do not look like exports."""

    @property
    def read(self) -> int:
        """The number of records found, good and bad."""
        return sum(file.read for file in self.files)

    @property
    def accepted(self) -> int:
        """The number of records logged or spooled."""
        return sum(file.accepted for file in self.files)

    @property
    def dead_lettered(self) -> int:
        """The number of records kept in the dead letters."""
        return sum(file.dead_lettered for file in self.files)

    @property
    def by_type(self) -> Counter[str]:
        """Accepted events by type."""
        return sum((file.by_type for file in self.files), Counter[str]())

    @property
    def complete(self) -> bool:
        """Whether every file was read to its end and every record accepted."""
        return not self.dead_lettered and not any(file.stopped for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an import."""

    file: str
    bytes_read: int
    """From all files, as stored on the disk."""
    bytes_total: int
    """0 for standard input."""
    records: int


class _Reader:
    """Reads one file's records in batches, sliced in a thread; tracks its position in the file as stored."""

    def __init__(self, file: Found) -> None:
        self._file = file
        self._blocks: Blocks | None = None
        self.stopped = file.fault
        self.passing = False

    @property
    def bytes_read(self) -> int:
        return self._blocks.bytes_read if self._blocks is not None else 0

    def batches(self) -> Generator[list[Record], None, None]:
        """Yields batches of limited records and bytes. Raises nothing: `stopped` says why it ended early."""
        if self._file.fault:
            return
        try:
            with open_source(self._file.path) as blocks:
                self._blocks = blocks
                yield from self._batches(blocks)
        except OSError as error:
            self.stopped, self.passing = unreadable(error), True

    def _batches(self, blocks: Blocks) -> Iterator[list[Record]]:
        batch: list[Record] = []
        size = 0
        for record in self._records(blocks):
            batch.append(record)
            size += len(record.raw)
            if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _records(self, blocks: Blocks) -> Iterator[Record]:
        slicer = Slicer()
        for number, block in enumerate(blocks):
            if not number and (why := foreign(block)):
                self.stopped = why
                return
            yield from slicer.feed(block)
        ended = blocks.truncated
        for record in slicer.finish():
            if isinstance(record, Bad) and record.reason == CUT_OFF:
                # Not a record yet: it comes whole when the whole file does.
                inside = f"the file ends inside element {record.index:,} (it is cut off)"
                ended = ended or Truncated(blocks.bytes_read, inside)
            else:
                yield record
        if slicer.in_array:
            unclosed = "the file ends before its array is closed (it is cut off)"
            ended = ended or Truncated(blocks.bytes_read, unclosed)
        self.stopped = str(ended or "")
        self.passing = ended is not None and ended.passing


async def import_files(
    paths: Sequence[str | Path],
    emitter: Emitter,
    *,
    organization: str | None,
    on_progress: Callable[[Progress], None],
) -> Summary:
    """Put the records of `paths` on the log. Importing them again changes no result.

    `organization` is that of records that name none; None accepts what each record says. Raises `NotFound` for a path
    that does not exist, and `SpoolFull` when broker and spool accept no more: what was accepted until then is safe.
    """
    files, skipped = await asyncio.to_thread(find_files, paths)
    summary = Summary(skipped=skipped)
    total = sum(file.size for file in files)
    done = 0
    for file in files:
        told = FileSummary(file.name)
        summary.files.append(told)

        def advance(bytes_read: int, name: str = file.name, before: int = done) -> None:
            on_progress(Progress(name, before + bytes_read, total, summary.read))

        done += await import_file(file, emitter, told, organization=organization, on_batch=advance)
    return summary


async def import_file(
    file: Found,
    emitter: Emitter,
    told: FileSummary,
    *,
    organization: str | None,
    on_batch: Callable[[int], None] = lambda bytes_read: None,
) -> int:
    """Put one file's records on the log and count them in `told`. Returns the bytes read from it.

    Raises `SpoolFull` when broker and spool accept no more: what was accepted until then is safe.
    """
    reader = _Reader(file)
    source = Source(f"file:{file.name}", Trust.EXPORT, organization)
    given_up = ""
    try:
        async with aclosing(_batches(reader)) as batches:
            async for batch in batches:
                if told.read >= HOPELESS and not told.accepted:
                    why = f"none of its first {told.read:,} records is an event; the rest was left out"
                    given_up = str(Truncated(reader.bytes_read, why))
                    break
                await _emit(emitter, source, batch, told)
                on_batch(reader.bytes_read)
    except SpoolFull as error:
        raise SpoolFull(f"{file.name}: stopped after {told.read:,} records: {error}") from error
    told.stopped = given_up or reader.stopped
    told.passing = reader.passing and not given_up
    return reader.bytes_read


async def _batches(reader: _Reader) -> AsyncGenerator[list[Record], None]:
    """Yields the reader's batches; the next one is sliced in a thread while this one is being emitted."""
    batches = reader.batches()
    following = _following(batches)
    try:
        while (batch := await asyncio.shield(following)) is not None:
            following = _following(batches)
            yield batch
    finally:
        await asyncio.gather(following, return_exceptions=True)  # a running generator cannot be closed
        batches.close()


def _following(batches: Iterator[list[Record]]) -> asyncio.Future[list[Record] | None]:
    return asyncio.ensure_future(asyncio.to_thread(partial(next, batches, None)))


async def _emit(emitter: Emitter, source: Source, batch: Sequence[Record], told: FileSummary) -> None:
    """Emit good records, keep bad ones in the dead letters, and count what is done even if that fails."""
    good = [record for record in batch if isinstance(record, Element)]
    bad: list[tuple[Record, RecordError]] = [
        (record, MalformedRecord(record.message, reason=record.reason)) for record in batch if isinstance(record, Bad)
    ]
    if good:
        answer = await emitter.emit_many([record.raw for record in good], source)
        accepted = answer.logged + answer.spooled
        if accepted + len(answer.refused) != len(good):
            raise Fatal(f"{source.name}: of {len(good)} records, {accepted} accepted, {len(answer.refused)} refused")
        told.accepted += accepted
        told.read += accepted
        told.spooled += answer.spooled
        told.by_type += answer.by_type
        bad += [(good[index], error) for index, error in answer.refused]
        if answer.spooled:
            # A file can wait: a large one would fill the spool behind a broker that was only slow for a moment.
            await emitter.let_drain()
    bad.sort(key=lambda item: item[0].index)
    for first in range(0, len(bad), LETTERS_AT_ONCE):
        await _bury(emitter, source, bad[first : first + LETTERS_AT_ONCE], told)


async def _bury(emitter: Emitter, source: Source, bad: Sequence[tuple[Record, RecordError]], told: FileSummary) -> None:
    letters = (
        emitter.dead_letter(
            record.raw, source, error, f"element {record.index:,}, byte {record.position:,}", size=record.size
        )
        for record, error in bad
    )
    failures: list[BaseException] = []
    for (record, error), answer in zip(bad, await asyncio.gather(*letters, return_exceptions=True), strict=True):
        if isinstance(answer, BaseException):
            failures.append(answer)
            continue
        told.dead_lettered += 1
        told.read += 1
        if len(told.reasons) < TOLD:
            told.reasons.append(f"element {record.index:,}: {error}")
    if failures:
        raise failures[0]
