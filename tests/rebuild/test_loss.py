"""A rebuild refuses rather than lose rows, and only then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from aiokafka import TopicPartition

from queries.arrow import ALERT_RECORDS_ARROW_SCHEMA, DEAD_LETTERS_ARROW_SCHEMA, EVENTS_ARROW_SCHEMA, batch
from queries.checks.verification import Reader
from queries.store import Store
from schemas.errors import UserError
from schemas.kafka import KafkaConnection
from schemas.letters import LOST_END
from streams import verify
from streams.alert_records import decode_alerts
from streams.chunk import Span
from streams.lag import Bounds
from streams.letters import decode_dead_letters
from streams.rows import decode_events
from streams.standing import Cut
from streams.verify import find_outside
from tests.alerts.records import detected, logged
from tests.fixtures_kafka import Topics
from tests.rebuild.support import contents, rebuild, simulated, store_everything
from tests.records import Record, event, record_of
from tests.sink.support import fill


def insert(store: Store, *records: Record) -> None:
    for record in records:
        rows = decode_events([record], timedelta(hours=24)).rows
        store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), f"{record.topic} {record.offset}")


@pytest.mark.kafka
@pytest.mark.store
@pytest.mark.parametrize(
    "place",
    [
        pytest.param({"topic": "another"}, id="on another topic"),
        pytest.param({"partition": 99}, id="on a partition that the topic does not have"),
        pytest.param({}, id="behind the end"),
    ],
)
async def test_a_row_whose_place_is_not_on_the_log_is_not_lost_unasked(
    kafka: KafkaConnection, topics: Topics, store: Store, place: dict[str, Any]
) -> None:
    insert(store, record_of(event(), **{"topic": topics.events, **place}))
    with pytest.raises(UserError, match=r": 1; .*--accept-loss"):
        await rebuild(kafka, topics, store).run(accept_loss=False)


@pytest.mark.kafka
@pytest.mark.store
async def test_an_alert_whose_records_the_log_has_lost_is_not_lost_unasked(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    rows = decode_alerts([logged(detected(), topic="another")]).rows
    store.insert_arrow("alert_records", batch(rows, ALERT_RECORDS_ARROW_SCHEMA), "one")
    with pytest.raises(UserError, match=r": 1; .*--accept-loss"):
        await rebuild(kafka, topics, store).run(accept_loss=False)


@pytest.mark.kafka
@pytest.mark.store
async def test_what_a_log_that_lost_its_end_held_before_is_not_lost_unasked(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    letter = Cut(LOST_END, Span(3, 4), "it has lost its end").letter(TopicPartition(topics.events, 0))
    told = Record(letter.value, letter.headers, topic=topics.dead_letters)
    store.insert_arrow("dead_letters", batch(decode_dead_letters([told]).rows, DEAD_LETTERS_ARROW_SCHEMA), "one")
    with pytest.raises(UserError, match=r"it has lost its end\. .*discard .*--accept-loss"):
        await rebuild(kafka, topics, store).run(accept_loss=False)


@pytest.mark.store
async def test_what_is_stored_after_the_logs_ends_were_read_is_not_taken_for_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(store, *(record_of(event(), offset=offset) for offset in range(4)))
    ends = iter([1, 3])

    async def read_bounds(connection: KafkaConnection, topics: list[str]) -> dict[tuple[str, int], Bounds]:
        return {(topic, 0): Bounds(0, next(ends)) for topic in topics}

    monkeypatch.setattr(verify, "read_bounds", read_bounds)
    found = await find_outside(KafkaConnection("unused:9092"), Reader(store), "events", "idtrail.events")
    assert [finding.place.offset for finding in found] == [3]


@pytest.mark.kafka
@pytest.mark.store
async def test_a_rebuild_loses_and_changes_no_row(kafka: KafkaConnection, topics: Topics, store: Store) -> None:
    await fill(kafka, topics.events, [*simulated(200), Record(b"{}", key=b"?")])
    await store_everything(kafka, topics, store)
    before = contents(store)
    assert before["events"]
    assert before["incidents"]
    state = await rebuild(kafka, topics, store).run(accept_loss=False)
    assert state.differences == []
    after = contents(store)
    assert {table for table, rows in before.items() if rows != after[table]} == set()
