"""What the sink carries at a time: a chunk of each partition at most, decoded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiokafka import TopicPartition

from schemas.errors import Fatal
from streams.alert_records import decode_alerts
from streams.letters import decode_dead_letters
from streams.rows import Decoded, LogRecord, cut, decode_events

Fetched = dict[TopicPartition, list[LogRecord]]
"""Records by partition, each partition's in their order."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Contiguous records of one partition: what one token stands for."""

    place: TopicPartition
    decoded: Decoded
    unreadable_before: int


Flight = list[Chunk]


@dataclass(frozen=True, slots=True)
class Loader:
    """Makes flights of what was fetched."""

    events: str
    """The topic of events."""
    alerts: str
    """That of alerts; the others hold dead letters and decisions about them."""
    horizon: timedelta
    poison_limit: int
    also: Collection[str] = ()
    """Event types that detection wants beside those of provisioning."""

    def load(
        self, fetched: Mapping[TopicPartition, Sequence[LogRecord]], unreadable: dict[TopicPartition, int]
    ) -> list[Flight]:
        """Flights that are to land one after the other, nearly always one; in each the events first, because detection
        waits for them.

        `unreadable` holds for each partition the run of unreadable records before these, and in the end the one after
        them. Raises `Fatal` for too long a run.
        """
        order = sorted(fetched, key=lambda place: place.topic != self.events)
        pieces = [self._chunks(place, fetched[place], unreadable) for place in order]
        deepest = max(map(len, pieces), default=0)
        return [[chunks[depth] for chunks in pieces if depth < len(chunks)] for depth in range(deepest)]

    def _chunks(
        self, place: TopicPartition, records: Sequence[LogRecord], unreadable: dict[TopicPartition, int]
    ) -> list[Chunk]:
        before = unreadable[place]
        decoded = self._decode(place.topic, records, before)
        self._stop_if_all_is_poison(place, decoded)
        unreadable[place] = decoded.unreadable
        pieces = list(cut(records, decoded)) if place.topic == self.events else [records]
        if len(pieces) == 1:
            return [Chunk(place, decoded, before)]
        chunks = []
        for piece in pieces:
            decoded = self._decode(place.topic, piece, before)
            chunks.append(Chunk(place, decoded, before))
            before = decoded.unreadable
        return chunks

    def _decode(self, topic: str, records: Sequence[LogRecord], unreadable: int) -> Decoded:
        if topic == self.events:
            return decode_events(records, self.horizon, unreadable, self.also)
        if topic == self.alerts:
            return decode_alerts(records, unreadable)
        return decode_dead_letters(records)

    def _stop_if_all_is_poison(self, place: TopicPartition, decoded: Decoded) -> None:
        """Rather stop and say so than empty the log into the dead letters."""
        if decoded.most_unreadable >= self.poison_limit:
            raise Fatal(
                f"{decoded.most_unreadable} records in a row of {place.topic}[{place.partition}] cannot be read, up to "
                f"or among offsets {decoded.span.first} to {decoded.span.last}: the sink stops before these. "
                "Find what writes them; if they are to be skipped, raise IDTRAIL_POISON_LIMIT"
            )
