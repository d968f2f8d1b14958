"""Generations: tables are exchanged whole, each once, and views stay with their database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.generation import Generation, derived_tables, differences
from queries.migrate import Deployment
from queries.store import Store
from streams import replaying
from streams.replaying import Work, tell
from streams.rows import decode_events
from streams.span_reader import Place, Stretch, stretches
from tests.records import event, record_of


def insert(store: Store, *offsets: int) -> None:
    records = [record_of(event(), offset=offset) for offset in offsets]
    store.insert_arrow(
        "events", batch(decode_events(records, timedelta(hours=24)).rows, EVENTS_ARROW_SCHEMA), str(offsets)
    )


def offsets(store: Store) -> tuple[list[int], list[int]]:
    """In the table, and in one that a view fills."""
    events, by_subject = (
        [offset for (offset,) in store.query(f"SELECT log_offset FROM {table} ORDER BY log_offset")]
        for table in ("events", "events_by_subject")
    )
    return events, by_subject


@pytest.mark.store
def test_an_exchange_that_was_interrupted_goes_on_and_is_done_once(store: Store) -> None:
    generation = Generation(store, Deployment("embedded", synced=False))
    new = generation.make()
    insert(store, 1, 2)
    insert(new, 1, 2, 3)
    (difference,) = differences(store, new)
    assert (difference["before"], difference["after"]) == (2, 3)
    tables = generation.tables()
    assert generation.can_finish(tables)
    assert generation.exchange({"events": tables["events"]}) == 1
    assert generation.exchange(tables) == len(tables) - 1
    assert generation.exchange(tables) == 0
    insert(store, 4)
    assert offsets(store) == ([1, 2, 3, 4], [1, 2, 3, 4])
    assert offsets(new) == ([1, 2], [1, 2])
    new.close()
    generation.drop()
    insert(store, 5)
    assert offsets(store) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert not generation.can_finish(tables | {"events": "gone"})


def test_what_a_view_fills_is_made_anew_and_what_the_log_does_not_hold_stays() -> None:
    assert {"events", "incidents", "events_by_subject", "associations"} <= set(derived_tables())
    assert not {"tokens", "schema_migrations", "backfill_progress", "rebuilds"} & set(derived_tables())


def test_stretches_end_at_the_same_offsets_wherever_they_begin() -> None:
    place = ("events", 0)
    assert [stretch[2:] for stretch in stretches({place: 7}, {place: 25}, 10)] == [(7, 10), (10, 20), (20, 25)]
    assert list(stretches({place: 25}, {place: 25}, 10)) == []


def test_work_is_reached_only_up_to_what_is_missing() -> None:
    first, second, third = (Stretch("events", 0, start, start + 10) for start in (0, 10, 20))
    other = Stretch("events", 1, 0, 5)
    work = Work([first, second, third, other])
    taken = [work.take(None), work.take(None)]
    assert taken == [first, other]  # each a partition of its own
    assert work.take(other) == second  # and when there is no other, a part of the longest
    work.finish(second)
    assert work.reached == {("events", 0): 0}
    work.finish(first)
    work.finish(other)
    assert work.reached == {("events", 0): 20, ("events", 1): 5}
    assert work.take(first) == third
    work.finish(third)
    assert (work.take(third), work.finished.is_set(), work.reached["events", 0]) == (None, True, 30)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 4), st.randoms(use_true_random=False))
def test_in_whatever_order_work_is_finished_it_is_reached_up_to_the_first_gap(
    sizes: list[int], workers: int, chance: Random
) -> None:
    wanted = [Stretch("events", place, 10 * n, 10 * n + 10) for place, size in enumerate(sizes) for n in range(size)]
    work = Work(wanted)
    at_work: list[Stretch] = []
    last: Stretch | None = None
    undone = set(wanted)
    while undone:
        while len(at_work) < workers and (taken := work.take(last)) is not None:
            at_work.append(taken)
        last = at_work.pop(chance.randrange(len(at_work)))
        work.finish(last)
        undone.discard(last)
        for (_, place), at in work.reached.items():
            missing = [stretch.first for stretch in undone if stretch.partition == place]
            assert at == min(missing, default=10 * sizes[place])
    assert work.finished.is_set()


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        pytest.param("before", [30], id="before anything is told"),
        pytest.param("meanwhile", [20, 30], id="while something is told"),
    ],
)
async def test_the_end_is_told_whenever_it_comes_and_once(
    ends: str, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "TOLD_SECONDS", 0.01)
    place = ("events", 0)
    first, second = Stretch(*place, 10, 20), Stretch(*place, 20, 30)
    work = Work([first, second])
    assert [work.take(None), work.take(first)] == [first, second]
    work.finish(first)
    told: list[int] = []

    async def reached(places: Mapping[Place, int]) -> None:
        told.append(places[place])
        if ends == "meanwhile" and len(told) == 1:
            work.finish(second)

    if ends == "before":
        work.finish(second)
    await asyncio.wait_for(tell(work, {place: 10}, reached), 10)
    assert told == expected
