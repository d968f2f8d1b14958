"""Verification: what was done to the store behind its back is named, record by record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idtrail.stack.topics import create_topics
from queries.store import Store
from schemas.errors import UserError
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from streams.verify import Verification
from tests.alerts.records import acted, detected, logged
from tests.fixtures_kafka import Topics
from tests.rebuild.support import contents, options, rebuild, simulated, store_everything
from tests.records import ORGANIZATION, Record, event, record_of
from tests.sink.support import fill

pytestmark = [pytest.mark.kafka, pytest.mark.store]


async def verified(kafka: KafkaConnection, topics: Topics, store: Store) -> dict[str, Any]:
    return await Verification(kafka, store, options(topics), decoders=1, pause_seconds=0).run()


def named(report: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(found["kind"], found["table"], found["place"]) for found in report["findings"]}


@pytest.mark.parametrize("mended", [False, pytest.param(True, marks=pytest.mark.soak)])
async def test_what_was_done_behind_the_stores_back_is_named_and_a_rebuild_mends_it(
    kafka: KafkaConnection, topics: Topics, store: Store, mended: bool
) -> None:
    twice = record_of(event())
    topics = replace(topics, alerts=topics.events.replace("events", "alerts"))
    await create_topics(kafka, 4, 1, [TopicSpec(topics.alerts, FOR_EVER, partitions=1)], patience_seconds=30)
    await fill(kafka, topics.events, [*simulated(200), Record(b"{}", key=b"?"), twice, twice])
    await fill(kafka, topics.alerts, [logged(detected()), Record(b"{}", key=b"?"), logged(acted("acknowledge", 5))])
    await store_everything(kafka, topics, store)
    before = contents(store) if mended else {}
    sound = await verified(kafka, topics, store)
    assert (sound["sound"], sound["findings"]) == (True, [])
    assert (sum(day["log"] for day in sound["days"]), len(sound["dead_lettered"])) == (208, 2)

    places = store.query(
        "SELECT log_partition, log_offset FROM events WHERE kind = 'user' AND outcome = 'success'"
        f" AND organization != '{ORGANIZATION}' ORDER BY event_id LIMIT 5"  # not the one that is there twice
    )
    deleted, altered, doubled, hidden, moved = places
    at = [f"log_partition = {partition} AND log_offset = {offset}" for partition, offset in places]
    store.command("ALTER TABLE alert_records DELETE WHERE record = 'acted' SETTINGS mutations_sync = 2")
    store.command(f"ALTER TABLE events DELETE WHERE {at[0]} SETTINGS mutations_sync = 2")
    store.command(
        f"ALTER TABLE events UPDATE outcome = 'unknown', detail = 'fine' WHERE {at[1]} SETTINGS mutations_sync = 2"
    )
    store.command(f"ALTER TABLE events_by_subject DELETE WHERE {at[3]} SETTINGS mutations_sync = 2")
    store.command(f"SYSTEM STOP MERGES `{store.database}`.events")  # a merge would mend what is doubled
    store.command(f"INSERT INTO events SELECT * FROM events WHERE {at[2]}")
    store.command(
        "INSERT INTO events SELECT * REPLACE (generateUUIDv4() AS event_id, 9999999 AS log_offset, 'other' AS kind)"
        f" FROM (SELECT * FROM events WHERE {at[4]})"
    )

    ((account,),) = store.query(
        "SELECT subject_id FROM account_marks GROUP BY subject_id HAVING count() = 1 ORDER BY subject_id LIMIT 1"
    )
    store.command(f"DELETE FROM account_marks WHERE subject_id = '{account}'")

    store.command(
        "DELETE FROM incidents WHERE incident_id = (SELECT min(incident_id) FROM incidents WHERE attempts > 0)"
    )

    def place(found: tuple[Any, ...]) -> str:
        return f"{topics.events}[{found[0]}]@{found[1]}"

    report = await verified(kafka, topics, store)
    assert not report["sound"]
    forged = ("extra", "events", place((moved[0], 9999999)))
    assert {
        ("missing", "events", place(deleted)),
        ("altered", "events", place(altered)),
        ("doubled", "events", place(doubled)),
        ("missing", "events_by_subject", place(hidden)),
        ("missing", "alert_records", f"{topics.alerts}[0]@2"),
        forged,
    } <= named(report)
    assert {found for found in named(report) if found[1] == "events"} == {
        ("missing", "events", place(deleted)),
        ("altered", "events", place(altered)),
        ("doubled", "events", place(doubled)),
        forged,
    }
    assert {("missing", "account_marks", account), ("missing", "incidents", None)} <= {
        (found["kind"], found["table"], found["key"].get("subject_id")) for found in report["findings"]
    }
    assert sum(line["missing"] for line in report["tables"] if line["table"] == "incidents") == 1
    (changed,) = (found for found in report["findings"] if found["kind"] == "altered" and found["table"] == "events")
    assert changed["detail"] == "outcome, detail"

    if not mended:
        return
    with pytest.raises(UserError, match="--accept-loss"):
        await rebuild(kafka, topics, store).run(accept_loss=False)
    state = await rebuild(kafka, topics, store).run(accept_loss=True)
    assert {table for table, rows in contents(store).items() if rows != before[table]} == set()
    assert sum(item["after"] - item["before"] for item in state.differences) == 0  # one was lost, one forged
    assert (await verified(kafka, topics, store))["findings"] == []
