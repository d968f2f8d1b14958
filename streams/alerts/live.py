"""Runs rules over events as they come: the groups that live detection follows, and the alerts to publish.

Each group is an entry of a table. All other state is derived from the table, and rebuilt from it after a restart or a
rebalance. No clock: the caller passes the time.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import timedelta
from itertools import count
from typing import Final, NamedTuple
from uuid import uuid4

import orjson

from schemas.alerts import Detected
from schemas.kafka import LARGEST_RECORD
from streams.alerts.endings import Endings, Own
from streams.alerts.group import MOST_GROUPS, Group
from streams.alerts.in_force import InForce
from streams.alerts.index import Rules
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.record import detected, version_of
from streams.alerts.seen import Seen
from streams.alerts.telling import TOLD, Mark, Tellings
from streams.alerts.terms import MICROSECOND
from streams.copies import Table

LARGEST_ENTRY: Final = LARGEST_RECORD - 64 * 1024
"""In bytes. A group that needs more is dropped and starts over."""
PAUSE_SECONDS: Final = 2.0
"""A growing alert is published at most this often."""
WRITER_BYTES: Final = 16


class _Followed(NamedTuple):
    group: Group
    partition: int
    keys: list[bytes]
    """The group's entries: this worker's, and earlier workers' that are to be deleted."""


class Live:
    """Takes events, returns changed alerts, and forgets what is over."""

    def __init__(self, rules: Rules, table: Table, fresh: timedelta) -> None:
        """`fresh` is the age that events may have when they become known."""
        self._rules = rules
        self._versions = {watched.rule.id: version_of(watched.rule) for watched in rules}
        self._table = table
        self._fresh = fresh // MICROSECOND
        self._writer = uuid4().bytes
        self._followed: dict[Own, _Followed] = {}
        self._sizes: dict[tuple[str, str], int] = {}
        """The number of groups, by rule and organization."""
        self._told_at: dict[Own, float] = {}
        """When something about each group was last published."""
        self._endings = Endings(table, self._new_key)
        self._tellings = Tellings(table, self._new_key)
        self._in_force = InForce()
        self._numbers = count()
        self._touched: dict[Own, bool] = {}
        """Groups to look at, and whether their entries must be written in any case."""
        self._unwritten: dict[Own, None] = {}
        """Groups whose entries are to be written, in order."""
        self._deadlines: dict[int, list[tuple[int, Own]]] = {}
        """A heap for each partition of when to look at a group again."""
        self._due: dict[Own, int] = {}
        """The next such time of each group."""
        self._offsets: dict[int, int] = {}
        """The last offset that was taken, by partition."""
        self._known: dict[int, int] = {}
        """Up to when the log was read, in microseconds, by partition."""
        self.shed = Counter[str]()
        """Occurrences dropped since the start because a group was one too many or too large, by rule."""

    def take(self, partition: int, offset: int, seen: Seen) -> None:
        """Take an event; nothing is written before `write`."""
        self._offsets[partition] = offset
        known = seen.known_ms * 1_000
        self._known[partition] = max(known, self._known.get(partition, 0))
        kept = {(watched.rule.id, seen.organization, group): one for watched, group, one in self._rules.kept(seen)}
        event = seen.organization, seen.event_id.hex()
        left = self._in_force.take(event, seen.version, max(known, seen.at), kept)
        if left is None:
            return
        nothing = Occurrence(seen.at, event[1], seen.version, 0)
        for own, one in (*kept.items(), *((own, nothing) for own in left)):
            followed = self._followed.get(own)
            if followed is None and one.role in (0, Role.UNTIL):
                self._endings.add(partition, own, one)
                continue
            followed = followed or self._follow(own, partition)
            if followed is None:
                self.shed[own[0]] += 1
            elif followed.group.take(one):
                self._touched[own] = True

    def advance(self, partition: int, clock: int) -> None:
        """Move the time of this partition to `clock`, in microseconds since 1970."""
        deadlines = self._deadlines.get(partition, [])
        while deadlines and deadlines[0][0] <= clock:
            deadline, own = heapq.heappop(deadlines)
            if self._due.get(own) != deadline:
                continue
            del self._due[own]
            group = self._followed[own].group
            due = group.deadline()
            if due is not None and due <= clock:
                group.advance(clock)
                self._touched[own] = True
            else:
                self._look_again(own, partition, due)

    def changes(self, now: float) -> list[Detected]:
        """Return the alerts that changed since the last call, as they are now. The caller must publish them at once:
        the table marks them as published.

        `now` is in seconds of any clock. A group published less than `PAUSE_SECONDS` before it is left to a later call.
        """
        self._look_into_marks()
        touched, self._touched = self._touched, {}
        told: list[Detected] = []
        for own, came in touched.items():
            followed = self._followed[own]
            if now - self._told_at.get(own, -PAUSE_SECONDS) < PAUSE_SECONDS:
                self._touched[own] = False
                if came:
                    self._unwritten[own] = None
                continue
            rule, version = self._rules[own[0]].rule, self._versions[own[0]]
            changed = followed.group.changes()
            told += [detected(rule, version, each) for each in changed]
            if changed:
                self._told_at[own] = now
                self._tellings.add(followed.partition, Mark(own, version, [each.alert for each in changed]))
            if came or changed:
                self._unwritten[own] = None
            self._look_again(own, followed.partition, followed.group.deadline())
        self._tellings.write(self._offsets)
        return told

    def write(self) -> int:
        """Write the entries of changed groups. Returns the number of bytes.

        What changed must have been published before: publishing twice does no harm, but what an entry says was
        published is never published again. The entries may already include events that came meanwhile.
        """
        unwritten, self._unwritten = self._unwritten, {}
        size = sum(self._write(own, self._followed[own]) for own in unwritten if own in self._followed)
        self._endings.write(self._known)
        return size

    def forget(self) -> None:
        """Fold for good what can no longer change, and drop the groups that are over."""
        befores = {partition: known - self._fresh for partition, known in self._known.items()}
        self._endings.forget(befores)
        self._in_force.forget(min(befores.values(), default=0))
        for own, followed in list(self._followed.items()):
            before = self._known.get(followed.partition, 0) - self._fresh
            if own not in self._touched and (followed.group.settle(before) or followed.group.idle(before)):
                self._write(own, followed)

    def restore(self, held: Collection[int]) -> Iterator[None]:
        """Rebuild the state from the table, entry by entry; yields so that other tasks can run.

        Entries of partitions that are not in `held` are dropped; of two entries of one group the one that has read
        farther counts.
        """
        for derived in (self._followed, self._sizes, self._touched, self._unwritten, self._deadlines, self._due):
            derived.clear()
        self._told_at.clear()
        self._offsets.clear()
        self._known.clear()
        self._endings.clear()
        self._tellings.clear()
        self._in_force.clear()
        ended: list[tuple[Own, Occurrence]] = []
        best: dict[Own, tuple[int, bytes]] = {}
        entries: dict[Own, list[bytes]] = {}
        for key in self._table.entries():
            value = orjson.loads(self._table.entry(key))
            if value["partition"] not in held:
                self._table.drop_entry(key)
            elif "endings" in value:
                ended += self._endings.restore(key, value)
            elif TOLD in value:
                self._tellings.restore(key, value)
            else:
                own = own_of(key)
                entries.setdefault(own, []).append(key)
                best[own] = max(best.get(own, (-1, b"")), (value["offset"], key))
            yield
        for own, (_, key) in best.items():
            value = orjson.loads(self._table.entry(key))
            partition = value["partition"]
            if self._versions.get(own[0]) != value["version"]:
                # The rule is gone or has changed: its old state means nothing to the new one.
                for each in entries[own]:
                    self._table.delete_entry(partition, each)
            else:
                group = Group(*own, self._rules[own[0]].terms, value["group"])
                for one in group.kept:
                    self._in_force.restore((own[1], one.event_id), one.version, one.at, own)
                self._hold(own, _Followed(group, partition, entries[own]))
                self._touched[own] = False  # what was not published before the stop is published now
            yield
        for own, one in ended:
            self._in_force.restore((own[1], one.event_id), one.version, one.at, own)
            if own in self._followed:
                self._followed[own].group.take(one)
                self._endings.take(own)
            yield

    def _look_into_marks(self) -> None:
        for partition, offset in self._offsets.items():
            before = self._known.get(partition, 0) - self._fresh
            for own, version, alerts in self._tellings.due(partition, offset):
                followed = self._followed.get(own)
                if self._versions.get(own[0]) != version:
                    followed = None
                elif followed is None and any(alert.opened_at >= before for alert in alerts):
                    followed = self._follow(own, partition)  # if not followed, it is over and forgotten
                if followed is None:
                    for each in self._tellings.written(own):
                        self._table.delete_entry(partition, each)
                    continue
                for alert in alerts:
                    followed.group.doubt(alert)
                self._touched.setdefault(own, False)

    def _follow(self, own: Own, partition: int) -> _Followed | None:
        if self._sizes.get(own[:2], 0) >= MOST_GROUPS:
            return None
        group = Group(*own, self._rules[own[0]].terms)
        for one in self._endings.take(own):
            group.take(one)
        return self._hold(own, _Followed(group, partition, []))

    def _hold(self, own: Own, followed: _Followed) -> _Followed:
        self._followed[own] = followed
        self._sizes[own[:2]] = self._sizes.get(own[:2], 0) + 1
        return followed

    def _write(self, own: Own, followed: _Followed) -> int:
        group, partition, keys = followed
        before = self._known.get(partition, 0) - self._fresh
        group.settle(before)
        key = self._writer + orjson.dumps(own)
        entry = b"" if group.idle(before) else self._entry(own, followed)
        if len(entry) > LARGEST_ENTRY:
            self.shed[own[0]] += len(group.kept)
            entry = b""
        marks = self._tellings.written(own)
        if not entry:
            gone = [*marks, *keys]  # in this order: nobody could resolve a mark that outlived its group's entries
            del self._followed[own]
            for derived in (self._due, self._told_at, self._touched, self._unwritten):
                derived.pop(own, None)
            self._sizes[own[:2]] -= 1
        else:
            self._table.put_entry(partition, key, entry)
            gone = [*(each for each in keys if each != key), *marks]
            keys[:] = [key]
            self._look_again(own, partition, group.deadline())
        for each in gone:
            self._table.delete_entry(partition, each)
        return len(entry)

    def _entry(self, own: Own, followed: _Followed) -> bytes:
        offset, version = self._offsets.get(followed.partition, -1), self._versions[own[0]]
        return orjson.dumps(
            {"partition": followed.partition, "offset": offset, "version": version, "group": followed.group.saved()}
        )

    def _new_key(self, partition: int) -> bytes:
        return self._writer + orjson.dumps([partition, next(self._numbers)])

    def _look_again(self, own: Own, partition: int, at: int | None) -> None:
        """Look at the group again at its next deadline; an earlier look that is already planned finds it."""
        if at is not None and at < self._due.get(own, at + 1):
            self._due[own] = at
            heapq.heappush(self._deadlines.setdefault(partition, []), (at, own))


def own_of(key: bytes) -> Own:
    """Return the group that an entry belongs to."""
    rule_id, organization, group = orjson.loads(key[WRITER_BYTES:])
    return rule_id, organization, tuple(group)
