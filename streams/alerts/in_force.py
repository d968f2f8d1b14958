"""Which copy of an event is in force, of those that came, and which groups it is something to.

Of an event that comes a second time by a route that is believed more, other rules or groups may have to count it than
had it first: these have to let go of it. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from streams.alerts.endings import Own

MOST: Final = 100_000
"""Events that are remembered, the last that came: some 50 MB. Of earlier ones each group knows its own copies only."""

Event = tuple[str, str]
"""Organization, and the event's id in hexadecimal digits."""


class _Held(NamedTuple):
    version: int
    at: int
    owns: tuple[Own, ...]
    restored: bool = False
    """By entries of groups, and not come since."""


class InForce:
    """By event, for as long as a fresh copy of it can come."""

    def __init__(self) -> None:
        self._held: dict[Event, _Held] = {}

    def take(self, event: Event, version: int, at: int, owns: Collection[Own]) -> tuple[Own, ...] | None:
        """A copy that these groups are to count: the groups that counted another one, which must let go of that.

        None for a repeat, and for a copy that is not in force. `at`: when the log had it, or it occurred if that is
        later, as clocks that are ahead say.

        What comes for the first time after it was restored is no repeat: the entries of other groups that were to count
        it, or to let go, may not have been written when their worker was killed. A group that has it counts it once.
        """
        before = self._held.get(event)
        if before is None:
            self._held[event] = _Held(version, at, tuple(owns))
            if len(self._held) > MOST:
                del self._held[next(iter(self._held))]
            return ()
        if version < before.version or (version == before.version and not before.restored):
            return None
        left = tuple(own for own in before.owns if own not in owns)
        self._held[event] = _Held(version, at, (*owns, *left))
        return left

    def restore(self, event: Event, version: int, at: int, own: Own) -> None:
        """A copy that a group's entry has; `at`: when it occurred."""
        before = self._held.get(event, _Held(version, at, ()))
        self._held[event] = _Held(max(version, before.version), at, (*before.owns, own), restored=True)

    def forget(self, before: int) -> None:
        """No fresh copy is to come of what became known, and occurred, earlier than this."""
        while self._held and next(iter(self._held.values())).at < before:
            del self._held[next(iter(self._held))]

    def clear(self) -> None:
        """After a restart or a rebalance the table is another one."""
        self._held.clear()
