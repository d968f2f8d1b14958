"""Objects in buckets, through fsspec: listed, and opened for reading. If a library is missing, the error says how to
install it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, NamedTuple, cast

from schemas.errors import BadUsage, NotFound, UserError

EXTRAS: Final = {"s3": "s3fs", "gs": "gcsfs"}
"""The supported schemes and the library for each; the extra with the scheme's name installs it."""
BLOCK_BYTES: Final = 4 * 1024 * 1024
"""Bytes fetched at once. The libraries' own default would be 50 MB, twice in memory."""

_STAMPS: Final = ("ETag", "etag", "md5Hash", "generation", "LastModified", "updated", "created")
_CREDENTIALS: Final = (
    "idtrail takes those of the environment, of the provider's own files, or of the machine's role (docs/imports.md)"
)


class StoredObject(NamedTuple):
    """An object in a bucket's listing."""

    url: str
    size: int
    stamp: str
    """Changes when the content does."""


def is_bucket(path: object) -> bool:
    """Whether the path names something in a bucket rather than on the disk."""
    return isinstance(path, str) and "://" in path


def list_objects(url: str) -> list[StoredObject]:
    """Return the object at `url`, or the objects below it, in order of name.

    Raises `NotFound` when there is none, `BadUsage` for a scheme that the installed libraries cannot read, `UserError`
    when the bucket does not answer.
    """
    files = _filesystem(url)
    scheme = url.partition("://")[0]
    try:
        found: dict[str, dict[str, Any]] = files.find(url, detail=True)
        there = bool(found) or files.exists(url)
    except FileNotFoundError:
        there, found = False, {}
    except Exception as error:  # the libraries below fsspec have no common root of errors
        raise UserError(f"{url} cannot be listed: {_told(error)}") from error
    if not there:
        raise NotFound(f"{url}: there is no such bucket, folder or object")
    return [
        StoredObject(f"{scheme}://{name.lstrip('/')}", int(info.get("size") or 0), _stamp(info))
        for name, info in sorted(found.items())
        if not name.endswith("/")
    ]


@contextmanager
def open_object(url: str) -> Iterator[BinaryIO]:
    """Open an object's bytes as stored. All errors, here or while reading, are `OSError`."""
    files = _filesystem(url)
    try:
        file = files.open(url, "rb", block_size=BLOCK_BYTES)
    except Exception as error:  # as above
        raise OSError(_told(error)) from error
    with file:
        yield cast("BinaryIO", _Reading(file))


class _Reading(io.RawIOBase):
    """A file of fsspec whose errors are all `OSError`."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._file.read(size))
        except Exception as error:  # as above
            raise OSError(_told(error)) from error


def _filesystem(url: str) -> Any:
    scheme = url.partition("://")[0]
    if scheme not in EXTRAS:
        known = ", ".join(f"{name}://" for name in EXTRAS)
        raise BadUsage(f"{scheme}:// cannot be read: only {known} and files")
    try:
        import fsspec

        return fsspec.filesystem(scheme, use_listings_cache=False)
    except ImportError as error:
        raise BadUsage(
            f"reading {scheme}:// needs {EXTRAS[scheme]}, which is not installed: pip install 'idtrail[{scheme}]'"
        ) from error


def _stamp(info: dict[str, Any]) -> str:
    return next((str(info[name]) for name in _STAMPS if info.get(name)), "")


def _told(error: Exception) -> str:
    told = (str(error).splitlines() or [""])[0][:300] or type(error).__name__
    return f"{told}: {_CREDENTIALS}" if "credentials" in told.lower() else told
