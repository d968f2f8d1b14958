"""Which files an import reads, and under which names it speaks of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from producers.blocks import STDIN
from schemas.errors import NotFound

SUFFIXES: Final = (".json", ".ndjson", ".jsonl", ".gz", ".log", ".txt")
"""What is read of a directory. A file named by itself may be called anything."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file to import."""

    path: Path
    name: str
    """As in `ce_source` and summaries: its path below the directory given, or its own name."""
    fault: str = ""
    """Why it cannot be read, if that is known already."""

    @property
    def size(self) -> int:
        """Bytes as stored; 0 when there is no telling."""
        try:
            return 0 if str(self.path) == STDIN else self.path.stat().st_size
        except OSError:
            return 0


def find_files(paths: Sequence[str | Path]) -> tuple[list[Found], list[str]]:
    """The files to import, directories walked in order, and the paths of those passed over.

    Raises `NotFound` for a path that does not exist, before anything is read.
    """
    found: list[Found] = []
    skipped: list[str] = []
    for path in map(Path, paths):
        if str(path) == STDIN:
            found.append(Found(path, "standard input"))
        elif path.is_dir():
            for file in _walk(path):
                if file.fault or (file.path.suffix in SUFFIXES and file.path.is_file()):
                    found.append(file)
                else:
                    skipped.append(printable(file.path))
        elif path.exists():
            found.append(Found(path, printable(path.name)))
        else:
            raise NotFound(f"{printable(path)}: there is no such file or directory")
    return found, skipped


def _walk(directory: Path) -> list[Found]:
    faults: list[OSError] = []
    files = [Path(folder, name) for folder, _, names in os.walk(directory, onerror=faults.append) for name in names]
    found = [Found(path, printable(path.relative_to(directory).as_posix())) for path in files]
    found += [Found(Path(str(fault.filename)), printable(str(fault.filename)), unreadable(fault)) for fault in faults]
    return sorted(found, key=lambda file: file.path)


def printable(path: Path | str) -> str:
    """A path as UTF-8 allows it: file names may be any bytes."""
    return os.fsencode(path).decode("utf-8", "replace")


def unreadable(error: OSError) -> str:
    """Why a file or directory cannot be read."""
    return f"it cannot be read: {error.strerror or error}"
