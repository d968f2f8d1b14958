"""The set of copies over a plain table: what is written, what changes, what is forgotten, what comes back."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta

from streams.copies import Copies, read_entry
from streams.windows import Copy, Unit, Window, fold
from tests.failures.test_windows import UNIT, copy

KEEP = timedelta(hours=2)
NOW_MS = UNIT.minute * 1000


class Table:
    """Entries in a dictionary, and what would have gone to the changelog."""

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}
        self.log: list[tuple[bytes, bytes | None]] = []

    def entries(self) -> Iterable[bytes]:
        return list(self.held)

    def entry(self, key: bytes) -> bytes:
        return self.held[key]

    def put_entry(self, partition: int, key: bytes, value: bytes) -> None:
        assert key not in self.held
        self.held[key] = value
        self.log.append((key, value))

    def delete_entry(self, partition: int, key: bytes) -> None:
        del self.held[key]
        self.log.append((key, None))

    def drop_entry(self, key: bytes) -> None:
        del self.held[key]

    def copies(self) -> list[Copy]:
        """Of all entries, but for the one that tells what was forgotten."""
        return [copy for value in self.held.values() if not value.isdigit() for copy in read_entry(value)]

    def after(self, records: int) -> Table:
        """The table of another worker that takes over when so many records have arrived on the changelog."""
        other = Table()
        for key, value in self.log[:records]:
            other.held.pop(key, None)
            if value is not None:
                other.held[key] = value
        return other


def restored(table: Table, held: set[int], keep: timedelta = KEEP) -> Copies:
    copies = Copies(table, keep)
    for _ in copies.restore(held):
        pass
    return copies


def other(hours: float = 0, organization: str = "acme") -> Unit:
    return Unit(organization, UNIT.minute + int(hours * 3600))


def test_a_copy_that_comes_again_writes_nothing_but_has_its_windows_told_again() -> None:
    copies = Copies(table := Table(), KEEP)
    for _ in range(3):
        copies.take(0, UNIT, copy(cause="conflict"), NOW_MS)
        assert copies.changed() == fold(UNIT, [copy(cause="conflict")])
    assert len(table.log) == 1
    assert copies.changed() == []


def test_a_copy_that_comes_again_by_a_better_route_is_written_anew_and_nothing_is_overwritten() -> None:
    copies = Copies(table := Table(), KEEP)
    for trust in (2, 4, 3):
        copies.take(0, UNIT, copy(trust=trust), NOW_MS)
        copies.take(0, UNIT, copy(trust, trust=2), NOW_MS)
        copies.changed()
    assert sorted(each.weight for each in table.copies() if each.event_id == copy().event_id) == [2, 4]
    assert len(table.copies()) == 5
    assert restored(table, {0}).changed() == []


def test_what_comes_together_for_a_minute_is_one_entry_and_a_large_crowd_several() -> None:
    copies = Copies(table := Table(), KEEP)
    for number in range(1_200):
        copies.take(0, UNIT, copy(number), NOW_MS)
    copies.changed()
    assert len(table.log) == 3
    assert sorted(table.copies()) == [copy(number) for number in range(1_200)]


def test_only_the_windows_that_something_came_for_change() -> None:
    copies = Copies(Table(), KEEP)
    copies.take(0, UNIT, copy(1, cause="conflict"), NOW_MS)
    copies.take(0, UNIT, copy(2, cause="credentials"), NOW_MS)
    assert len(copies.changed()) == 2
    copies.take(0, UNIT, copy(3, cause="conflict"), NOW_MS)
    assert [(window.cause, window.failures) for window in copies.changed()] == [("conflict", 2)]


def test_whatever_is_held_ready_the_windows_are_those_of_the_fold() -> None:
    draw = random.Random(7)
    table = Table()
    copies = Copies(table, KEEP, hot_copies=10)
    so_far: dict[Unit, list[Copy]] = {}
    latest: dict[object, Window] = {}
    for number in range(600):
        unit = other(draw.randrange(5) / 60, draw.choice(["acme", "globex"]))
        one = copy(number // 2, number % 2, trust=draw.randrange(1, 6), cause=draw.choice(["", "conflict"]))
        copies.take(0, unit, one, NOW_MS)
        so_far.setdefault(unit, []).append(one)
        if draw.random() < 0.2:
            latest |= {(window[:2], window.cause): window for window in copies.changed()}
            copies = copies if draw.random() < 0.8 else restored(table, {0})
    latest |= {(window[:2], window.cause): window for window in copies.changed()}
    assert sorted(latest.values()) == sorted(window for unit, some in so_far.items() for window in fold(unit, some))


def aged() -> tuple[Copies, Table]:
    """Two minutes an hour apart, and the log so far on that the first is forgotten, the second is not."""
    copies = Copies(table := Table(), KEEP)
    copies.take(0, UNIT, copy(1), NOW_MS)
    copies.take(0, other(1), copy(2), NOW_MS + 7_200_000)
    copies.take(1, other(0, "globex"), copy(3), NOW_MS)
    assert len(copies.changed()) == 3
    assert len(table.copies()) == 3
    copies.take(0, other(1), copy(4), NOW_MS + 7_260_000)
    copies.changed()
    return copies, table


def test_minutes_are_forgotten_by_the_time_of_the_log_and_what_comes_for_them_is_late() -> None:
    copies, table = aged()
    assert sorted(each.event_id[-1] for each in table.copies()) == [2, 3, 4]
    copies.take(0, UNIT, copy(1), NOW_MS)
    copies.take(0, other(1), copy(2), NOW_MS)
    copies.take(1, other(0, "globex"), copy(3), NOW_MS)
    assert copies.late() == [UNIT]
    assert copies.late() == []
    assert [window.organization for window in copies.changed()] == ["acme", "globex"]


def test_a_minute_that_is_forgotten_at_once_has_its_windows_told_before() -> None:
    copies = Copies(Table(), KEEP)
    copies.take(0, UNIT, copy(1), NOW_MS)
    copies.take(0, other(5), copy(2), NOW_MS + 5 * 3_600_000)
    assert [window.window_start for window in copies.changed()] == [UNIT.minute, other(5).minute]


def test_wherever_a_worker_dies_while_it_forgets_its_successor_folds_no_half_minute() -> None:
    _, table = aged()
    whole = fold(UNIT, [copy(1), copy(9)])
    for records in range(len(table.log) + 1):
        copies = restored(table.after(records), {0, 1})
        copies.take(0, UNIT, copy(9), NOW_MS)
        copies.take(0, UNIT, copy(1), NOW_MS)  # what was not acknowledged comes again
        assert copies.late() == [UNIT] or copies.changed() == whole


def test_entries_of_partitions_that_went_to_another_worker_are_dropped_and_not_written_about() -> None:
    copies = Copies(table := Table(), KEEP)
    copies.take(0, UNIT, copy(1), NOW_MS)
    copies.take(3, other(0, "globex"), copy(2), NOW_MS)
    copies.changed()
    copies = restored(table, {3})
    assert [each.event_id[-1] for each in table.copies()] == [2]
    assert len(table.log) == 2
    copies.take(3, other(0, "globex"), copy(4), NOW_MS)
    assert [window.attempts for window in copies.changed()] == [2]


def test_a_worker_that_was_frozen_and_wakes_up_overwrites_nothing_of_its_successor() -> None:
    frozen = Copies(table := Table(), KEEP)
    successor = restored(table, {0})
    for number in range(3):
        successor.take(0, UNIT, copy(number), NOW_MS)
    successor.changed()
    frozen.take(0, UNIT, copy(0), NOW_MS)
    frozen.changed()
    last = restored(table, {0})
    last.take(0, UNIT, copy(0), NOW_MS)
    assert last.changed() == fold(UNIT, [copy(number) for number in range(3)])


def test_of_several_workers_what_any_has_forgotten_is_late() -> None:
    copies, table = aged()
    behind = Copies(table, KEEP)
    behind.take(0, other(-9), copy(8), NOW_MS - 9 * 3_600_000)
    behind.take(0, other(-6), copy(9), NOW_MS)
    behind.changed()
    copies = restored(table, {0})
    copies.take(0, UNIT, copy(1), NOW_MS)
    assert copies.late() == [UNIT]
    copies.take(0, other(6), copy(7), NOW_MS + 6 * 3_600_000)
    copies.changed()
    assert len([value for value in table.held.values() if value.isdigit()]) == 1
