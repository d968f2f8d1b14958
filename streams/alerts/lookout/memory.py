"""The published alerts of some rules, read from `idtrail.alerts`: once in full, then what is new."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from aiokafka.errors import KafkaError

from broker.refusal import failure
from schemas.alerts import Detected, read_alert_record
from schemas.errors import MalformedRecord
from schemas.kafka import KafkaConnection
from streams.alerts.lookout.sighting import Key, key_of
from streams.lag import read_bounds
from streams.rows import LogRecord
from streams.span_reader import SpanReader, stretches

PIECE: Final = 500
"""Records read in one piece, after which other tasks get the loop."""


class Memory:
    """The store may be away, and alerts about that must not depend on it: so the log is read."""

    def __init__(self, connection: KafkaConnection, topic: str, rule_ids: Collection[str]) -> None:
        self._connection = connection
        self._topic = topic
        self._marks = [f'"rule_id":"{rule_id}"'.encode() for rule_id in rule_ids]
        self.last: dict[str, dict[Key, Detected]] = {rule_id: {} for rule_id in rule_ids}
        """The last record of each group's last alert, as far as was read, by rule."""
        self._at: dict[tuple[str, int], int] = {}
        self._lock = asyncio.Lock()

    async def told(self, rule_id: str) -> Mapping[Key, Detected]:
        """Return the published alerts of one rule, as the log has them now. Raises `BrokerAway`, `BrokerRefuses`."""
        async with self._lock:
            try:
                await self._read_on()
            except (KafkaError, OSError) as error:
                raise await failure(self._connection, error) from error
        return dict(self.last[rule_id])

    async def _read_on(self) -> None:
        bounds = await read_bounds(self._connection, [self._topic])
        new = {place: bound for place, bound in bounds.items() if self._at.get(place, bound.begin) < bound.end}
        if not new:
            return
        begin = {place: self._at.get(place, bound.begin) for place, bound in new.items()}
        async with SpanReader(self._connection) as reader:
            for stretch in stretches(begin, {place: bound.end for place, bound in new.items()}, PIECE):
                async for part, records in reader.parts(stretch):
                    self.take(records)
                    self._at[stretch.topic, stretch.partition] = part.end
                await asyncio.sleep(0)

    def take(self, records: Iterable[LogRecord]) -> None:
        """Take records of one partition, in order."""
        for record in records:
            value = bytes(record.value or b"")
            if not any(mark in value for mark in self._marks):
                continue
            try:
                found = read_alert_record(value)
            except MalformedRecord:
                continue  # the sink makes a dead letter of it
            if isinstance(found, Detected) and found.rule_id in self.last:
                told, key = self.last[found.rule_id], key_of(found)
                # An alert of another day is in another partition.
                if key not in told or found.opened_at >= told[key].opened_at:
                    told[key] = found
