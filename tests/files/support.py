"""An emitter that remembers, and files to feed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from producers.emitter import Batch
from producers.files import Progress, Summary, import_files
from schemas.envelope import Source, seal
from schemas.errors import RecordError, SpoolFull
from tests.records import NOON, ORGANIZATION


@dataclass
class MemoryEmitter:
    """Seals as the real one does and keeps what it was given; full after `room` records."""

    room: int = 1_000_000
    logged: list[tuple[str, bytes]] = field(default_factory=list)
    letters: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    """Source, position, reason and bytes."""
    sizes: list[int] = field(default_factory=list)
    """How many bytes each letter's record had."""
    batches: list[int] = field(default_factory=list)
    drains: int = 0
    """How often the import let the spool drain: once after each batch of which something was spooled."""

    async def emit_many(self, records: Iterable[bytes], source: Source) -> Batch:
        refused: list[tuple[int, RecordError]] = []
        by_type: Counter[str] = Counter()
        numbered = list(enumerate(records))
        self.batches.append(len(numbered))
        for index, raw in numbered:
            try:
                envelope = seal(raw, source, NOON)
            except RecordError as error:
                refused.append((index, error))
                continue
            self._take_room()
            self.logged.append((source.name, raw))
            by_type[envelope.event_type] += 1
        spooled = 1 if by_type else 0
        return Batch(by_type.total() - spooled, spooled, refused, by_type)

    async def dead_letter(self, raw: bytes, source: Source, reason: RecordError, position: str, *, size: int) -> None:
        self._take_room()
        self.sizes.append(size)
        self.letters.append((source.name, position, reason.reason, raw))

    async def let_drain(self) -> None:
        self.drains += 1

    def _take_room(self) -> None:
        if not self.room:
            raise SpoolFull("the spool is full")
        self.room -= 1


async def imported(emitter: MemoryEmitter, *paths: Path | str, progress: list[Progress] | None = None) -> Summary:
    """The summary of importing `paths`, whose counts have been checked against the emitter's."""
    states: list[Progress] = [] if progress is None else progress
    summary = await import_files(paths, emitter, organization=ORGANIZATION, on_progress=states.append)
    for file in summary.files:
        assert file.read == file.accepted + file.dead_lettered
        assert file.accepted == file.by_type.total()
    assert emitter.drains <= len(emitter.batches)
    assert (emitter.drains > 0) == any(file.spooled for file in summary.files)
    assert (summary.accepted, summary.dead_lettered) == (len(emitter.logged), len(emitter.letters))
    return summary
