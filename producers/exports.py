"""Selects the files that an import reads, and their names in messages and sources."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from producers.blocks import STDIN
from producers.buckets import is_bucket, list_objects
from schemas.errors import BadUsage, NotFound

SUFFIXES: Final = (".json", ".ndjson", ".jsonl", ".gz", ".log", ".txt")
"""Suffixes read from a directory or bucket. A file that is named itself may have any name."""

LINKED: Final = "it is a link to a directory elsewhere, which is not followed: name that directory too"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to import."""

    path: Path | str
    """A `str` is the address of an object in a bucket."""
    name: str
    """Its name in `ce_source` and summaries: its path below the given directory, its own name, or its address."""
    fault: str = ""
    """Why it cannot be read, if known already."""
    size: int = 0
    """Bytes as stored; 0 if unknown."""
    stamp: str = ""
    """Changes when the content does."""
    modified: datetime | None = None
    """For a file on the disk only: an object in a bucket is there whole, or not at all."""


def find_files(paths: Sequence[str | Path]) -> tuple[list[Found], list[str]]:
    """Return the files to import, with directories and buckets walked in order, and the names of those skipped.

    Raises, before anything is read, `NotFound` for a path that does not exist, `BadUsage` for one that cannot be
    examined, and `UserError` for a bucket that does not answer.
    """
    found: list[Found] = []
    skipped: list[str] = []
    for given in paths:
        if is_bucket(given):
            for item in list_objects(str(given)):
                if item.url == given or PurePosixPath(item.url).suffix in SUFFIXES:
                    found.append(Found(item.url, item.url, size=item.size, stamp=f"{item.size} {item.stamp}"))
                else:
                    skipped.append(item.url)
            continue
        path = Path(given)
        if str(path) == STDIN:
            found.append(Found(path, "standard input"))
        elif _is_directory(path):
            for file, fault in _walk(path, paths):
                try:
                    is_export = not fault and file.suffix in SUFFIXES and file.is_file()
                except OSError as error:  # its directory can be listed but not entered
                    found.append(Found(file, printable(file), unreadable(error)))
                    continue
                if fault:
                    found.append(Found(file, printable(file), fault))
                elif is_export:
                    found.append(_on_disk(file, printable(file.relative_to(path).as_posix())))
                else:
                    skipped.append(printable(file))
        else:
            found.append(_on_disk(path, printable(path.name)))
    return found, skipped


def _is_directory(path: Path) -> bool:
    """Whether an existing path is a directory. Raises `NotFound`, or `BadUsage` where that cannot be determined."""
    try:
        if not path.exists():
            raise NotFound(f"{printable(path)}: there is no such file or directory")
        return path.is_dir()
    except OSError as error:
        raise BadUsage(f"{printable(path)}: {unreadable(error)}") from None


def _on_disk(path: Path, name: str) -> Found:
    try:
        status = path.stat()
    except OSError:
        return Found(path, name)
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return Found(path, name, size=status.st_size, stamp=f"{status.st_size} {status.st_mtime_ns}", modified=modified)


def _walk(directory: Path, paths: Sequence[str | Path]) -> list[tuple[Path, str]]:
    """Return every file below, and every directory that is not read with the reason."""
    faults: list[OSError] = []
    found: list[tuple[Path, str]] = []
    for folder, below, names in os.walk(directory, onerror=faults.append):
        found += [(Path(folder, name), "") for name in names]
        found += [(link, LINKED) for name in below if _leads_away(link := Path(folder, name), paths)]
    found += [(Path(str(fault.filename)), unreadable(fault)) for fault in faults]
    return sorted(found)


def _leads_away(directory: Path, paths: Sequence[str | Path]) -> bool:
    """Whether a link leads outside all of `paths`; if not, its target is read under its own name."""
    if not directory.is_symlink():
        return False
    target = directory.resolve()
    return not any(target.is_relative_to(Path(path).resolve()) for path in paths if not is_bucket(path))


def printable(path: Path | str) -> str:
    """Return a path as valid UTF-8: file names may be any bytes."""
    return os.fsencode(path).decode("utf-8", "replace")


def unreadable(error: OSError) -> str:
    """Return the reason why a file or directory cannot be read."""
    return f"it cannot be read: {error.strerror or error}"
