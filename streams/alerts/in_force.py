"""Remembers which copy of an event is in force, and which groups count it.

When a copy by a more trusted route comes, it may concern other rules or groups than the first one did; the earlier
groups have to drop the event. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from streams.alerts.endings import Own

MOST: Final = 100_000
"""Events remembered, the latest to come: some 50 MB. For earlier ones, each group knows its own copies only."""

Event = tuple[str, str]
"""Organization, and the event's id in hexadecimal digits."""


class _Held(NamedTuple):
    version: int
    at: int
    owns: tuple[Own, ...]
    restored: bool = False
    """Whether it is known only from entries of groups, and has not come since."""


class InForce:
    """The copies in force by event, for as long as a fresh copy can come."""

    def __init__(self) -> None:
        self._held: dict[Event, _Held] = {}

    def take(self, event: Event, version: int, at: int, owns: Collection[Own]) -> tuple[Own, ...] | None:
        """Take a copy that the groups `owns` are to count. Returns the groups that counted another copy and must drop
        it.

        Returns None for a repeat, and for a copy that is not in force. `at` is when the log had it, or when it occurred
        if a clock that is ahead makes that later.

        The first copy that comes after a restore is not a repeat: when a worker is killed, the entries of other groups
        that were to count or drop the event may not have been written. A group that has it counts it once.
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
        """Take a copy from a group's entry; `at` is when it occurred."""
        before = self._held.get(event, _Held(version, at, ()))
        self._held[event] = _Held(max(version, before.version), at, (*before.owns, own), restored=True)

    def forget(self, before: int) -> None:
        """Forget events that became known and occurred before `before`: no fresh copy of them is to come."""
        while self._held and next(iter(self._held.values())).at < before:
            del self._held[next(iter(self._held))]

    def clear(self) -> None:
        """Forget everything: after a restart or a rebalance the table is another one."""
        self._held.clear()
