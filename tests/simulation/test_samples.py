"""The sample exports that ship with the project are those of the seed."""

from __future__ import annotations

import gzip
from pathlib import Path

from producers.simulation.exports import sample_files

SAMPLES = Path(__file__).parent.parent.parent / "idtrail" / "samples"


def test_the_shipped_samples_are_what_the_seed_gives() -> None:
    """`python -m producers.simulation.exports idtrail/samples` writes them again."""
    files = sample_files()
    assert {file.name for file in SAMPLES.iterdir()} == set(files)
    for name, content in files.items():
        assert unpacked((SAMPLES / name).read_bytes()) == unpacked(content), name


def unpacked(content: bytes) -> bytes:
    """Compressed bytes may differ from one zlib to the next; what is in them may not."""
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def test_the_samples_stay_small() -> None:
    assert sum(file.stat().st_size for file in SAMPLES.iterdir()) < 150_000
