"""The windows of one minute, updated step by step as events come, with the same result as folding all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from streams.windows import NOBODY, Copy, Place, Unit, Window, in_force, when


@dataclass(slots=True)
class _Tally:
    """A window in progress."""

    attempts: int = 0
    failures: int = 0
    subjects: dict[str, int] = field(default_factory=dict)
    first: Copy | None = None
    last: Copy | None = None
    seen: int = 0
    unordered: bool = False
    """Whether the first or the last event was removed: the new one is found only by looking at all of them."""

    def count(self, copy: Copy) -> None:
        self.attempts += 1
        if copy.failed:
            self.failures += 1
            self.subjects[copy.subject_id] = self.subjects.get(copy.subject_id, 0) + 1
        if self.first is None or when(copy) < when(self.first):
            self.first = copy
        if self.last is None or when(copy) > when(self.last):
            self.last = copy

    def uncount(self, copy: Copy) -> None:
        self.attempts -= 1
        if copy.failed:
            self.failures -= 1
            self.subjects[copy.subject_id] -= 1
            if not self.subjects[copy.subject_id]:
                del self.subjects[copy.subject_id]
        if copy is self.first or copy is self.last:
            self.unordered = True

    def exchange(self, old: Copy, new: Copy) -> None:
        """Replace a copy by a better one of the same event and time: usually what came by a second route."""
        unordered, first, last = self.unordered, self.first, self.last
        self.uncount(old)
        self.count(new)
        self.unordered = unordered
        self.first = new if first is old else first
        self.last = new if last is old else last


class Minute:
    """The windows of one unit as its copies come, equal to `fold` of all of them."""

    __slots__ = ("_events", "_tallies", "_touched", "_unit", "copies")

    def __init__(self, unit: Unit, known: Iterable[Copy] = ()) -> None:
        """`known` are copies that came before, and whose windows have been returned."""
        self._unit = unit
        self._events: dict[bytes, list[Copy]] = {}
        self._tallies: dict[Place, _Tally] = {}
        self._touched: set[Place] = set()
        self.copies = 0
        """The number of distinct copies."""
        for copy in known:
            self.add(copy)
        self._touched.clear()

    def add(self, copy: Copy) -> bool:
        """Add a copy. Returns whether it was new. If not, it touches its windows nevertheless."""
        own = self._events.get(copy.event_id)
        if own is None:
            self._events[copy.event_id] = [copy]
            self.copies += 1
            self._tally(copy.place).count(copy)
            self._weigh([copy], 1)
            return True
        same = next((index for index, known in enumerate(own) if known.fingerprint == copy.fingerprint), None)
        if same is not None and copy <= own[same]:
            self._touched.update(known.place for known in own)
            return False
        before = in_force(own)
        self._weigh(own, -1)
        if same is None:
            own.append(copy)
            self.copies += 1
        else:
            own[same] = copy
        self._weigh(own, 1)
        after = in_force(own)
        if after.place == before.place and after.occurred_us == before.occurred_us:
            self._tally(after.place).exchange(before, after)
        else:
            self._tally(before.place).uncount(before)
            self._tally(after.place).count(after)
        return True

    def changed(self) -> list[Window]:
        """Return the windows touched since the last call."""
        touched, self._touched = sorted(self._touched), set()
        self._put_in_order({place for place in touched if self._tallies[place].unordered})
        return [self._render(place, self._tallies[place]) for place in touched]

    def _tally(self, place: Place) -> _Tally:
        return self._tallies.setdefault(place, _Tally())

    def _weigh(self, own: Sequence[Copy], sign: int) -> None:
        """Add an event's copies to, or subtract them from, `seen` of every window that they fall into."""
        weight = sign * sum(copy.weight for copy in own)
        for place in {copy.place for copy in own}:
            self._tally(place).seen += weight
            self._touched.add(place)

    def _put_in_order(self, places: set[Place]) -> None:
        if not places:
            return
        counted: dict[Place, list[Copy]] = {place: [] for place in places}
        for best in map(in_force, self._events.values()):
            if best.place in places:
                counted[best.place].append(best)
        for place, copies in counted.items():
            tally = self._tallies[place]
            tally.first = min(copies, key=when, default=None)
            tally.last = max(copies, key=when, default=None)
            tally.unordered = False

    def _render(self, place: Place, tally: _Tally) -> Window:
        first, last = tally.first, tally.last
        return Window(
            self._unit.organization,
            self._unit.minute,
            place[0],
            last.application_name if last else "",
            *place[1:],
            attempts=tally.attempts,
            failures=tally.failures,
            subjects=len(tally.subjects) - ("" in tally.subjects),
            first_event=first.event_id if first else NOBODY,
            last_event=last.event_id if last else NOBODY,
            first_at=first.occurred_us if first else 0,
            last_at=last.occurred_us if last else 0,
            seen=tally.seen,
        )
