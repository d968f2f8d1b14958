"""The feed over HTTP with many readers, one of them stuck: the conditions of `bench.feed`, not its speed."""

from __future__ import annotations

import pytest

from bench.feed import Report, measure
from bench.feed_readers import Load
from bench.figures import slope
from queries.store import Store
from schemas.kafka import KafkaConnection
from streams.feed import SLOW

pytestmark = [pytest.mark.kafka, pytest.mark.store]


def assert_nothing_lost(load: Load, report: Report) -> None:
    """Each reader got each event once; the stuck one was told where to go on, and had everything in the end."""
    assert report.emitted == load.rate * load.seconds
    assert len(report.readers) == load.readers - 1
    assert report.whole() == report.readers
    assert report.stuck is not None
    assert report.stuck.reason == SLOW
    assert report.stuck.received == report.stuck.distinct < report.emitted
    assert report.resumed == report.emitted


async def test_a_stuck_reader_costs_the_others_nothing(kafka: KafkaConnection, store: Store) -> None:
    load = Load(readers=6, rate=4_000, seconds=1, most_ahead=1_500)
    assert_nothing_lost(load, await measure(kafka, store, load, queue_messages=2_000))


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_fifty_readers_at_two_thousand_events_a_second_in_flat_memory(
    kafka: KafkaConnection, store: Store
) -> None:
    load = Load()
    report = await measure(kafka, store, load)
    assert_nothing_lost(load, report)
    assert report.dropped_after(load.readers)  # while the others went on
    assert slope(report.warm()).value < 60  # MB a minute; all the events would be 600
