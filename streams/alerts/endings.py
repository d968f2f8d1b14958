"""Keeps events that would have ended alerts whose beginning has not come, in case it comes late.

Nearly every success ends nothing. Each is remembered for as long as an earlier event can come; endings that came
together share a few table entries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from streams.alerts.occurrence import Occurrence
from streams.copies import Table

Own = tuple[str, str, tuple[str, ...]]
"""Rule, organization, and the values of the rule's `group_by`."""

MOST_OF_ONE: Final = 500
"""The endings kept per group, the latest to come: as many as a followed group keeps at least."""
MOST: Final = 1_000_000
"""Groups with remembered endings; beyond this number the first are forgotten."""
ENTRY_ENDINGS: Final = 500
"""Endings per entry, some 70 KB: after a pause more may come together than fits into one Kafka record."""


class Endings:
    """Endings by group, for groups that are not followed: followed ones keep their own."""

    def __init__(self, table: Table, key: Callable[[int], bytes]) -> None:
        """`key` returns a new key for an entry of a partition."""
        self._table = table
        self._key = key
        self._of: dict[Own, tuple[int, dict[str, Occurrence]]] = {}
        """Each group's partition, and its endings by event id in order of arrival."""
        self._came: dict[int, list[tuple[Own, Occurrence]]] = {}
        self._entries: dict[int, deque[tuple[int, bytes]]] = {}
        """Each partition's entries, each with the time up to which the log was read when it was written."""

    def add(self, partition: int, own: Own, one: Occurrence) -> None:
        """Add an ending; nothing is written before `write`."""
        if self._remember(partition, own, one):
            self._came.setdefault(partition, []).append((own, one))

    def take(self, own: Own) -> list[Occurrence]:
        """Remove and return the endings of a group that is followed from now on."""
        _, some = self._of.pop(own, (0, {}))
        return list(some.values())

    def write(self, known: dict[int, int]) -> None:
        """Write the endings that came in each partition as entries. `known` says up to when its log was read."""
        came, self._came = self._came, {}
        for partition, some in came.items():
            # Something earlier can come for this long after what is known by then, or after the event itself if its
            # clock is ahead.
            at = max(known.get(partition, 0), *(one.at for _, one in some))
            for start in range(0, len(some), ENTRY_ENDINGS):
                value: dict[str, Any] = {
                    "partition": partition,
                    "known": at,
                    "endings": [[*own, *one[:4]] for own, one in some[start : start + ENTRY_ENDINGS]],
                }
                key = self._key(partition)
                self._table.put_entry(partition, key, orjson.dumps(value))
                self._entries.setdefault(partition, deque()).append((at, key))

    def forget(self, before: dict[int, int]) -> None:
        """Forget endings before the time of each partition: nothing earlier is still to come."""
        for partition, entries in self._entries.items():
            while entries and entries[0][0] < before.get(partition, 0):
                self._table.delete_entry(partition, entries.popleft()[1])
        for own, (partition, some) in list(self._of.items()):
            oldest = before.get(partition, 0)
            for event_id in [event_id for event_id, one in some.items() if one.at < oldest]:
                del some[event_id]
            if not some:
                del self._of[own]

    def clear(self) -> None:
        """Forget everything: after a restart or a rebalance the table is another one."""
        for derived in (self._of, self._came, self._entries):
            derived.clear()

    def restore(self, key: bytes, value: dict[str, Any]) -> Iterable[tuple[Own, Occurrence]]:
        """Take an entry of the table and return the endings in it, which are remembered again."""
        partition = value["partition"]
        self._entries.setdefault(partition, deque()).append((value["known"], key))
        for rule_id, organization, group, *rest in value["endings"]:
            own, one = (rule_id, organization, tuple(group)), Occurrence(*rest)
            self._remember(partition, own, one)
            yield own, one

    def _remember(self, partition: int, own: Own, one: Occurrence) -> bool:
        _, known = self._of.setdefault(own, (partition, {}))
        same = known.get(one.event_id)
        if same is not None and same.version >= one.version:
            return False
        known[one.event_id] = one
        if len(known) > MOST_OF_ONE:
            del known[next(iter(known))]
        if len(self._of) > MOST:
            del self._of[next(iter(self._of))]
        return True
