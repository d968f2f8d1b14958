"""Writes events as files, in the formats of exports. The same events give the same bytes.

python -m producers.simulation.exports DIRECTORY writes the sample exports that ship with the project.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from producers.simulation.presets import samples

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_]")


def multi_line(events: Sequence[bytes]) -> bytes:
    """Return the S3 exporter's default: gzip, one array, indented, newest first."""
    parsed = [orjson.loads(event) for event in reversed(events)]
    return gzip.compress(orjson.dumps(parsed, option=orjson.OPT_INDENT_2), mtime=0)


def single_line(events: Sequence[bytes]) -> bytes:
    """Return the S3 exporter's other form: gzip, one array, one event per line."""
    return gzip.compress(b"[" + b",\n".join(reversed(events)) + b"]", mtime=0)


def google_ndjson(events: Sequence[bytes]) -> bytes:
    """Return the GCS exporter's form for BigQuery: keys sanitised, empty objects and arrays null."""
    return b"".join(orjson.dumps(_sanitised(orjson.loads(event))) + b"\n" for event in events)


def wrapped_ndjson(events: Sequence[bytes]) -> bytes:
    """Return a SIEM shipper's form: each event under `jumpcloud`, with the timestamp renamed."""
    return b"".join(orjson.dumps({"jumpcloud": _renamed(orjson.loads(event))}) + b"\n" for event in events)


def _sanitised(value: Any) -> Any:
    if isinstance(value, dict):
        return {_UNSAFE.sub("_", key): _sanitised(item) for key, item in value.items()} or None
    if isinstance(value, list):
        return [_sanitised(item) for item in value] or None
    return value


def _renamed(event: dict[str, Any]) -> dict[str, Any]:
    return {("jc_timestamp" if key == "timestamp" else key): value for key, value in event.items()}


SHAPES: Final[dict[str, tuple[str, Callable[[Sequence[bytes]], bytes]]]] = {
    "multi-line": (".json.gz", multi_line),
    "single-line": (".json.gz", single_line),
    "google": (".ndjson", google_ndjson),
    "wrapped": (".jsonl", wrapped_ndjson),
}


def sample_files() -> dict[str, bytes]:
    """Return the sample exports by name: one file per format, each overlapping the next in time by one event."""
    organisation = samples()
    events = [event.raw for event in organisation]
    size = -(-len(events) // len(SHAPES))
    files = {}
    for index, (shape, (suffix, make)) in enumerate(SHAPES.items()):
        part = events[max(0, index * size - 1) : (index + 1) * size]
        files[f"jc_directoryinsights_directory_{index + 1}_{shape}{suffix}"] = make(part)
    return files


def main(directory: Path) -> None:
    """Write the sample exports."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in sample_files().items():
        (directory / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
