"""Marks of alerts that were published before the entries of their groups were written, for recovery after a kill.

An entry lists what its group has published, and is written later than that. A kill in between, together with a better
copy of an event that is then read with the others, could leave an open alert that no entry knows. So alerts published
together are marked in one small entry as they are published; whoever finds the mark later publishes these alerts anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import orjson

from schemas.alerts import MAX_NAMED
from streams.alerts.alert import Alert, alert_of
from streams.alerts.endings import Own
from streams.copies import Table

TOLD: Final = "told"
"""The field by which marks differ from other entries."""
ENTRY_GROUPS: Final = 200
"""Groups per entry, some 200 KB."""


class Mark(NamedTuple):
    """Alerts of one group that may have been published in this form, or at all."""

    own: Own
    version: str
    """The rule's version."""
    alerts: list[Alert]


class Tellings:
    """Marks in the table, by group."""

    def __init__(self, table: Table, key: Callable[[int], bytes]) -> None:
        """`key` returns a new key for an entry of a partition."""
        self._table = table
        self._key = key
        self._came: dict[int, list[Mark]] = {}
        self._marked: dict[Own, set[str]] = {}
        """Ids of the marked alerts."""
        self._keys: dict[Own, list[bytes]] = {}
        self._groups: dict[bytes, set[Own]] = {}
        """For each entry, the groups that still need it."""
        self._found: dict[int, list[tuple[int, bytes, Mark]]] = {}
        """Each partition's marks by earlier workers that are still to be examined: the offset read by then, the entry's
        key, and the mark."""

    def add(self, partition: int, mark: Mark) -> None:
        """Add alerts that are published now; those already marked need no other mark."""
        marked = self._marked.setdefault(mark.own, set())
        ids = {alert.alert_id for alert in mark.alerts}
        if not ids <= marked:
            marked |= ids
            self._came.setdefault(partition, []).append(mark)

    def write(self, offsets: dict[int, int]) -> None:
        """Write entries of the added marks. `offsets` says up to where each partition was read."""
        came, self._came = self._came, {}
        for partition, marks in came.items():
            for start in range(0, len(marks), ENTRY_GROUPS):
                some = marks[start : start + ENTRY_GROUPS]
                told = [[*mark.own, mark.version, [_short(alert) for alert in mark.alerts]] for mark in some]
                value = {"partition": partition, "offset": offsets.get(partition, -1), TOLD: told}
                key = self._key(partition)
                for mark in some:
                    self._needs(key, mark.own)
                self._table.put_entry(partition, key, orjson.dumps(value))

    def written(self, own: Own) -> list[bytes]:
        """Return the keys of entries to delete, now that the group's own entry lists everything."""
        self._marked.pop(own, None)
        gone = []
        for key in self._keys.pop(own, ()):
            self._groups[key].discard(own)
            if not self._groups[key]:
                del self._groups[key]
                gone.append(key)
        return gone

    def restore(self, key: bytes, value: dict[str, Any]) -> None:
        """Take the marks that an earlier worker left."""
        found = self._found.setdefault(value["partition"], [])
        for rule_id, organization, group, version, alerts in value[TOLD]:
            own = rule_id, organization, tuple(group)
            self._groups.setdefault(key, set()).add(own)
            found.append((value["offset"], key, Mark(own, version, [alert_of(each) for each in alerts])))

    def due(self, partition: int, offset: int) -> Iterator[Mark]:
        """Yields the restored marks whose events have all been read again."""
        found = self._found.pop(partition, [])
        left = [each for each in found if each[0] > offset]
        if left:
            self._found[partition] = left
        for at, key, mark in found:
            if at <= offset:
                self._needs(key, mark.own)
                self._marked.setdefault(mark.own, set()).update(alert.alert_id for alert in mark.alerts)
                yield mark

    def clear(self) -> None:
        """Forget everything: after a restart or a rebalance the table is another one."""
        for derived in (self._came, self._marked, self._keys, self._groups, self._found):
            derived.clear()

    def _needs(self, key: bytes, own: Own) -> None:
        self._groups.setdefault(key, set()).add(own)
        self._keys.setdefault(own, []).append(key)


def _short(alert: Alert) -> list[Any]:
    return list(alert._replace(people=alert.people[:MAX_NAMED], applications=alert.applications[:MAX_NAMED]))
