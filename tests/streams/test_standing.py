"""Where the sink goes on: the log that it read, one that lost its end, one that lost its beginning."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from schemas.letters import LOST_BEGINNING, LOST_END
from streams.chunk import Progress, Span
from streams.standing import Assignment, Cut, Log, Resume, newer_than, stand

PLACE = TopicPartition("events", 2)
IDLE = Progress("0a1b2c3d", None, 3, 1_700)
FLYING = Progress("0a1b2c3d", Span(5, 9), 3, 1_700)
OLD = Progress("0a1b2c3d", None, 3)
"""As an older release committed it: without a mark."""
AGAIN = Progress("ffffffff", mark=1_700)
"""After an end was lost: whatever was in flight, under a new epoch."""
FORWARD = Progress("0a1b2c3d", mark=1_700)


@pytest.mark.parametrize(
    ("committed", "progress", "log", "expected", "lost"),
    [
        pytest.param(None, IDLE, Log(4, 9, 4), (4, IDLE), [], id="never committed"),
        pytest.param(5, IDLE, Log(0, 9, 5), (5, IDLE), [], id="records wait"),
        pytest.param(5, IDLE, Log(0, 5, None), (5, IDLE), [], id="none wait"),
        pytest.param(5, IDLE, Log(5, 5, None), (5, IDLE), [], id="all that was stored is removed"),
        pytest.param(5, FLYING, Log(0, 12, 10), (5, FLYING), [], id="a chunk in flight"),
        pytest.param(5, FLYING, Log(5, 10, None), (5, FLYING), [], id="a chunk in flight, and nothing else"),
        pytest.param(5, OLD, Log(0, 9, None), (5, OLD), [], id="without a mark"),
        pytest.param(5, IDLE, Log(0, 3, None), (3, AGAIN), [(LOST_END, 3, 4)], id="the end is lost"),
        pytest.param(5, IDLE, Log(0, 4, 2), (2, AGAIN), [(LOST_END, 2, 4)], id="lost, and some has come"),
        pytest.param(5, IDLE, Log(0, 9, 2), (2, AGAIN), [(LOST_END, 2, 4)], id="lost, and grown beyond"),
        pytest.param(5, IDLE, Log(0, 0, None), (0, AGAIN), [(LOST_END, 0, 4)], id="all is lost"),
        pytest.param(
            5, OLD, Log(1, 3, None), (1, Progress("ffffffff")), [(LOST_END, 1, 4)], id="lost, nobody knows where"
        ),
        pytest.param(5, FLYING, Log(0, 9, None), (5, AGAIN), [(LOST_END, 9, 9)], id="lost within the chunk in flight"),
        pytest.param(5, FLYING, Log(0, 20, 7), (5, AGAIN), [(LOST_END, 7, 9)], id="grown beyond the chunk in flight"),
        pytest.param(5, FLYING, Log(0, 20, 3), (3, AGAIN), [(LOST_END, 3, 9)], id="lost before the chunk in flight"),
        pytest.param(5, IDLE, Log(7, 9, 7), (7, FORWARD), [(LOST_BEGINNING, 5, 6)], id="the beginning is lost"),
        pytest.param(
            5, FLYING, Log(7, 12, 10), (7, FORWARD), [(LOST_BEGINNING, 5, 6)], id="lost within the chunk in flight too"
        ),
        pytest.param(
            5, FLYING, Log(7, 12, 8), (7, AGAIN), [(LOST_END, 8, 9), (LOST_BEGINNING, 5, 6)], id="both are lost"
        ),
    ],
)
def test_it_goes_on_where_nothing_is_missed_and_tells_what_is_gone(
    committed: int | None,
    progress: Progress,
    log: Log,
    expected: tuple[int, Progress],
    lost: list[tuple[str, int, int]],
) -> None:
    found = stand(PLACE, committed, progress, log, "ffffffff")
    assert (found.offset, found.progress) == expected
    assert [(cut.reason, cut.span.first, cut.span.last) for cut in found.cuts] == lost


def test_the_letter_of_a_cut_names_the_partition_and_the_offsets() -> None:
    (cut,) = stand(PLACE, 5, IDLE, Log(7, 9, 7), "ffffffff").cuts
    letter = cut.letter(PLACE)
    headers = dict(letter.headers)
    assert headers["idtrail_position"] == b"events[2]@5"
    assert headers["idtrail_reason"] == LOST_BEGINNING.encode()
    assert letter.value == headers["idtrail_message"] == cut.message.encode()
    assert cut.message.startswith("events[2] has lost its beginning: offsets 5 to 6 ")


def test_two_losses_at_one_offset_are_two_letters() -> None:
    (once,) = stand(PLACE, 5, IDLE, Log(0, 3, None), "ffffffff").cuts
    (twice,) = stand(PLACE, 5, Progress("0a1b2c3d", mark=1_800), Log(0, 3, None), "eeeeeeee").cuts
    assert once.letter(PLACE).value != twice.letter(PLACE).value


class At(NamedTuple):
    offset: int
    timestamp: int


class FakeLog:
    """Append times by offset, as `offsets_for_times` finds them."""

    def __init__(self, times: list[int]) -> None:
        self._times = times

    async def offsets_for_times(self, wanted: dict[TopicPartition, int]) -> dict[TopicPartition, At | None]:
        return {
            place: next((At(offset, time) for offset, time in enumerate(self._times) if time >= at), None)
            for place, at in wanted.items()
        }


@pytest.mark.parametrize(
    ("times", "mark", "newer"),
    [
        pytest.param([10, 20, 20], 20, {}, id="none"),
        pytest.param([10, 20, 20, 21], 20, {PLACE: 3}, id="the next"),
        pytest.param([10, 20], 0, {}, id="without a mark"),
        pytest.param([10], 2**63 - 1, {}, id="a mark that no clock shows"),
    ],
)
async def test_records_newer_than_the_mark(times: list[int], mark: int, newer: dict[TopicPartition, int]) -> None:
    assert await newer_than(FakeLog(times), {PLACE: mark}) == newer


async def test_a_log_that_grew_again_beyond_what_was_read_is_refused() -> None:
    held = Assignment.of({PLACE: Resume(3, Progress("0a1b2c3d", mark=20), [])})
    await held.refuse_fork(FakeLog([10, 20, 20, 30]), [PLACE])
    with pytest.raises(OffsetOutOfRangeError):
        await held.refuse_fork(FakeLog([10, 20, 29, 30]), [PLACE])


def test_a_cut_on_a_topic_that_its_producers_stamp_has_a_sentence_too() -> None:
    found = stand(PLACE, 5, Progress("0a1b2c3d", mark=2**62), Log(0, 3, None), "ffffffff")
    assert found.cuts == [Cut(LOST_END, Span(3, 4), found.cuts[0].message)]
