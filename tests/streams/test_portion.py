"""From records to portions and chunks: the same ones, however the reading is shared."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Fatal
from schemas.kafka import ALERTS, EVENTS
from schemas.metrics import DECODED_ASIDE
from streams import shared_reading
from streams.blocks import digest_of
from streams.flight import Chunk, Loader
from streams.portion import Reading, cut, join
from streams.shared_reading import SharedReading
from tests.records import NOON, Record, event, record_of

READING = Reading(EVENTS, ALERTS, timedelta(hours=24))
PLACE = TopicPartition(EVENTS, 0)


@pytest.mark.parametrize(
    ("before", "pattern", "longest", "at_the_end"),
    [
        pytest.param(0, "..", 0, 0, id="all readable"),
        pytest.param(7, ".", 0, 0, id="a run that has ended before"),
        pytest.param(0, "?.??", 2, 2, id="a run at the end"),
        pytest.param(0, ".???.?", 3, 1, id="a longer run in the middle"),
        pytest.param(5, "??.?", 7, 1, id="a run that began before"),
        pytest.param(5, "??", 7, 7, id="a run that goes on"),
    ],
)
def test_unreadable_records_in_a_row_are_counted_across_chunks(
    before: int, pattern: str, longest: int, at_the_end: int
) -> None:
    records = [Record(b"?") if sign == "?" else record_of(event()) for sign in pattern]
    portion = READING.portion(records)
    chunk = Chunk(PLACE, portion, before, 0, "")
    assert (chunk.longest_unreadable, chunk.unreadable) == (longest, at_the_end)


def test_a_chunk_of_many_years_is_cut_at_fifty_months() -> None:
    records = [
        record_of(event(timestamp=f"{2005 + month // 12}-{month % 12 + 1:02}-10T00:00:00Z"), offset=month)
        for month in range(120)
    ]
    pieces = list(cut(records, READING.portion(records)))
    assert [len(piece) for piece in pieces] == [50, 50, 20]
    assert [record for piece in pieces for record in piece] == records


def test_an_ordinary_chunk_stays_whole_also_with_unplaced_events() -> None:
    records = [record_of(event(), offset=0), record_of({**event(), "timestamp": None}, offset=1)]
    assert list(cut(records, READING.portion(records))) == [records]


@given(st.text("o.?", min_size=1, max_size=12), st.data())
def test_a_divided_portion_joins_to_the_whole_one(signs: str, data: st.DataObject) -> None:
    records = list(_records(signs))
    ends = sorted(data.draw(st.sets(st.integers(1, len(records)))) | {len(records)})
    parts = [records[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    joined, whole = join([READING.portion(part) for part in parts]), READING.portion(records)
    assert joined == whole
    assert digest_of(joined.blocks) == digest_of(whole.blocks)
    assert [rows["raw"].num_chunks for _, rows in joined.blocks] == [rows["raw"].num_chunks for _, rows in whole.blocks]


@pytest.mark.parametrize(
    ("reading", "unreadable", "same"),
    [
        pytest.param(READING, [], True, id="the same"),
        pytest.param(READING, [Record(b"?", offset=4)], False, id="the last one cannot be read"),
        pytest.param(Reading(EVENTS, ALERTS, timedelta(days=90)), [], False, id="another horizon"),
    ],
)
def test_rows_that_are_read_otherwise_have_another_token(
    reading: Reading, unreadable: list[Record], same: bool
) -> None:
    records = list(_records("..oo."))

    def token(reading: Reading, records: list[Record]) -> str:
        (flight,) = Loader(reading, 10).load({PLACE: records}, {PLACE: 0})
        return flight[0].token("0a1b2c3d")

    there = records[: len(records) - len(unreadable)] + unreadable
    assert (token(reading, there) == token(READING, records)) is same


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedReading]:
    monkeypatch.setattr(shared_reading, "FEW_RECORDS", 10)
    monkeypatch.setattr(shared_reading, "PIECE_RECORDS", 4)
    reading = SharedReading(READING, 1)
    yield reading
    reading.close()


def read_by_a_child(reading: SharedReading, signs: str = "....o.o..?.." * 20) -> None:
    """Until it has read some of it: it is not waited for."""
    records = list(_records(signs))
    whole, decoded = READING.portion(records), DECODED_ASIDE._value.get()
    deadline = time.monotonic() + 60
    while DECODED_ASIDE._value.get() == decoded:
        assert time.monotonic() < deadline, "no child has read anything"
        portion = reading.portion(records)
        assert portion == whole
        assert digest_of(portion.blocks) == digest_of(whole.blocks)


def test_a_child_reads_what_this_process_would_have_read(shared: SharedReading) -> None:
    few = list(_records("........."))
    assert shared.portion(few) == READING.portion(few)
    assert not multiprocessing.active_children(), "few records are not worth one"
    for signs in ("....o.o..?..", "????.ooo.???", "????????????", "............"):
        read_by_a_child(shared, signs * 20)


def test_a_child_without_work_is_let_go(shared: SharedReading) -> None:
    read_by_a_child(shared)
    shared.rest()
    assert len(multiprocessing.active_children()) == 1
    shared.rest(0)
    deadline = time.monotonic() + 60
    while multiprocessing.active_children():
        assert time.monotonic() < deadline, "it is kept"
    read_by_a_child(shared)


def test_a_child_that_is_gone_stops_whoever_reads_then(shared: SharedReading) -> None:
    read_by_a_child(shared)
    (child,) = multiprocessing.active_children()
    child.kill()
    for _ in range(2):  # the first may be what a rebalance has dropped: nobody looks at what came of it
        with pytest.raises(Fatal, match="the process idtrail-reading ended by itself"):
            read_by_a_child(shared)


def _records(signs: str) -> Iterator[Record]:
    """`.` is a fresh event, `o` an old one, `?` what nobody can read."""
    for offset, sign in enumerate(signs):
        if sign == "?":
            yield Record(b"?", offset=offset)
        else:
            at = NOON if sign == "." else NOON - timedelta(days=40)
            yield record_of(event(timestamp=f"{at:%Y-%m-%dT%H:%M:%SZ}"), offset=offset)
