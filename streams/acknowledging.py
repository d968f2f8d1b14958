"""Acknowledging what a Faust agent has worked off, each offset once and in order."""

from __future__ import annotations

from typing import Any


class Acknowledger:
    """Holds events until their work is done."""

    def __init__(self) -> None:
        self._pending: list[Any] = []
        self._acknowledged: dict[int, int] = {}
        """By partition the last offset, since the last rebalance."""
        self.count = 0
        """Events acknowledged since the start."""

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, event: Any) -> None:
        """One more that waits."""
        self._pending.append(event)

    def take(self) -> list[Any]:
        """All that wait, to be worked off together."""
        pending, self._pending = self._pending, []
        return pending

    def acknowledge(self, events: list[Any]) -> None:
        """Their work is done. After a rebalance Faust hands out what it had fetched, seeks back, and hands it out
        again; acknowledged twice, offsets are committed one a second, however many wait."""
        for event in events:
            message = event.message
            if message.offset > self._acknowledged.get(message.partition, -1):
                self._acknowledged[message.partition] = message.offset
                event.ack()
            else:
                message.acked = True
        self.count += len(events)

    def forget(self) -> None:
        """After a restart or a rebalance offsets may come again."""
        self._acknowledged.clear()
