"""A file and its manifest in one ZIP: streamed, and taken for whole only when it is."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from idtrail.cli.commands.export import verified
from queries.exports.archive import archive
from schemas.errors import UserError

BLOCKS = [b"one\n" * 100_000, b"two\n" * 100_000]
DATA = b"".join(BLOCKS)


def made() -> bytes:
    return b"".join(archive("events.ndjson", BLOCKS, lambda: {"rows": 200_000}))


def test_any_zip_reader_finds_the_data_and_what_it_is() -> None:
    with zipfile.ZipFile(io.BytesIO(made())) as file:
        assert file.testzip() is None
        assert file.read("events.ndjson") == DATA
        assert json.loads(file.read("manifest.json")) == {
            "rows": 200_000, "file": "events.ndjson", "bytes": len(DATA), "sha256": hashlib.sha256(DATA).hexdigest(),
        }  # fmt: skip


def test_the_manifest_is_asked_for_when_the_data_is_whole() -> None:
    asked: list[str] = []

    def blocks() -> Iterator[bytes]:
        for block in BLOCKS:
            asked.append("block")
            yield block

    def manifest() -> dict[str, int]:
        asked.append("manifest")
        return {}

    list(archive("events.csv", blocks(), manifest))
    assert asked == ["block", "block", "manifest"]


def test_bytes_come_before_all_blocks_are_read() -> None:
    left = iter(BLOCKS)
    stream = archive("events.csv", left, dict)
    assert len(next(stream)) > 0
    assert next(left) == BLOCKS[1]


def test_a_whole_export_is_what_its_manifest_says(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(made())
    assert verified(path)["rows"] == 200_000


@pytest.mark.parametrize("end", [0, 10, 500, -1], ids=["empty", "its beginning", "cut off", "all but a byte"])
def test_an_export_that_broke_off_is_refused(end: int, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(made()[:end])
    with pytest.raises(UserError, match="incomplete"):
        verified(path)


def test_an_export_that_was_altered_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("events.ndjson", DATA + b"more")
        file.writestr(
            "manifest.json", json.dumps({"file": "events.ndjson", "sha256": hashlib.sha256(DATA).hexdigest()})
        )
    with pytest.raises(UserError, match="SHA-256"):
        verified(path)
