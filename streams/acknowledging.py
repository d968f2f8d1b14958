"""Acknowledges the events that a Faust agent has processed, each offset once and in order."""

from __future__ import annotations

from collections import deque
from typing import Any


class Acknowledger:
    """Holds events until every one of several parts has processed them."""

    def __init__(self, parts: int) -> None:
        self._pending: deque[Any] = deque()
        self._done = [0] * parts
        self._acknowledged: dict[int, int] = {}
        """The last acknowledged offset of each partition since the last rebalance."""
        self.count = 0
        """Events acknowledged since the start."""

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def added(self) -> int:
        """The number of events added since the start."""
        return self.count + len(self._pending)

    def add(self, event: Any) -> None:
        """Add an event that waits to be acknowledged."""
        self._pending.append(event)

    def done(self, part: int, added: int) -> None:
        """Record that `part` has processed the first `added` events; events that every part has processed are
        acknowledged."""
        self._done[part] = added
        while self.count < min(self._done):
            self._acknowledge(self._pending.popleft())
            self.count += 1

    def _acknowledge(self, event: Any) -> None:
        # After a rebalance Faust hands out the events it had fetched, seeks back, and hands them out again. If an
        # offset is acknowledged twice, Faust commits one offset a second, however many wait.
        message = event.message
        if message.offset > self._acknowledged.get(message.partition, -1):
            self._acknowledged[message.partition] = message.offset
            event.ack()
        else:
            message.acked = True

    def forget(self) -> None:
        """Forget all events: after a restart or a rebalance the same offsets may come again."""
        self._acknowledged.clear()
