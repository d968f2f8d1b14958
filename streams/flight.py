"""Flights, what the sink carries at a time: at most one decoded chunk per partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition

from schemas.errors import Fatal
from streams.blocks import digest_of
from streams.chunk import Progress, token
from streams.portion import Portion, Portions, Runs, cut
from streams.rows import LogRecord

Fetched = dict[TopicPartition, list[LogRecord]]
"""Records by partition, each partition's in order."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Contiguous records of one partition, inserted under one token."""

    place: TopicPartition
    portion: Portion
    unreadable_before: int
    """The number of consecutive unreadable records just before these."""
    newest_ms: int
    """The latest append time of any record."""
    digest: str
    """Digest of the rows."""

    def token(self, epoch: str) -> str:
        """Return the token of their insert."""
        return token(epoch, self.place.topic, self.place.partition, self.portion.span, self.digest)

    def begun(self, before: Progress) -> Progress:
        """Return the progress to commit before they are stored."""
        return Progress(before.epoch, self.portion.span, self.unreadable_before, max(before.mark, self.newest_ms))

    def ended(self, before: Progress) -> Progress:
        """Return the progress to commit once they are stored."""
        return Progress(before.epoch, None, self.unreadable, max(before.mark, self.newest_ms))

    @property
    def unreadable(self) -> int:
        """The number of consecutive unreadable records up to the last of these."""
        return self._runs.trailing

    @property
    def longest_unreadable(self) -> int:
        """The longest run of unreadable records that includes at least one of these."""
        return self._runs.longest

    @property
    def _runs(self) -> Runs:
        return Runs(self.unreadable_before, 0, self.unreadable_before, whole=True).then(self.portion.unreadable)


Flight = list[Chunk]


@dataclass(frozen=True, slots=True)
class Loader:
    """Makes flights of what was fetched."""

    portions: Portions
    poison_limit: int

    def load(
        self, fetched: Mapping[TopicPartition, Sequence[LogRecord]], unreadable: dict[TopicPartition, int]
    ) -> list[Flight]:
        """Return flights to land one after the other, nearly always one; in each the events come first, because
        detection waits for them.

        `unreadable` holds for each partition the run of unreadable records before these, and is updated to the run
        after them. Raises `Fatal` when a run is too long.
        """
        order = sorted(fetched, key=lambda place: place.topic != self.portions.events)
        pieces = [self._chunks(place, fetched[place], unreadable) for place in order]
        deepest = max(map(len, pieces), default=0)
        return [[chunks[depth] for chunks in pieces if depth < len(chunks)] for depth in range(deepest)]

    def _chunks(
        self, place: TopicPartition, records: Sequence[LogRecord], unreadable: dict[TopicPartition, int]
    ) -> list[Chunk]:
        whole = self._chunk(place, records, unreadable[place])
        self._stop_if_all_is_poison(whole)
        pieces = list(cut(records, whole.portion))
        chunks = [whole]
        if len(pieces) > 1:
            chunks.clear()
            before = unreadable[place]
            for piece in pieces:
                chunks.append(self._chunk(place, piece, before))
                before = chunks[-1].unreadable
        unreadable[place] = whole.unreadable
        return chunks

    def _chunk(self, place: TopicPartition, records: Sequence[LogRecord], unreadable: int) -> Chunk:
        portion = self.portions.portion(records)
        newest_ms = max(record.timestamp for record in records)
        return Chunk(place, portion, unreadable, max(newest_ms, 0), digest_of(portion.blocks))

    def _stop_if_all_is_poison(self, chunk: Chunk) -> None:
        """Raise `Fatal` for too many unreadable records, rather than empty the log into the dead letters."""
        place, span = chunk.place, chunk.portion.span
        if chunk.longest_unreadable >= self.poison_limit:
            raise Fatal(
                f"{chunk.longest_unreadable} records in a row of {place.topic}[{place.partition}] cannot be read, up "
                f"to or among offsets {span.first} to {span.last}: the sink stops before these. "
                "Find what writes them; if they are to be skipped, raise IDTRAIL_POISON_LIMIT"
            )
