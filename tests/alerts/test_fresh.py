"""When alerts are told, and when what they rest on is written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from schemas.alerts import Detected
from streams.alerts.fresh import AlertDetection
from streams.alerts.index import Rules
from streams.alerts.loading import shipped_rules
from streams.forwarded import Forwarded
from tests.alerts.test_live import Entries
from tests.records import event, forwarded_of, record_of


class Table(Entries):
    """Remembers what was sent, as Faust's does."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Any] = []

    def put_entry(self, partition: int, key: bytes, value: bytes) -> None:
        super().put_entry(partition, key, value)
        self.sent.append(asyncio.sleep(0))


def failed(number: int) -> Forwarded:
    record = record_of(
        event("user_deprovision", success=False, message_chain={"response_code": "401"}, resource={"id": str(number)})
    )
    return forwarded_of(record)


async def test_alerts_are_told_at_once_and_entries_written_no_faster_than_the_log_can_bear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Detected] = []

    async def publish(alerts: Sequence[Detected]) -> None:
        told.extend(alerts)
        steps.append(f"told, {len(table)} entries")

    steps: list[str] = []
    table = Table()
    app = SimpleNamespace(Table=lambda *_, **__: table, consumer=SimpleNamespace(assignment=set))
    rules = Rules(shipped_rules())
    detection = AlertDetection(app, rules, partitions=1, horizon=timedelta(hours=24), publish=publish)

    monkeypatch.setattr("streams.alerts.fresh.WRITE_BYTES", 10)  # a second: the first entries take minutes
    detection.take(0, 0, failed(1))
    assert await detection.flush()
    assert steps[0] == "told, 0 entries"  # told first
    written = {key: orjson.loads(value) for key, value in table.items()}
    assert written

    detection.take(0, 1, failed(2))
    before = len(told)
    assert not await detection.flush()
    assert len(told) > before
    assert {key: orjson.loads(value) for key, value in table.items()} == written
