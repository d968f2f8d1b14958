"""What was told since the entries of its groups were written, for whoever goes on after a kill.

An entry says what its group has told, and is written later than that is told. A kill in between, and a better copy of
an event that is read with the others then, could leave an alert standing of which nobody knows any more. So what is
told together is marked in one small entry as it is told; whoever finds that later tells these alerts anew.
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
"""The field that tells marks from other entries."""
ENTRY_GROUPS: Final = 200
"""In one entry, some 200 KB."""


class Mark(NamedTuple):
    """Alerts of one group that may have been told so, or told at all."""

    own: Own
    version: str
    """Of the rule."""
    alerts: list[Alert]


class Tellings:
    """Marks in the table, by group."""

    def __init__(self, table: Table, key: Callable[[int], bytes]) -> None:
        """`key` makes a new key for an entry of a partition."""
        self._table = table
        self._key = key
        self._came: dict[int, list[Mark]] = {}
        self._marked: dict[Own, set[str]] = {}
        """Ids of the alerts that are marked."""
        self._keys: dict[Own, list[bytes]] = {}
        self._groups: dict[bytes, set[Own]] = {}
        """Of an entry those that it is still needed for."""
        self._found: dict[int, list[tuple[int, bytes, Mark]]] = {}
        """By partition, those of earlier workers that are still to be looked into: what had been read by then, and the
        entry's key."""

    def add(self, partition: int, mark: Mark) -> None:
        """Alerts that are told now; those that are marked already need no other mark."""
        marked = self._marked.setdefault(mark.own, set())
        ids = {alert.alert_id for alert in mark.alerts}
        if not ids <= marked:
            marked |= ids
            self._came.setdefault(partition, []).append(mark)

    def write(self, offsets: dict[int, int]) -> None:
        """Entries of what came. `offsets`: up to where each partition was read."""
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
        """Keys of entries that are to go, now that the group's own says it all."""
        self._marked.pop(own, None)
        gone = []
        for key in self._keys.pop(own, ()):
            self._groups[key].discard(own)
            if not self._groups[key]:
                del self._groups[key]
                gone.append(key)
        return gone

    def restore(self, key: bytes, value: dict[str, Any]) -> None:
        """Marks that an earlier worker left."""
        found = self._found.setdefault(value["partition"], [])
        for rule_id, organization, group, version, alerts in value[TOLD]:
            own = rule_id, organization, tuple(group)
            self._groups.setdefault(key, set()).add(own)
            found.append((value["offset"], key, Mark(own, version, [alert_of(each) for each in alerts])))

    def due(self, partition: int, offset: int) -> Iterator[Mark]:
        """Of those that were found, the ones whose events have all been read again."""
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
        """After a restart or a rebalance the table is another one."""
        for derived in (self._came, self._marked, self._keys, self._groups, self._found):
            derived.clear()

    def _needs(self, key: bytes, own: Own) -> None:
        self._groups.setdefault(key, set()).add(own)
        self._keys.setdefault(own, []).append(key)


def _short(alert: Alert) -> list[Any]:
    return list(alert._replace(people=alert.people[:MAX_NAMED], applications=alert.applications[:MAX_NAMED]))
