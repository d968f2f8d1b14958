"""A time zone whose clocks go forward at any moment a test likes."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

NAME = "Test/Spring"
_HOUR = 3_600
_DAY = 24 * _HOUR


def spring(directory: Path, change: datetime) -> Path:
    """Write the zone: at `change`, a whole second, its clocks go from 02:00 to 03:00, once. RFC 8536, version 1."""
    at = int(change.timestamp())
    offset = (2 * _HOUR - at) % _DAY
    before = offset - _DAY if offset > _DAY // 2 else offset
    counts = struct.pack(">6l", 0, 0, 0, 1, 2, 8)
    types = struct.pack(">lBBlBB", before, 0, 0, before + _HOUR, 1, 4)
    file = directory / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(b"TZif" + bytes(16) + counts + struct.pack(">lB", at, 1) + types + b"STD\0DST\0")
    return file


def after_the_change(span: timedelta) -> str:
    """What its clocks show so long after it."""
    return (datetime(2000, 1, 1, 3, tzinfo=UTC) + span).strftime("%H:%M:%S")
