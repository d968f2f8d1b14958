"""Reads a file's bytes in blocks, decompressing gzip: everything readable, then where and why it ended."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from producers.buckets import is_bucket, open_object

BLOCK_BYTES: Final = 256 * 1024
STDIN: Final = "-"

_GZIP: Final = b"\x1f\x8b"
_FORMATS: Final = {
    b"PK\x03\x04": "it is a ZIP file: unpack it first",
    _GZIP: "it is compressed twice: unpack it once more",
    b"\x28\xb5\x2f\xfd": "it is compressed with zstd: unpack it first",
    b"\xfd7zXZ\0": "it is compressed with xz: unpack it first",
    b"BZh": "it is compressed with bzip2: unpack it first",
    b"PAR1": "it is a Parquet file: export JSON instead",
}
"""What files that are not read begin with, and what to do about them."""
_JSON_LINE: Final = re.compile(rb"^[ \t]*[\[{]", re.MULTILINE)
_COMPRESSED_BYTES: Final = 64 * 1024
_GZIP_FORMAT: Final = 31  # zlib's number for gzip with header and checksum


@dataclass(frozen=True, slots=True)
class Truncated:
    """The point and reason of an early end of reading."""

    position: int
    """Byte position in the file as stored."""
    message: str
    passing: bool = False
    """Whether the cause is outside the content, so that another try may get further."""

    def __str__(self) -> str:
        return f"stopped at byte {self.position:,}: {self.message}"


class Blocks:
    """Iterate once; `bytes_read` is available meanwhile, `truncated` at the end. Never raises because of the
    content."""

    def __init__(self, file: BinaryIO) -> None:
        self.bytes_read = 0
        """Bytes of the file as stored."""
        self.truncated: Truncated | None = None
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        try:
            first = self._read(len(_GZIP))
            if first.startswith(_GZIP):
                yield from self._gunzip(first)
                return
            block = first + self._read(BLOCK_BYTES)
            while block:
                yield block
                block = self._read(BLOCK_BYTES)
        except OSError as error:
            told = f"it cannot be read further: {error.strerror or error}"
            self.truncated = Truncated(self.bytes_read, told, passing=True)

    def _read(self, size: int) -> bytes:
        block = self._file.read(size)
        self.bytes_read += len(block)
        return block

    def _truncate(self, position: int, message: str) -> None:
        self.truncated = Truncated(position, message)

    def _gunzip(self, waiting: bytes) -> Iterator[bytes]:
        """Decompress one gzip stream after another; zeros between and after them are padding."""
        inflate = zlib.decompressobj(_GZIP_FORMAT)
        while True:
            if inflate.eof:
                waiting = waiting.lstrip(b"\0")
            if len(waiting) < len(_GZIP):
                if more := self._read(_COMPRESSED_BYTES):
                    waiting += more
                    continue
                if not waiting or not inflate.eof:
                    break
            if inflate.eof:
                if not waiting.startswith(_GZIP):
                    self._truncate(self.bytes_read - len(waiting), "what follows the gzip stream is not gzip")
                    return
                inflate = zlib.decompressobj(_GZIP_FORMAT)
            before = inflate.copy()
            try:
                block = inflate.decompress(waiting, BLOCK_BYTES)
            except zlib.error as error:
                yield from self._salvage(before, waiting, error)
                return
            waiting = inflate.unconsumed_tail or inflate.unused_data
            if block:
                yield block
        yield inflate.flush()
        if not inflate.eof:
            self._truncate(self.bytes_read, "the gzip stream ends early (the file is cut off)")

    def _salvage(self, inflate: zlib._Decompress, waiting: bytes, error: zlib.error) -> Iterator[bytes]:
        """Yield the output before the damage, which is found by going byte by byte."""
        start = self.bytes_read - len(waiting)
        saved = bytearray()
        at = 0
        try:
            for at in range(len(waiting)):
                saved += inflate.decompress(waiting[at : at + 1])
                if len(saved) >= BLOCK_BYTES:
                    yield bytes(saved)
                    saved.clear()
        except zlib.error:
            pass
        yield bytes(saved)
        if str(error).endswith(("incorrect data check", "incorrect length check")):
            self._truncate(start + at, "the gzip checksum does not match (the file is damaged)")
        else:
            self._truncate(start + at, "the gzip stream is damaged")


def foreign(first: bytes) -> str:
    """Return why a file that begins with these bytes, decompressed, is not read; empty if it may be JSON."""
    for magic, why in _FORMATS.items():
        if first.startswith(magic):
            return why
    first = first.removeprefix(b"\xef\xbb\xbf")
    heading, end, _ = first.partition(b"\n")
    columns = end and max(heading.count(separator) for separator in (b",", b";", b"\t")) >= 2
    return "it is CSV: export JSON instead" if columns and not _JSON_LINE.search(first) else ""


@contextmanager
def open_source(path: Path | str) -> Iterator[Blocks]:
    """Open a file, a bucket's object, or standard input for `-`, as blocks. Raises `OSError` when it cannot be
    opened."""
    if str(path) == STDIN:
        yield Blocks(sys.stdin.buffer)
        return
    if is_bucket(path):
        with open_object(str(path)) as stored:
            yield Blocks(stored)
        return
    with Path(path).open("rb") as file:
        yield Blocks(file)
