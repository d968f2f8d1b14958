"""A Faust table whose changelog confirms entries before anything that depends on them continues."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import faust

from schemas.kafka import FOR_EVER, LARGEST_RECORD, TopicSpec


def changelog(app_id: str, table: str) -> TopicSpec:
    """Return the changelog topic of a table: created by us, like every topic, with as many partitions as its
    source."""
    return TopicSpec(f"{app_id}-{table}-changelog", FOR_EVER, "compact", record_bytes=LARGEST_RECORD)


class ConfirmedTable(faust.Table):  # type: ignore[misc]  # because faust ships no types
    """A Faust table that is written outside of stream iteration, and keeps the futures of what it sends."""

    logger = logging.getLogger("faust.tables")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sent: list[Any] = []

    def entries(self) -> Iterable[bytes]:
        """Return every key."""
        keys: list[bytes] = list(self.data)
        return keys

    def entry(self, key: bytes) -> bytes:
        """Return the value of a key."""
        value = self.data[key]
        assert isinstance(value, bytes)
        return value

    def put_entry(self, partition: int, key: bytes, value: bytes) -> None:
        """Set an entry here, and soon on the changelog."""
        self.sent.append(self.send_changelog(partition, key, value))
        self.data[key] = value

    def delete_entry(self, partition: int, key: bytes) -> None:
        """Delete an entry here, and soon on the changelog."""
        self.sent.append(self.send_changelog(partition, key, None))
        del self.data[key]

    def drop_entry(self, key: bytes) -> None:
        """Drop an entry here only."""
        del self.data[key]
