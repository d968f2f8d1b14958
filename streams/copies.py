"""The set of copies that live detection knows, and the windows that change with it.

A table keeps it in small entries: for each minute, the copies that came together and were new. All other state is
derived from the table, and rebuilt from it after a restart or a rebalance. Minutes that no fresh event can fall into
are forgotten, by the log's time and never by the clock.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import count
from typing import Final, Protocol
from uuid import uuid4

import orjson

from streams.minute import Minute
from streams.windows import Copy, Unit, Window

HOT_COPIES: Final = 200_000
"""Copies of the most recently changed minutes held in memory; others are read from the table when they change."""
ENTRY_COPIES: Final = 500
"""Copies per entry: some 100 KB."""

_KEY: Final = struct.Struct(">HI16sQ")
"""Partition, minute, writer and number; the organization follows. Two writers never use the same key: a worker that was
frozen and wakes up must not overwrite what its successor wrote."""
_FORGOTTEN: Final = 0xFFFF_FFFF
"""Stands for the minute in the entry that says up to when a partition was forgotten."""


class Table(Protocol):
    """Stores the entries: each in its partition, written through to a log."""

    def entries(self) -> Iterable[bytes]:
        """Return a snapshot of the keys."""

    def entry(self, key: bytes) -> bytes: ...
    def put_entry(self, partition: int, key: bytes, value: bytes) -> None: ...
    def delete_entry(self, partition: int, key: bytes) -> None: ...

    def drop_entry(self, key: bytes) -> None:
        """Drop the entry here but not on the log: another worker has it now."""


def entry_value(copies: Sequence[Copy]) -> bytes:
    """Encode the copies of an entry."""
    return orjson.dumps([(copy.event_id.hex(), copy.fingerprint.hex(), *copy[2:]) for copy in copies])


def read_entry(value: bytes) -> Iterator[Copy]:
    """Decode the copies of an entry."""
    for event_id, fingerprint, *rest in orjson.loads(value):
        yield Copy(bytes.fromhex(event_id), bytes.fromhex(fingerprint), *rest)


class Copies:
    """Takes copies, returns the windows that changed, forgets what is old."""

    def __init__(self, table: Table, keep: timedelta, hot_copies: int = HOT_COPIES) -> None:
        """`keep` must be longer than the time for which events are fresh."""
        self._table = table
        self._keep_seconds = int(keep.total_seconds())
        self._hot_copies = hot_copies
        self._keys: dict[int, dict[int, dict[str, list[bytes]]]] = {}
        """Keys of entries, by partition, minute and organization."""
        self._hot: OrderedDict[Unit, Minute] = OrderedDict()
        self._came: dict[tuple[int, Unit], list[Copy]] = {}
        self._late: set[Unit] = set()
        self._known: dict[int, int] = {}
        """The second up to which the log was read, by partition."""
        self._forgotten: dict[int, int] = {}
        """The second up to which minutes were forgotten, by partition."""
        self._marks: dict[int, list[bytes]] = {}
        """Keys of earlier writers' entries that record this."""
        self._writer = uuid4().bytes
        self._numbers = count()

    def take(self, partition: int, unit: Unit, copy: Copy, known_ms: int) -> None:
        """Take one copy; nothing is written before `changed`."""
        self._known[partition] = max(known_ms // 1000, self._known.get(partition, 0))
        if unit.minute < self._forgotten.get(partition, 0):
            self._late.add(unit)
        else:
            self._came.setdefault((partition, unit), []).append(copy)

    def changed(self) -> list[Window]:
        """Return the windows touched since the last call, as they are now.

        A repeat writes no entry, but its windows are returned again: it is unknown whether they were stored.
        """
        came, self._came = self._came, {}
        windows = []
        for (partition, unit), copies in came.items():
            minute = self._minute(partition, unit)
            new = [copy for copy in copies if minute.add(copy)]
            for start in range(0, len(new), ENTRY_COPIES):
                key = self._key(partition, unit.minute // 60) + unit.organization.encode()
                self._table.put_entry(partition, key, entry_value(new[start : start + ENTRY_COPIES]))
                self._keys_of(partition, unit).append(key)
            windows += minute.changed()
        for partition in {partition for partition, _ in came}:
            self._forget(partition)
        self._cool()
        return windows

    def late(self) -> list[Unit]:
        """Return units that were forgotten before something came for them: only the store has all their copies."""
        late, self._late = sorted(self._late), set()
        return late

    def restore(self, held: Collection[int]) -> Iterator[None]:
        """Rebuild the state from the table, entry by entry; yields so that other tasks can run.

        Entries of partitions that are not in `held` are dropped.
        """
        for derived in (self._keys, self._hot, self._came, self._late, self._known, self._forgotten, self._marks):
            derived.clear()
        for key in self._table.entries():
            partition, minute, *_ = _KEY.unpack_from(key)
            if partition not in held:
                self._table.drop_entry(key)
            elif minute == _FORGOTTEN:
                self._forgotten[partition] = max(int(self._table.entry(key)), self._forgotten.get(partition, 0))
                self._marks.setdefault(partition, []).append(key)
            else:
                self._keys_of(partition, Unit(key[_KEY.size :].decode(), minute * 60)).append(key)
            yield

    def _key(self, partition: int, minute: int) -> bytes:
        return _KEY.pack(partition, minute, self._writer, next(self._numbers))

    def _minute(self, partition: int, unit: Unit) -> Minute:
        minute = self._hot.get(unit)
        if minute is None:
            keys = self._keys_of(partition, unit)
            minute = Minute(unit, (copy for key in keys for copy in read_entry(self._table.entry(key))))
            self._hot[unit] = minute
        self._hot.move_to_end(unit)
        return minute

    def _keys_of(self, partition: int, unit: Unit) -> list[bytes]:
        minutes = self._keys.setdefault(partition, {})
        return minutes.setdefault(unit.minute, {}).setdefault(unit.organization, [])

    def _forget(self, partition: int) -> None:
        minutes = self._keys[partition]
        cutoff = (self._known[partition] - self._keep_seconds) // 60 * 60
        if not minutes or min(minutes) >= cutoff:
            return
        # Written to the log before any entry of these minutes is deleted: what comes for them is late.
        self._forgotten[partition] = cutoff
        earlier, key = self._marks.get(partition, ()), self._key(partition, _FORGOTTEN)
        self._table.put_entry(partition, key, str(cutoff).encode())
        self._marks[partition] = [key]
        for mark in earlier:
            self._table.delete_entry(partition, mark)
        for minute in [minute for minute in minutes if minute < cutoff]:
            for organization, keys in minutes.pop(minute).items():
                self._hot.pop(Unit(organization, minute), None)
                for old in keys:
                    self._table.delete_entry(partition, old)

    def _cool(self) -> None:
        held = sum(minute.copies for minute in self._hot.values())
        while held > self._hot_copies and len(self._hot) > 1:
            _, minute = self._hot.popitem(last=False)
            held -= minute.copies
