"""The set of copies that live detection knows, and the windows that change with it.

The entries live in a table (a Faust one, or any mapping), one small entry a copy, written once. What is
held beside it is derived from it, and derived anew after a restart or a rebalance. Minutes into which
no fresh event can fall any more are forgotten, by the log's time and never by the clock.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, MutableMapping
from datetime import timedelta
from typing import Final

import orjson

from streams.minute import Minute
from streams.windows import Copy, Unit, Window

HOT_COPIES: Final = 200_000
"""Of the minutes that changed last, held ready; others are read from the table when they change."""

_KEY: Final = struct.Struct(">HI16s16s")
"""Partition, minute, event id, fingerprint; the organization follows."""
_FORGOTTEN_MINUTE: Final = 0xFFFF_FFFF


def table_key(partition: int, unit: Unit, copy: Copy) -> bytes:
    """One entry for each copy, and all that is needed to find it again."""
    return _KEY.pack(partition, unit.minute // 60, copy.event_id, copy.fingerprint) + unit.organization.encode()


def table_value(copy: Copy) -> bytes:
    """What the key does not say."""
    return orjson.dumps(copy[2:])


def read_entry(key: bytes, value: bytes) -> Copy:
    """The copy of an entry."""
    _, _, event_id, fingerprint = _KEY.unpack_from(key)
    return Copy(event_id, fingerprint, *orjson.loads(value))


def partition_of(key: bytes) -> int:
    """The partition of `idtrail.provisioning` that an entry belongs to."""
    return int(_KEY.unpack_from(key)[0])


class Copies:
    """Takes copies in, says which windows changed, forgets what is old."""

    def __init__(self, table: MutableMapping[bytes, bytes], keep: timedelta, hot_copies: int = HOT_COPIES) -> None:
        """`keep` must be longer than events are fresh."""
        self._table = table
        self._keep_seconds = int(keep.total_seconds())
        self._hot_copies = hot_copies
        self._minutes: dict[int, dict[int, dict[str, list[bytes]]]] = {}
        """Table keys by partition, minute and organization."""
        self._forgotten: dict[int, int] = {}
        """By partition, up to which second."""
        self._looked: dict[int, int] = {}
        """The same, for what was looked for and perhaps not found."""
        self._hot: OrderedDict[Unit, Minute] = OrderedDict()
        self._dirty: dict[Unit, tuple[int, list[Copy]]] = {}
        self._late: set[Unit] = set()

    def take(self, partition: int, unit: Unit, copy: Copy) -> None:
        """Take one copy in. A repeat writes nothing, but its windows count as changed."""
        if unit.minute < self._forgotten.get(partition, 0):
            self._late.add(unit)
            return
        key = table_key(partition, unit, copy)
        value = self._table.get(key)
        if value is None:
            self._keys(partition, unit).append(key)
        if value is None or copy > read_entry(key, value):
            self._table[key] = table_value(copy)
        self._dirty.setdefault(unit, (partition, []))[1].append(copy)

    def changed(self) -> list[Window]:
        """The windows that changed since the last time, as they are now."""
        dirty, self._dirty = self._dirty, {}
        windows = []
        for unit, (partition, copies) in dirty.items():
            minute = self._hot.get(unit)
            if minute is None:
                minute = self._hot[unit] = Minute(unit)
                copies = [read_entry(key, self._table[key]) for key in self._keys(partition, unit)]
            self._hot.move_to_end(unit)
            for copy in copies:
                minute.add(copy)
            windows += minute.changed()
        self._cool()
        return windows

    def late(self) -> list[Unit]:
        """Units forgotten already that something came for: only the store knows all of them."""
        late, self._late = sorted(self._late), set()
        return late

    def expired(self, partition: int, known_ms: int) -> bool:
        """Whether something of the partition is to be forgotten, now that its log is at `known_ms`.

        The windows that changed must be written before `forget` is called.
        """
        cutoff = self._cutoff(known_ms)
        if cutoff <= self._looked.get(partition, 0):
            return False
        self._looked[partition] = cutoff
        return any(minute < cutoff for minute in self._minutes.get(partition, ()))

    def forget(self, partition: int, known_ms: int) -> None:
        """Delete the entries of minutes that no fresh event can fall into any more."""
        minutes, cutoff = self._minutes[partition], self._cutoff(known_ms)
        for minute in [minute for minute in minutes if minute < cutoff]:
            for organization, keys in minutes.pop(minute).items():
                self._hot.pop(Unit(organization, minute), None)
                for key in keys:
                    del self._table[key]
        self._forgotten[partition] = cutoff
        # Kept as an entry too: after a restart as well, what comes late must be known to be late.
        self._table[_KEY.pack(partition, _FORGOTTEN_MINUTE, b"", b"")] = str(cutoff).encode()

    def restore(self, held: Collection[int], drop: Callable[[bytes], None]) -> Iterable[None]:
        """Derive everything anew from the table, entry by entry: let others run in between.

        Entries of partitions that are not `held` are given to `drop`, another worker has them.
        """
        for derived in (self._minutes, self._forgotten, self._looked, self._hot, self._dirty, self._late):
            derived.clear()
        for key in list(self._table):
            partition, minute, _, _ = _KEY.unpack_from(key)
            if partition not in held:
                drop(key)
            elif minute == _FORGOTTEN_MINUTE:
                self._forgotten[partition] = int(self._table[key])
            else:
                self._keys(partition, Unit(key[_KEY.size :].decode(), minute * 60)).append(key)
            yield

    def _keys(self, partition: int, unit: Unit) -> list[bytes]:
        minutes = self._minutes.setdefault(partition, {})
        return minutes.setdefault(unit.minute, {}).setdefault(unit.organization, [])

    def _cutoff(self, known_ms: int) -> int:
        return (known_ms // 1000 - self._keep_seconds) // 60 * 60

    def _cool(self) -> None:
        held = sum(minute.copies for minute in self._hot.values())
        while held > self._hot_copies and len(self._hot) > 1:
            _, minute = self._hot.popitem(last=False)
            held -= minute.copies
