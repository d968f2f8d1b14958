"""The shapes that exports come in, written here from the vendor's tools' descriptions and not by our code."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

Event = dict[str, Any]


def multi_line(events: Sequence[Event]) -> bytes:
    """S3 export, `MultiLine`: gzip, one array, indented, newest first."""
    return gzip.compress(json.dumps(_newest_first(events), indent=2).encode(), mtime=0)


def single_line(events: Sequence[Event]) -> bytes:
    """S3 export, `SingleLine`: gzip, one array, an event a line with its comma."""
    lines = ",\n".join(json.dumps(event) for event in _newest_first(events))
    return gzip.compress(f"[{lines}]".encode(), mtime=0)


def google(events: Sequence[Event]) -> bytes:
    """GCS export, `NDJson`: keys sanitised for BigQuery, empty objects and arrays null."""
    return "".join(json.dumps(_sanitised(event)) + "\n" for event in events).encode()


def wrapped(events: Sequence[Event]) -> bytes:
    """A SIEM shipper's NDJSON: the event under `jumpcloud`, its timestamp renamed to make room."""
    return "".join(json.dumps(_wrapped(event)) + "\n" for event in events).encode()


def bridged(events: Sequence[Event]) -> bytes:
    """Another one's."""
    return "".join(json.dumps({"host": "relay", "jumpcloud_bridge": event}) + "\n" for event in events).encode()


def plain(events: Sequence[Event]) -> bytes:
    """NDJSON as it is."""
    return "".join(json.dumps(event) + "\n" for event in events).encode()


SHAPES: Final[dict[str, tuple[str, Callable[[Sequence[Event]], bytes]]]] = {
    "multi-line": (".json.gz", multi_line),
    "single-line": (".json.gz", single_line),
    "google": (".ndjson", google),
    "wrapped": (".jsonl", wrapped),
    "bridged": (".jsonl", bridged),
    "plain": (".ndjson", plain),
}


def write(directory: Path, shape: str, events: Sequence[Event], name: str = "export") -> Path:
    """A file of that shape."""
    suffix, make = SHAPES[shape]
    file = directory / f"{name}-{shape}{suffix}"
    file.write_bytes(make(events))
    return file


def _newest_first(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda event: str(event.get("timestamp")), reverse=True)


def _sanitised(value: Any) -> Any:
    if isinstance(value, dict):
        return {re.sub(r"[^A-Za-z0-9_]", "_", key): _sanitised(item) for key, item in value.items()} or None
    if isinstance(value, list):
        return [_sanitised(item) for item in value] or None
    return value


def _wrapped(event: Event) -> Event:
    inner = {("jc_timestamp" if key == "timestamp" else key): value for key, value in event.items()}
    return {"@timestamp": "2026-11-24T10:00:00Z", "shipper": "x", "jumpcloud": inner}
