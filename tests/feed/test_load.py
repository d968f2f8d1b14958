"""The feed over HTTP with many readers, one of them stuck: the conditions of `bench.feed`, not its speed."""

from __future__ import annotations

import pytest

from bench.feed import Load, Report, measure
from queries.store import Store
from schemas.kafka import KafkaConnection

pytestmark = [pytest.mark.kafka, pytest.mark.store]


def assert_nothing_lost(load: Load, report: Report) -> None:
    """Each reader got each event once; the stuck one was told where to go on, and had everything in the end."""
    assert report.emitted == load.rate * load.seconds
    assert len(report.readers) == load.readers - 1
    assert {(reading.received, reading.distinct) for reading in report.readers} == {(report.emitted, report.emitted)}
    assert not any(reading.dropped for reading in report.readers)
    assert report.stuck.dropped
    assert report.stuck.received == report.stuck.distinct < report.emitted
    assert report.resumed == report.emitted


async def test_a_stuck_reader_costs_the_others_nothing(kafka: KafkaConnection, store: Store) -> None:
    load = Load(readers=6, rate=4_000, seconds=1, queue_messages=2_000, most_ahead=1_500)
    assert_nothing_lost(load, await measure(kafka, store, load))


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_fifty_readers_at_two_thousand_events_a_second_in_flat_memory(
    kafka: KafkaConnection, store: Store
) -> None:
    load = Load()
    report = await measure(kafka, store, load)
    assert_nothing_lost(load, report)
    _, warm, most = report.rss_mb
    assert most - warm < 250  # full queues, shared, and buffers of connections; all the events would be 600
