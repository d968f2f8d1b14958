"""Workers killed twenty times over: the incidents are what the events make them, and the backfill finds the same."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from queries.store import Store
from schemas.kafka import KafkaConnection
from streams.incident_writer import IncidentWriter
from streams.incidents import Incident
from streams.rows import Row, decode_events
from tests.failures.test_kills import done_with, of_many
from tests.failures.workers import Workers
from tests.failures.workers import workers as workers  # the fixture
from tests.fixtures_kafka import Topics, until
from tests.incidents.oracle import incidents_of, written
from tests.records import Record
from tests.sink.support import ended, fill

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.soak, pytest.mark.timeout(600)]

ORGANIZATIONS = [f"org-{number}" for number in range(12)]


def stored(records: Sequence[Record]) -> list[Row]:
    """The rows that the sink makes of records that were appended just now."""
    now = int(time.time() * 1000)
    return decode_events([replace(record, timestamp=now) for record in records], timedelta(hours=24)).rows


async def test_workers_killed_twenty_times_leave_the_incidents_that_the_events_make(
    kafka: KafkaConnection, topics: Topics, http_store: Store, workers: Workers
) -> None:
    draw = random.Random(5)
    rows: list[Row] = []
    for round_ in range(20):
        worker = workers.start()
        records = of_many(150, 100 + round_)
        await fill(kafka, topics.events, records)
        rows += stored(records)
        await asyncio.sleep(1.0 + draw.random() * 4)  # the moment of the kill is the point, not a wait
        worker.kill()
    last = workers.start()
    await until(lambda: done_with(kafka, topics), 120)
    place = {organization: [row for row in rows if row[0] == organization] for organization in ORGANIZATIONS}
    live = {organization: written(http_store, organization) for organization in ORGANIZATIONS}
    assert live == {organization: incidents_of(own) for organization, own in place.items()}
    last.send_signal(signal.SIGTERM)
    assert await ended(last) == 0

    async def publish(incidents: Sequence[Incident]) -> None:
        assert incidents

    http_store.command("TRUNCATE TABLE incidents")
    writer = IncidentWriter(http_store, 10, publish)
    for organization, application in http_store.query("SELECT DISTINCT organization, application_id FROM attempts"):
        await writer.settle((organization, application))
    assert {organization: written(http_store, organization) for organization in ORGANIZATIONS} == live
