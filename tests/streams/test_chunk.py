"""Chunks: boundaries remembered in a commit's metadata, tokens, cuts at too many months."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Fatal
from streams.chunk import Progress, Span, cut_at_months, read_progress, token


@pytest.mark.parametrize(
    ("progress", "metadata"),
    [
        pytest.param(Progress("0a1b2c3d"), "0a1b2c3d", id="nothing in flight"),
        pytest.param(Progress("0a1b2c3d", Span(7, 7)), "0a1b2c3d:7-7", id="one record in flight"),
        pytest.param(Progress("0a1b2c3d", Span(100, 2000)), "0a1b2c3d:100-2000", id="a chunk in flight"),
        pytest.param(Progress("0a1b2c3d", None, 499), "0a1b2c3d+499", id="after unreadable records"),
        pytest.param(Progress("0a1b2c3d", Span(7, 9), 3), "0a1b2c3d:7-9+3", id="a chunk after unreadable records"),
        pytest.param(Progress("0a1b2c3d", mark=1700), "0a1b2c3d@1700", id="the newest record's time"),
        pytest.param(Progress("0a1b2c3d", Span(7, 9), 3, 1700), "0a1b2c3d:7-9+3@1700", id="all of it"),
    ],
)
def test_progress_survives_the_commit_metadata(progress: Progress, metadata: str) -> None:
    assert progress.metadata() == metadata
    assert read_progress(metadata, "ffffffff") == progress


def test_a_partition_that_was_never_committed_starts_a_new_epoch() -> None:
    assert read_progress("", "ffffffff") == Progress("ffffffff")


@pytest.mark.parametrize(
    "metadata",
    [
        "leader",
        "0a1b2c3d:5",
        "0a1b2c3d:5-",
        "0A1B2C3D:1-2",
        " 0a1b2c3d",
        "0a1b2c3d+",
        "0a1b2c3d+3:1-2",
        "0a1b2c3d@",
        "0a1b2c3d@1+3",
    ],
)
def test_metadata_of_another_program_stops_the_sink(metadata: str) -> None:
    with pytest.raises(Fatal, match="another program commits"):
        read_progress(metadata, "ffffffff")


def test_tokens_differ_by_epoch_topic_partition_boundaries_and_rows() -> None:
    tokens = {
        token("aaaaaaaa", "events", 0, Span(0, 9), "d1"),
        token("bbbbbbbb", "events", 0, Span(0, 9), "d1"),
        token("aaaaaaaa", "other", 0, Span(0, 9), "d1"),
        token("aaaaaaaa", "events", 1, Span(0, 9), "d1"),
        token("aaaaaaaa", "events", 0, Span(0, 8), "d1"),
        token("aaaaaaaa", "events", 0, Span(1, 9), "d1"),
        token("aaaaaaaa", "events", 0, Span(0, 9), "d2"),
    }
    assert len(tokens) == 7


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 5))
def test_pieces_cover_everything_and_keep_to_the_limit(months: list[int], limit: int) -> None:
    ends = cut_at_months(months, limit)
    starts = [0, *ends[:-1]]
    pieces = [months[start:end] for start, end in zip(starts, ends, strict=bool(months))]
    assert [month for piece in pieces for month in piece] == months
    assert all(0 < len(set(piece)) <= limit for piece in pieces)
    # Maximal: the next row would not have fitted.
    assert all(len({*piece, months[end]}) > limit for piece, end in zip(pieces[:-1], ends[:-1], strict=True))
