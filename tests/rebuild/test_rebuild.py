"""A rebuild: every table as before, row for row, while the trail goes on."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from idtrail.stack.topics import create_topics
from queries.store import Store
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from schemas.letters import Decision, Letter, Verdict
from tests.fixtures_kafka import Topics
from tests.rebuild.support import contents, rebuild, simulated, store_everything
from tests.records import NOON, ORGANIZATION, Record
from tests.sink.support import fill

LETTER = Letter(UUID(int=7), ORGANIZATION, "file:export.json", "element 1", "not_json", "no", NOON, 9, "gone", 0, 3)
"""Long gone from its topic."""

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.soak]


async def test_after_a_rebuild_every_table_is_as_before_row_for_row(
    kafka: KafkaConnection, topics: Topics, store: Store
) -> None:
    topics = replace(topics, decisions=topics.dead_letters.replace("dead-letters", "letter-decisions"))
    await create_topics(kafka, 4, 1, [TopicSpec(topics.decisions, FOR_EVER, partitions=1)], patience_seconds=30)
    key, value, headers = Decision(LETTER, Verdict.DISCARDED, NOON, "ada", message="test data").record()
    await fill(kafka, topics.decisions, [Record(value, headers, key=key)])
    await fill(kafka, topics.events, simulated(1_500))
    await fill(kafka, topics.events, [Record(b"{}", key=b"?"), Record(None, key=b"?")])
    await store_everything(kafka, topics, store)
    before = contents(store)
    assert all(before[table] for table in before if table != "schema_drift")
    state = await rebuild(kafka, topics, store).run(accept_loss=False)
    assert state.differences == []
    after = contents(store)
    assert {table for table in before if before[table] != after[table]} == set()
