"""Chunks, the unit of the sink: contiguous offsets of one partition, and how their boundaries are remembered.

A chunk's boundaries are committed to Kafka before its insert (the *intent*), and its end after it, both in the metadata
of the group's own offset commit. Whoever takes over the partition reads them there and inserts exactly the same rows
under the same token, which ClickHouse recognises. The token also depends on the rows, because ClickHouse drops whatever
comes under a known token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from schemas.errors import Fatal

MAX_MONTHS: Final = 50
"""ClickHouse refuses an insert into more than 100 partitions (error 252); half of that leaves room."""

_METADATA = re.compile(r"([0-9a-f]{8})(?::(\d+)-(\d+))?(?:\+(\d+))?(?:@(\d+))?")


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What the group has committed for a partition."""

    epoch: str
    """Chosen when a partition is first read, and kept in every commit. The broker forgets it with the topic, so a topic
    that is deleted and made anew never meets the tokens of the old one."""
    intent: Span | None = None
    """The chunk that is, or may be, in flight."""
    unreadable: int = 0
    """The number of consecutive unreadable records up to the committed offset: a restart continues the count."""
    mark: int = 0
    """The latest append time, in milliseconds, of any record up to here, including those of the intent; 0 when unknown.
    See `streams/standing.py`."""

    def metadata(self) -> str:
        """Return the metadata to commit."""
        intent = "" if self.intent is None else f":{self.intent.first}-{self.intent.last}"
        unreadable = f"+{self.unreadable}" if self.unreadable else ""
        return f"{self.epoch}{intent}{unreadable}" + (f"@{self.mark}" if self.mark else "")


def read_progress(metadata: str, epoch: str) -> Progress:
    """Parse the progress in a commit's metadata; a partition without commits starts with `epoch`.

    Raises `Fatal` for metadata that the sink did not write: another program commits under its group.
    """
    if not metadata:
        return Progress(epoch)
    match = _METADATA.fullmatch(metadata)
    if match is None:
        raise Fatal(
            f"the sink's consumer group holds metadata it did not write ({metadata[:40]!r}): "
            "another program commits under its name; give that one a group of its own"
        )
    intent = Span(int(match[2]), int(match[3])) if match[2] else None
    return Progress(match[1], intent, int(match[4] or 0), int(match[5] or 0))


def token(epoch: str, topic: str, partition: int, span: Span, digest: str) -> str:
    """Return the insert token of a chunk: the same rows of the same chunk have the same token, whoever inserts them
    and however often. A release that reads the records differently gets another token, so that its rows are not taken
    for the old ones."""
    return f"{epoch}:{topic}:{partition}:{span.first}-{span.last}:{digest}"


def cut_at_months(months: list[int], limit: int = MAX_MONTHS) -> list[int]:
    """Return the exclusive ends at which to cut rows so that no piece has more than `limit` different months."""
    ends: list[int] = []
    seen: set[int] = set()
    for index, month in enumerate(months):
        if month not in seen and len(seen) == limit:
            ends.append(index)
            seen.clear()
        seen.add(month)
    if months:
        ends.append(len(months))
    return ends
