"""Streams an export and its manifest as one ZIP file; only the current block is held in memory."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import orjson

from queries.exports.pipe import Pipe

MANIFEST: Final = "manifest.json"


def archive(name: str, blocks: Iterable[bytes], manifest: Callable[[], dict[str, Any]]) -> Iterator[bytes]:
    """Yield in blocks a ZIP file of `name`, whose content is `blocks`, and of its manifest.

    `manifest` is called when the data is complete; `file`, `bytes` and `sha256` of the data are added to it.
    """
    pipe, digest, size = Pipe(), hashlib.sha256(), 0
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:
        with file.open(name, "w", force_zip64=True) as member:
            for block in blocks:
                digest.update(block)
                size += len(block)
                member.write(block)
                yield pipe.taken()
        told = {**manifest(), "file": name, "bytes": size, "sha256": digest.hexdigest()}
        file.writestr(MANIFEST, orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n")
    yield pipe.taken()
