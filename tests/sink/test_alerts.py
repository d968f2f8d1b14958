"""Records of alerts: from the log into the store, each a row; what is none into the dead letters."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from idtrail.stack.topics import create_topics
from producers.emitter import Emitter
from producers.spool import Spool
from queries.alerts.listing import Told, find_alert
from queries.store import Store
from schemas.alerts import Act, read_alert_record
from schemas.errors import Fatal
from schemas.kafka import ALERTS, FOR_EVER, KafkaConnection, TopicSpec
from streams.alert_records import ALERT_RECORD_COLUMNS, decode_alerts
from streams.flight import Loader
from streams.portion import Reading
from tests.alerts.records import ALERT_ID, acted, detected, logged, minute
from tests.fixtures_kafka import Topics, until
from tests.rebuild.support import sink
from tests.records import NOON, ORGANIZATION, Record, event, record_of
from tests.sink.support import everything_stored, fill, read_again

ROWS = (
    "SELECT record, severity, detection, events, act, done_by, toUnixTimestamp64Micro(triggered_at), body, log_offset"
    " FROM alert_records FINAL ORDER BY log_partition, log_offset"
)


@pytest.fixture
async def own_topics(kafka: KafkaConnection, topics: Topics) -> Topics:
    """With alerts that no other test sees."""
    own = replace(topics, alerts=topics.events.replace("events", "alerts"))
    await create_topics(kafka, 4, 1, [TopicSpec(own.alerts, FOR_EVER, partitions=1)], patience_seconds=30)
    return own


async def store_all(kafka: KafkaConnection, topics: Topics, store: Store) -> None:
    running = asyncio.create_task(sink(kafka, topics, store).run())
    try:
        await until(lambda: running.done() or everything_stored(kafka, topics, topics.alerts))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.mark.kafka
@pytest.mark.store
async def test_each_record_is_a_row_and_garbage_a_dead_letter_also_when_read_again(
    kafka: KafkaConnection, own_topics: Topics, store: Store
) -> None:
    topics = own_topics
    first, act = detected(), acted("acknowledge", 5)
    garbage = Record(b'{"record": "dreamt"}', [("idtrail_organization", b"o")], key=b"?")
    grown = detected(events=9, triggered_at=minute(20))
    await fill(kafka, topics.alerts, [logged(first), garbage, logged(act), logged(grown), Record(None, key=b"?")])

    await store_all(kafka, topics, store)
    rows = store.query(ROWS)
    assert [row[:6] for row in rows] == [
        ("detected", "high", "open", 5, "", ""),
        ("acted", "", "", 0, Act.ACKNOWLEDGE, "ada"),
        ("detected", "high", "open", 9, "", ""),
    ]
    assert [read_alert_record(row[7].encode()) for row in rows] == [first, act, grown]
    assert rows[2][6] == minute(20).timestamp() * 1_000_000
    letters = store.query("SELECT organization, reason, position FROM dead_letters FINAL ORDER BY position")
    assert letters == [
        ("o", "no_alert_record", f"{topics.alerts}[0]@1"),
        ("", "no_alert_record", f"{topics.alerts}[0]@4"),
    ]

    await read_again(kafka, topics.group, topics.alerts)
    await store_all(kafka, topics, store)
    assert store.query(ROWS) == rows


@pytest.mark.kafka
@pytest.mark.store
async def test_an_act_is_logged_when_it_is_confirmed_and_counts_when_it_is_stored(
    kafka: KafkaConnection, own_topics: Topics, store: Store, tmp_path: Path
) -> None:
    await fill(kafka, own_topics.alerts, [logged(detected())])
    act = acted("acknowledge", 20, text="looking")
    spool = Spool(tmp_path / "spool.sqlite3")
    async with Emitter(kafka, spool, lambda: NOON, own_topics.events, alerts=own_topics.alerts) as emitter:
        receipt = await emitter.act(act)
    assert (receipt.state, receipt.topic, receipt.offset) == ("logged", own_topics.alerts, 1)
    await store_all(kafka, own_topics, store)
    assert find_alert(store, ORGANIZATION, ALERT_ID[:4]) == Told(detected(), [act])


def test_an_alert_topic_that_holds_only_garbage_stops_the_sink() -> None:
    loader = Loader(Reading("events", ALERTS, timedelta(hours=24)), 3)
    records = [Record(b"{}", offset=offset, topic=ALERTS) for offset in range(3)]
    place = TopicPartition(ALERTS, 0)
    with pytest.raises(Fatal, match=r"3 records in a row of idtrail\.alerts\[0\]"):
        loader.load({place: records}, {place: 0})
    good = loader.load({place: [records[0], logged(detected(), 1), records[1]]}, {place: 1})
    assert good[0][0].unreadable == 1


def test_events_are_stored_before_alerts_for_detection_waits_for_them() -> None:
    loader = Loader(Reading("idtrail.events", ALERTS, timedelta(hours=24)), 3)
    alerts, events = TopicPartition(ALERTS, 0), TopicPartition("idtrail.events", 1)
    fetched = {alerts: [logged(detected())], events: [record_of(event())]}
    (flight,) = loader.load(fetched, {alerts: 0, events: 0})
    assert [chunk.place for chunk in flight] == [events, alerts]


def test_the_time_of_an_act_in_the_store_is_the_one_that_states_are_told_by() -> None:
    (row,) = decode_alerts([logged(acted("resolve", 5, after=minute(10)))]).rows
    found = dict(zip(ALERT_RECORD_COLUMNS, row, strict=True))
    assert found["at"] == minute(10).timestamp() * 1_000_000 + 1


def test_a_row_of_another_kind_of_record_is_empty_where_it_says_nothing() -> None:
    record = logged(acted("snooze", 5))
    (row,) = decode_alerts([record]).rows
    found = dict(zip(ALERT_RECORD_COLUMNS, row, strict=True))
    assert (found["severity"], found["ended_at"], found["applications"], found["succeeded"]) == ("", 0, [], False)
    assert found["snoozed_until"] == minute(35).timestamp() * 1_000_000
    assert found["body"] == record.value
