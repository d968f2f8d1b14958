"""Where a reader stands in several topics at once, and how that is written. Pure.

Written as `1.3e8-3f1-0-0.2a-0-0-0`: a version, then a group for each topic with the next offset of each
partition, in hexadecimal. Clients hand it back as it is and look into none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aiokafka import TopicPartition

from schemas.errors import BadUsage, Gone

Offsets = dict[TopicPartition, int]

VERSION: Final = "1"
_WRITTEN: Final = re.compile(r"1(?:\.(?:[0-9a-f]{1,15}(?:-[0-9a-f]{1,15})*)?)+")


class Position:
    """The next offset of each partition of `topics`; moves forward."""

    def __init__(self, topics: Sequence[str], offsets: Mapping[TopicPartition, int]) -> None:
        self.offsets: Offsets = dict(offsets)
        self._groups = [sorted(place for place in offsets if place.topic == topic) for topic in topics]
        self._written = {place: format(offset, "x") for place, offset in offsets.items()}

    def advance(self, place: TopicPartition, offset: int) -> None:
        """The next record of `place` is the one at `offset`."""
        self.offsets[place] = offset
        self._written[place] = format(offset, "x")

    def text(self) -> str:
        """As it is handed out."""
        written = self._written
        return ".".join([VERSION, *("-".join([written[place] for place in group]) for group in self._groups)])


def parse_position(text: str, topics: Sequence[str], places: Iterable[TopicPartition]) -> Offsets:
    """The offsets that a position names. Raises `BadUsage`, or `Gone` for one of another log.

    A partition or topic that came later is not in it: its beginning is where to go on.
    """
    if not _WRITTEN.fullmatch(text):
        raise BadUsage("the position is not one of ours: start again without it")
    groups = text.split(".")[1:]
    there = set(places)
    found = {
        TopicPartition(topic, partition): int(offset, 16)
        for topic, group in zip(topics, groups, strict=False)
        for partition, offset in enumerate(group.split("-") if group else ())
    }
    if len(groups) > len(topics) or not found.keys() <= there:
        raise Gone("the position is of another log: start again without it")
    return found
