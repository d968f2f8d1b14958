"""Judges whether the sink, or detection, makes progress, from its positions at several moments. No I/O, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

STUCK_AFTER: Final = timedelta(seconds=60)
"""A batch lands within a second, and a killed worker's partitions move within ten."""
HEADER: Final = "idtrail-behind"
"""The header of API answers with the number of records not stored yet; absent while it is not known."""
BEHIND_AFTER: Final = timedelta(minutes=10)
"""A burst is caught up with sooner; a sink slower than the input never catches up."""


class Place(Protocol):
    """One partition: where its log ends, and up to where it is stored."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def stored(self) -> int: ...


STORED: Final = "stored"
EXAMINED: Final = "examined by the rules"
"""What is done with records, in the words of a stall: by the sink, and by detection."""


class Stall(NamedTuple):
    """Records of a topic wait, and nothing has been done with any of it since."""

    topic: str
    partitions: tuple[int, ...]
    since: datetime
    """The earliest time among its partitions."""
    waiting: int
    growing: bool
    done: str = STORED

    def __str__(self) -> str:
        more = " and more come in" if self.growing else ""
        return (
            f"nothing of {self.topic}[{', '.join(map(str, self.partitions))}] was {self.done} since "
            f"{self.since:%Y-%m-%d %H:%M:%S} UTC, while {self.waiting:,} records wait there{more}: "
            "is a worker running? Its log says why it stopped"
        )


@dataclass(slots=True)
class _Seen:
    stored: int
    since: datetime
    """When it was first seen with this much stored and something waiting."""
    end_then: int
    end: int
    looked_at: datetime


class LagWatch:
    """Judges the lag from looks at it, which must be given in the order of time."""

    def __init__(
        self, stuck_after: timedelta = STUCK_AFTER, behind_after: timedelta = BEHIND_AFTER, done: str = STORED
    ) -> None:
        self._done = done
        self._stuck_after = stuck_after
        self._behind_after = behind_after
        self._seen: dict[tuple[str, int], _Seen] = {}
        self._ends: deque[tuple[datetime, dict[tuple[str, int], int]]] = deque()
        """Where the partitions ended: at the last look old enough to judge by, and at those since."""
        self._behind_since: datetime | None = None
        self._waiting = 0
        self._late: bool | None = None
        self._looked_at: datetime | None = None

    def look(self, at: datetime, places: Iterable[Place]) -> None:
        """Record how far each partition is.

        If the last look is long ago or still to come, nobody looked meanwhile or the clock was set: what was seen
        before counts no more.
        """
        if self._looked_at is not None and not timedelta(0) <= at - self._looked_at <= 2 * self._stuck_after:
            self._seen.clear()
            self._ends.clear()
            self._behind_since = None
        seen: dict[tuple[str, int], _Seen] = {}
        places = list(places)
        self._looked_at = at
        self._waiting = 0
        for place in places:
            waiting = place.end - place.stored
            if waiting <= 0:
                continue
            self._waiting += waiting
            key = (place.topic, place.partition)
            before = self._seen.get(key)
            if before is None or before.stored != place.stored:
                seen[key] = _Seen(place.stored, at, place.end, place.end, at)
            else:
                seen[key] = _Seen(before.stored, before.since, before.end_then, place.end, at)
        self._seen = seen
        self._ends.append((at, {(place.topic, place.partition): place.end for place in places}))
        while len(self._ends) > 1 and at - self._ends[1][0] >= self._stuck_after:
            self._ends.popleft()
        then, ends = self._ends[0]
        if not self._waiting:
            self._late = False
        elif at - then >= self._stuck_after:
            self._late = any(place.stored < ends.get((place.topic, place.partition), 0) for place in places)
        else:
            self._late = None
        if self._late is False:
            self._behind_since = None
        elif self._late and self._behind_since is None:
            self._behind_since = then

    @property
    def waiting(self) -> int | None:
        """The number of records not stored at the last look; None before the first."""
        return None if self._looked_at is None else self._waiting

    def stalls(self) -> list[Stall]:
        """Return the topics whose records wait while nothing is stored, the longest first.

        Only the looks count, not the time since: the broker may have been away in between.
        """
        stuck: dict[str, dict[int, _Seen]] = {}
        for (topic, partition), seen in sorted(self._seen.items()):
            if seen.looked_at - seen.since >= self._stuck_after:
                stuck.setdefault(topic, {})[partition] = seen
        found = [
            Stall(
                topic,
                tuple(of_it),
                min(seen.since for seen in of_it.values()),
                sum(seen.end - seen.stored for seen in of_it.values()),
                any(seen.end > seen.end_then for seen in of_it.values()),
                self._done,
            )
            for topic, of_it in stuck.items()
        ]
        return sorted(found, key=lambda stall: (stall.since, stall.topic))

    def late(self) -> bool | None:
        """Whether something has waited for as long as a stall takes; None while there are too few looks to say."""
        return self._late

    def behind(self) -> tuple[datetime, int] | None:
        """Return since when the sink has always been late, and how much waits; None while it is not worth reporting.

        Records that just came do not count: on a busy log something always waits for a moment.
        """
        if self._behind_since is None or self._looked_at is None:
            return None
        if self._looked_at - self._behind_since < self._behind_after:
            return None
        return self._behind_since, self._waiting
