"""Import of files: streamed in bounded memory, every bad record to the dead letters, nothing else stopped by it."""

from __future__ import annotations

import asyncio
import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from producers.slicer import Bad, Element, Slicer
from schemas.envelope import Source, Trust
from schemas.errors import MalformedRecord, RecordError, UserError

BLOCK_BYTES: Final = 256 * 1024
BATCH_RECORDS: Final = 2_000
BATCH_BYTES: Final = 4 * 1024 * 1024
TOLD: Final = 20
"""Bad records that a summary names; all are counted."""
SUFFIXES: Final = (".json", ".ndjson", ".jsonl", ".gz", ".log", ".txt")
STDIN: Final = "-"


class Accepted(Protocol):
    """What became of a batch."""

    @property
    def logged(self) -> int: ...
    @property
    def spooled(self) -> int: ...
    @property
    def refused(self) -> Sequence[tuple[int, RecordError]]: ...
    @property
    def by_type(self) -> Counter[str]: ...


class Emitter(Protocol):
    """Where records go."""

    async def emit_many(self, records: Iterable[bytes], source: Source) -> Accepted: ...
    async def dead_letter(self, raw: bytes, source: Source, reason: RecordError, position: str) -> object: ...


@dataclass(slots=True)
class FileSummary:
    """What became of one file: read = accepted + dead-lettered."""

    name: str
    read: int = 0
    accepted: int = 0
    spooled: int = 0
    dead_lettered: int = 0
    reasons: list[str] = field(default_factory=list)
    """The first bad records, with position and reason."""
    stopped: str = ""
    """Where and why reading ended early; empty when it did not."""
    by_type: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Summary:
    """What became of all of them."""

    files: list[FileSummary] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Files whose names do not look like exports."""

    @property
    def read(self) -> int:
        """Records met, good and bad."""
        return sum(file.read for file in self.files)

    @property
    def accepted(self) -> int:
        """Logged or spooled."""
        return sum(file.accepted for file in self.files)

    @property
    def dead_lettered(self) -> int:
        """Kept in the dead letters."""
        return sum(file.dead_lettered for file in self.files)

    @property
    def by_type(self) -> Counter[str]:
        """Accepted events by type."""
        return sum((file.by_type for file in self.files), Counter[str]())

    @property
    def complete(self) -> bool:
        """Every file was read to its end and every record accepted."""
        return not self.dead_lettered and not any(file.stopped for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is."""

    file: str
    bytes_read: int
    """Of all files, as they are on the disk."""
    bytes_total: int
    """0 for standard input."""
    records: int


def find_files(paths: Sequence[str | Path]) -> tuple[list[Path], list[str]]:
    """The files to import, directories walked in order, and those passed over.

    Raises `UserError` for a path that does not exist, before anything is read.
    """
    found: list[Path] = []
    skipped: list[str] = []
    for path in map(Path, paths):
        if path.is_dir():
            for file in sorted(item for item in path.rglob("*") if item.is_file()):
                if file.suffix in SUFFIXES:
                    found.append(file)
                else:
                    skipped.append(str(file))
        elif path.exists() or str(path) == STDIN:
            found.append(path)
        else:
            raise UserError(f"{path}: there is no such file or directory")
    return found, skipped


class _Reader:
    """One file's records in batches; knows how far it is in the file as stored."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read = 0
        self.stopped = ""

    def batches(self) -> Iterator[list[Element | Bad]]:
        slicer = Slicer()
        waiting: list[Element | Bad] = []
        size = 0
        for block in self._blocks():
            for piece in slicer.feed(block):
                waiting.append(piece)
                size += len(piece.raw)
            if len(waiting) >= BATCH_RECORDS or size >= BATCH_BYTES:
                yield waiting
                waiting, size = [], 0
        waiting += slicer.finish()
        if slicer.in_array and not self.stopped:
            self.stopped = "the file ends before its array is closed (it is cut off)"
        yield waiting

    def _blocks(self) -> Iterator[bytes]:
        try:
            if str(self.path) == STDIN:
                yield from self._opened(sys.stdin.buffer)
            else:
                with self.path.open("rb") as file:
                    yield from self._opened(file)
        except OSError as error:
            self.stopped = self.stopped or f"it cannot be read: {error.strerror or error}"

    def _opened(self, file: BinaryIO) -> Iterator[bytes]:
        counted = _Counted(file, self)
        first = counted.peek()
        source: BinaryIO | _Counted = counted
        if first.startswith(b"\x1f\x8b"):
            source = gzip.open(counted)  # type: ignore[call-overload]  # noqa: SIM115  because it only reads and ends with the file
        position = 0
        try:
            while block := source.read(BLOCK_BYTES):
                position += len(block)
                yield block
        except EOFError:
            self.stopped = f"stopped at byte {position:,}: the gzip stream ends early (the file is cut off)"
        except (zlib.error, gzip.BadGzipFile):
            self.stopped = f"stopped at byte {position:,}: the gzip stream is damaged there"


class _Counted:
    """A file that can be looked into at its beginning and tells its reader how much was read."""

    def __init__(self, file: BinaryIO, reader: _Reader) -> None:
        self._file = file
        self._reader = reader
        self._begin = b""

    def peek(self) -> bytes:
        self._begin = self._file.read(2)
        return self._begin

    def read(self, size: int = -1) -> bytes:
        begin, self._begin = self._begin, b""
        block = begin + self._file.read(size if size < 0 else size - len(begin))
        self._reader.bytes_read += len(block)
        return block


async def import_files(
    paths: Sequence[str | Path],
    emitter: Emitter,
    *,
    organization: str | None,
    on_progress: Callable[[Progress], None],
) -> Summary:
    """Put the records of `paths` on the log. Importing again changes no answer.

    `organization`: that of records which name none; None takes each record's own word. Raises `UserError`
    for a path that does not exist, and `SpoolFull` when broker and spool take no more: what was accepted
    until then is safe.
    """
    files, skipped = find_files(paths)
    summary = Summary(skipped=skipped)
    total = sum(path.stat().st_size for path in files if str(path) != STDIN)
    done = 0
    for path in files:
        reader = _Reader(path)
        told = FileSummary("standard input" if str(path) == STDIN else path.name)
        summary.files.append(told)
        source = Source(f"file:{told.name}", Trust.EXPORT, organization)
        batches = reader.batches()
        # The next batch is sliced while this one is on its way.
        following = asyncio.create_task(asyncio.to_thread(next, batches, None))
        try:
            while (batch := await following) is not None:
                following = asyncio.create_task(asyncio.to_thread(next, batches, None))
                await _emit(emitter, source, batch, told)
                on_progress(Progress(told.name, done + reader.bytes_read, total, summary.read))
        finally:
            following.cancel()
        told.stopped = reader.stopped
        done += reader.bytes_read
    return summary


async def _emit(emitter: Emitter, source: Source, batch: Sequence[Element | Bad], told: FileSummary) -> None:
    good = [piece for piece in batch if isinstance(piece, Element)]
    bad: list[tuple[Element | Bad, RecordError]] = [
        (piece, MalformedRecord(piece.message, reason=piece.reason)) for piece in batch if isinstance(piece, Bad)
    ]
    if good:
        accepted = await emitter.emit_many([piece.raw for piece in good], source)
        told.accepted += accepted.logged + accepted.spooled
        told.spooled += accepted.spooled
        told.by_type += accepted.by_type
        bad += [(good[index], error) for index, error in accepted.refused]
    for piece, error in sorted(bad, key=lambda item: item[0].index):
        position = f"element {piece.index:,}, byte {piece.position:,}"
        await emitter.dead_letter(piece.raw, source, error, position)
        told.dead_lettered += 1
        if len(told.reasons) < TOLD:
            told.reasons.append(f"element {piece.index:,}: {error}")
    told.read += len(batch)
