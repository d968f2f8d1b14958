"""A reader's position in several topics at once, and its text form. Pure.

The text is like `1.3e8-3f1-0-0.2a-0-0-0`: a version, then a group for each topic with the next offset of each
partition, in hexadecimal. Clients hand it back unchanged and do not interpret it.
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
    """The next offset of each partition of `topics`; it only moves forward."""

    def __init__(self, topics: Sequence[str], offsets: Mapping[TopicPartition, int]) -> None:
        self.offsets: Offsets = dict(offsets)
        self._groups = [sorted(place for place in offsets if place.topic == topic) for topic in topics]
        self._written = {place: format(offset, "x") for place, offset in offsets.items()}

    def advance(self, place: TopicPartition, offset: int) -> None:
        """Record that the next record of `place` is the one at `offset`."""
        self.offsets[place] = offset
        self._written[place] = format(offset, "x")

    def text(self) -> str:
        """Return the text form."""
        written = self._written
        return ".".join([VERSION, *("-".join([written[place] for place in group]) for group in self._groups)])


def parse_position(text: str, topics: Sequence[str], places: Iterable[TopicPartition]) -> Offsets:
    """Return the offsets in a position's text. Raises `BadUsage`, or `Gone` for one of another log.

    A partition or topic that was added later is not in it: there, the reader continues from the beginning.
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
