"""The sink's position in a partition, and whether the log before it is still the one that it read.

A log can lose its end (a power cut before it was synced, a lagging replica that becomes leader, a volume restored from
an older copy) and grow again under the same offsets. It can also lose its beginning, even unread records. So each
commit keeps the append time of the newest record that it covers, its *mark*: a record below the committed offset that
is newer than the mark is not the one that was read there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import uuid4

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from schemas.errors import MalformedRecord
from schemas.letters import LOST_BEGINNING, LOST_END
from streams.chunk import Progress, Span, read_progress
from streams.rows import Produced, dead_letter

_BEGAN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = 2**63 - 1


class Log(NamedTuple):
    """The state of a partition of the log."""

    begin: int
    end: int
    """Offset of the next record to be written."""
    newer: int | None
    """Offset of the first record appended after the mark; None when there is none, or no mark."""


class Cut(NamedTuple):
    """Records missing from the log."""

    reason: str
    span: Span
    message: str

    def letter(self, place: TopicPartition) -> Produced:
        """Return the dead letter that permanently records what the sink continued without."""
        why = MalformedRecord(self.message, reason=self.reason)
        return dead_letter(place.topic, place.partition, self.span.first, None, self.message.encode(), (), why)


class Resume(NamedTuple):
    """The position from which to continue in a partition."""

    offset: int
    progress: Progress
    cuts: list[Cut]
    """Empty when the log is the one that was read; then nothing has to be committed."""


def stand(place: TopicPartition, committed: int | None, progress: Progress, log: Log, epoch: str) -> Resume:
    """Return where to continue, from what the group committed (None if nothing) and what the log holds.

    After a cut no part of the unfinished chunk is known to be whole: it is read again in other chunks, as new records
    are. A log that has lost its end continues under a new `epoch`.
    """
    if committed is None:
        return Resume(log.begin, progress, [])
    name = f"{place.topic}[{place.partition}]"
    read_to = committed if progress.intent is None else progress.intent.last + 1
    offset, cuts = committed, []
    if (fork := _fork(read_to, progress.mark, log)) is not None:
        offset, lost = min(offset, fork), Span(fork, read_to - 1)
        known = f", appended up to {_at(progress.mark)}" if progress.mark else ""
        cuts.append(
            Cut(
                LOST_END,
                lost,
                f"{name} has lost its end: records up to offset {lost.last}{known}, were read and are gone. What is "
                f"new from offset {fork} on is read. What was lost is in the store alone, and a rebuild would drop it: "
                "save it with `idtrail export`; `idtrail verify` tells where store and log differ",
            )
        )
    if log.begin > committed:
        removed = Span(committed, log.begin - 1)
        cuts.append(
            Cut(
                LOST_BEGINNING,
                removed,
                f"{name} has lost its beginning: offsets {removed.first} to {removed.last} were removed before they "
                "were known to be stored. What they held is lost unless its sources still have it: import it again. "
                "Find what shortens the topic, and keep it for ever (retention.ms=-1, retention.bytes=-1)",
            )
        )
    if not cuts:
        return Resume(committed, progress, [])
    same = progress.epoch if cuts[0].reason == LOST_BEGINNING else epoch
    return Resume(max(offset, log.begin), Progress(same, mark=progress.mark), cuts)


def _fork(read_to: int, mark: int, log: Log) -> int | None:
    """Return the offset from which the log differs from what was read; None when nothing differs."""
    if log.newer is not None and log.newer < read_to:
        return log.newer
    if log.end >= read_to:
        return None
    return log.end if mark else log.begin  # without a mark any record may be new


def _at(milliseconds: int) -> str:
    try:
        return f"{_BEGAN + timedelta(milliseconds=milliseconds):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"
    except OverflowError:  # only on a topic whose producers stamp the records
        return f"{milliseconds} ms"


async def newer_than(consumer: Any, marks: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Returns, for each partition that has one, the first offset whose record is newer than the mark. Raises
    `KafkaError`."""
    found = await consumer.offsets_for_times(
        {place: min(mark + 1, _LATEST_MS) for place, mark in marks.items() if mark}
    )
    return {place: at.offset for place, at in found.items() if at is not None}


async def look(
    consumer: Any, admin: Any, group: str, places: Collection[TopicPartition]
) -> dict[TopicPartition, Resume]:
    """Return the group's standing in each partition. Raises `KafkaError`, and `Fatal` where another program commits
    under the group."""
    found = await admin.list_consumer_group_offsets(group, partitions=list(places))
    committed = {place: at for place, at in found.items() if at.offset >= 0}
    progress = {
        place: read_progress(committed[place].metadata or "" if place in committed else "", _new_epoch())
        for place in places
    }
    begins = await consumer.beginning_offsets(list(places))
    ends = await consumer.end_offsets(list(places))
    newer = await newer_than(consumer, {place: at.mark for place, at in progress.items()})
    return {
        place: stand(
            place,
            committed[place].offset if place in committed else None,
            progress[place],
            Log(begins[place], ends[place], newer.get(place)),
            _new_epoch(),
        )
        for place in places
    }


def _new_epoch() -> str:
    return uuid4().hex[:8]


@dataclass(slots=True)
class Assignment:
    """The state of the held partitions between two rebalances."""

    offsets: dict[TopicPartition, int]
    """The committed offsets: everything before them is stored."""
    progress: dict[TopicPartition, Progress]
    """The committed progress."""
    unreadable: dict[TopicPartition, int]
    """The run of unreadable records up to the last one read, which may be ahead of what is committed."""

    @classmethod
    def of(cls, standing: Mapping[TopicPartition, Resume]) -> Assignment:
        """Return the assignment that begins at these standings."""
        return cls(
            {place: at.offset for place, at in standing.items()},
            {place: at.progress for place, at in standing.items()},
            {place: at.progress.unreadable for place, at in standing.items()},
        )

    def recovers(self) -> bool:
        """Whether an intent is unfinished: its boundaries may need several fetches, so nothing is fetched ahead."""
        return any(progress.intent for progress in self.progress.values())

    async def refuse_fork(self, consumer: Any, places: Iterable[TopicPartition]) -> None:
        """Raises `OffsetOutOfRangeError` where the log lost its end and has grown again beyond what was read: fetches
        do not notice that."""
        newer = await newer_than(consumer, {place: self.progress[place].mark for place in places})
        if any(at < self.offsets[place] for place, at in newer.items()):
            raise OffsetOutOfRangeError(newer)
