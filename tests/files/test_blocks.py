"""Reading files: gzip by content, everything before the damage, and the byte where it is."""

from __future__ import annotations

import gzip
import io
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.blocks import _COMPRESSED_BYTES, BLOCK_BYTES, Blocks, open_source

CONTENT = b"".join(b'{"id":"%x"}\n' % random.Random(5).getrandbits(90 + n % 7) for n in range(2_000))
ZIPPED = gzip.compress(CONTENT, mtime=0)
MASSIVE = bytes(8 * BLOCK_BYTES)


def read(stored: bytes) -> tuple[bytes, str, int]:
    blocks = Blocks(io.BytesIO(stored))
    content = b"".join(blocks)
    return content, str(blocks.truncated or ""), blocks.bytes_read


@pytest.mark.parametrize(
    ("stored", "content"),
    [
        pytest.param(b"", b"", id="an empty file"),
        pytest.param(b"{", b"{", id="one byte"),
        pytest.param(CONTENT, CONTENT, id="plain"),
        pytest.param(ZIPPED, CONTENT, id="gzip"),
        pytest.param(gzip.compress(b""), b"", id="gzip of nothing"),
        pytest.param(ZIPPED * 3, CONTENT * 3, id="gzip streams one after another"),
        pytest.param(ZIPPED + bytes(70_000) + ZIPPED + bytes(9), CONTENT * 2, id="gzip padded with zeros"),
        pytest.param(gzip.compress(MASSIVE), MASSIVE, id="gzip much smaller than its content"),
        pytest.param(b"".join(gzip.compress(CONTENT[n : n + 1]) for n in range(900)), CONTENT[:900], id="tiny streams"),
    ],
)
def test_whole_files_give_their_whole_content(stored: bytes, content: bytes) -> None:
    assert read(stored) == (content, "", len(stored))


@pytest.mark.parametrize("short", [0, 1, 2, 3])
def test_padding_may_end_wherever_a_read_does(short: int) -> None:
    padding = bytes(2 + 2 * _COMPRESSED_BYTES - len(ZIPPED) - short)
    stored = ZIPPED + padding + ZIPPED
    assert read(stored) == (CONTENT * 2, "", len(stored))


def test_blocks_stay_small_however_well_the_file_was_compressed() -> None:
    assert max(map(len, Blocks(io.BytesIO(gzip.compress(MASSIVE))))) <= BLOCK_BYTES


@settings(deadline=None)
@given(st.integers(2, len(ZIPPED) - 1))
def test_a_cut_off_gzip_gives_what_it_has_and_says_where_it_ends(size: int) -> None:
    content, stopped, _ = read(ZIPPED[:size])
    assert CONTENT.startswith(content)
    assert len(content) >= len(CONTENT) * (size - 600) // len(ZIPPED) - 600
    assert stopped == f"stopped at byte {size:,}: the gzip stream ends early (the file is cut off)"


def test_the_second_of_two_streams_may_be_the_one_cut_off() -> None:
    content, stopped, _ = read(ZIPPED + ZIPPED[:5])
    assert content == CONTENT
    assert stopped == f"stopped at byte {len(ZIPPED) + 5:,}: the gzip stream ends early (the file is cut off)"


def test_a_wrong_checksum_is_told_after_all_content() -> None:
    stored = bytearray(ZIPPED)
    stored[-8] ^= 1
    content, stopped, _ = read(bytes(stored))
    assert content == CONTENT
    assert stopped == f"stopped at byte {len(ZIPPED) - 5:,}: the gzip checksum does not match (the file is damaged)"


def test_what_follows_the_gzip_stream_is_left_out_and_told() -> None:
    content, stopped, _ = read(ZIPPED + b"and more")
    assert content == CONTENT
    assert stopped == f"stopped at byte {len(ZIPPED):,}: what follows the gzip stream is not gzip"


@settings(deadline=None)
@given(st.integers(10, len(ZIPPED) - 9), st.integers(1, 255))
def test_damage_never_goes_unnoticed_and_never_raises(at: int, change: int) -> None:
    stored = bytearray(ZIPPED)
    stored[at] ^= change
    content, stopped, _ = read(bytes(stored))
    # The last byte before the checksum has bits that mean nothing: changing them changes no content.
    assert "stopped at byte" in stopped or (content == CONTENT and at == len(ZIPPED) - 9)


def test_content_before_the_damage_comes_out() -> None:
    joined = ZIPPED + b"\x1f\x8b\x08\x00" + bytes(6) + b"\x07"  # a second stream with a block type that is none
    content, stopped, _ = read(joined)
    assert content == CONTENT
    assert stopped == f"stopped at byte {len(joined) - 1:,}: the gzip stream is damaged"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise(rest: bytes) -> None:
    read(b"\x1f\x8b" + rest)
    read(b"\x1f\x8b\x08\x00" + rest)


def test_bytes_read_are_those_of_the_stored_file() -> None:
    blocks = Blocks(io.BytesIO(gzip.compress(random.Random(1).randbytes(5 * BLOCK_BYTES))))
    seen = [blocks.bytes_read for _ in blocks]
    assert seen == sorted(seen)
    assert 0 < seen[0] < BLOCK_BYTES < seen[-1]


def test_standard_input_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ZIPPED)))
    with open_source("-") as blocks:
        assert b"".join(blocks) == CONTENT


def test_a_file_that_fails_while_read_ends_with_the_reason() -> None:
    with open_source(Path("/proc/self/mem")) as blocks:  # opens, but its first page cannot be read
        assert list(blocks) == []
    assert str(blocks.truncated) == "stopped at byte 0: it cannot be read further: Input/output error"
