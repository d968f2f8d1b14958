"""What the store's rows are compared by."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from queries.arrow import (
    ALERT_RECORDS_ARROW_SCHEMA,
    DEAD_LETTERS_ARROW_SCHEMA,
    EVENTS_ARROW_SCHEMA,
    LETTER_DECISIONS_ARROW_SCHEMA,
    batch,
)
from queries.checks.verification import Reader
from queries.store import Store
from schemas.alerts import AlertRecord
from schemas.kafka import ALERTS
from schemas.letters import Decision, Letter, Verdict
from streams.alert_records import decode_alerts
from streams.letters import decode_dead_letters
from streams.rows import decode_events
from tests.alerts.records import ALERT_ID, acted, detected, logged
from tests.records import NOON, ORGANIZATION, Record, event, record_of

pytestmark = pytest.mark.store

LETTER = Letter(UUID(int=7), ORGANIZATION, "file:export.json", "element 1", "not_json", "no", NOON, 9, "gone", 0, 3)


@pytest.mark.parametrize(
    ("stored", "missing", "repeats"),
    [pytest.param(0, [], 1, id="the first"), pytest.param(1, [0], 0, id="the repeat, known later")],
)
def test_a_repeat_stands_in_only_for_copies_that_it_outranks(
    store: Store, stored: int, missing: list[int], repeats: int
) -> None:
    raw = event()
    records = [record_of(raw, offset=offset, known_at=NOON + timedelta(hours=offset)) for offset in (0, 1)]
    logged = batch(decode_events(records, timedelta(hours=24)).rows, EVENTS_ARROW_SCHEMA)
    store.insert_arrow("events", logged.slice(stored, 1), "one")
    compared = Reader(store).compare("events", logged, "idtrail.events", 0, 0, 2)
    assert [(finding.kind, finding.place.offset) for finding in compared.findings] == [("missing", n) for n in missing]
    assert compared.repeats == repeats


def test_each_decision_about_a_letter_is_missed(store: Store) -> None:
    records = []
    for offset, verdict in enumerate((Verdict.STILL_UNREADABLE, Verdict.STILL_UNREADABLE, Verdict.DISCARDED)):
        key, value, headers = Decision(LETTER, verdict, NOON, "ada", message="test data").record()
        records.append(Record(value, headers, offset, topic="decisions", key=key))
    logged = batch(decode_dead_letters(records).decisions, LETTER_DECISIONS_ARROW_SCHEMA)
    store.insert_arrow("letter_decisions", logged.take([0, 2]), "two of three")
    reader = Reader(store)
    (finding,) = reader.compare_letters("letter_decisions", logged, "decisions", 0, 0, 3)
    assert (finding.kind, finding.place, finding.event_id) == ("missing", ("decisions", 0, 1), str(LETTER.letter_id))
    store.insert_arrow("letter_decisions", logged.take([1]), "the third")
    assert reader.compare_letters("letter_decisions", logged, "decisions", 0, 0, 3) == []
    store.command("ALTER TABLE letter_decisions UPDATE decided_by = 'eve' WHERE 1 SETTINGS mutations_sync = 2")
    found = reader.compare_letters("letter_decisions", logged.slice(0, 2), "decisions", 0, 0, 3)
    assert [(one.kind, one.place.offset, one.detail) for one in found] == [
        ("extra", 2, "the log has no such record"),
        ("altered", 0, "decided_by"),
        ("altered", 1, "decided_by"),
    ]


def test_each_record_of_an_alert_is_missed(store: Store) -> None:
    """Also one that says the same as another: each stands on the log for itself."""
    said: list[AlertRecord] = [detected(), detected(), acted("acknowledge", 5)]
    records = [logged(one, offset) for offset, one in enumerate(said)]
    rows = batch(decode_alerts(records).rows, ALERT_RECORDS_ARROW_SCHEMA)
    store.insert_arrow("alert_records", rows.take([0, 2]), "two of three")
    reader = Reader(store)
    (finding,) = reader.compare_alerts(rows, ALERTS, 0, 0, 3)
    assert (finding.kind, finding.place, finding.event_id) == ("missing", (ALERTS, 0, 1), ALERT_ID)
    store.insert_arrow("alert_records", rows.take([1]), "the third")
    assert reader.compare_alerts(rows, ALERTS, 0, 0, 3) == []
    store.command("ALTER TABLE alert_records UPDATE done_by = 'eve' WHERE act != '' SETTINGS mutations_sync = 2")
    (altered,) = reader.compare_alerts(rows, ALERTS, 0, 0, 3)
    assert (altered.kind, altered.place.offset, altered.detail) == ("altered", 2, "done_by")
    (beyond,) = reader.outside("alert_records", {(ALERTS, 0): (0, 2)}, 10)
    assert (beyond.place.offset, beyond.event_id, beyond.organization) == (2, ALERT_ID, ORGANIZATION)


def test_a_letter_that_was_decided_is_sound_before_the_store_has_merged_its_rows(store: Store) -> None:
    headers = [("idtrail_source", b"file:export.json"), ("idtrail_position", b"element 1")]
    letter = decode_dead_letters([Record(b"no", headers, 3, topic="gone")])
    own = batch(letter.rows, DEAD_LETTERS_ARROW_SCHEMA)
    (row,) = own.to_pylist()
    about = LETTER._replace(
        letter_id=UUID(bytes=row["letter_id"]), reason="", message="", size=row["size"], known_at=row["known_at"],
        organization="",
    )  # fmt: skip
    key, value, said = Decision(about, Verdict.DISCARDED, NOON, "ada", message="test data").record()
    decided = decode_dead_letters([Record(value, said, 0, topic="decisions", key=key)])
    again = batch(decided.rows, DEAD_LETTERS_ARROW_SCHEMA)
    assert again.equals(own)
    store.command("SYSTEM STOP MERGES dead_letters")
    store.insert_arrow("dead_letters", own, "the letter")
    reader = Reader(store)
    assert reader.compare_letters("dead_letters", again, "decisions", 0, 0, 1) == []
    store.insert_arrow("dead_letters", again, "its decision")
    assert reader.compare_letters("dead_letters", own, "gone", 0, 0, 4) == []
    assert reader.compare_letters("dead_letters", again, "decisions", 0, 0, 1) == []
    store.command("TRUNCATE TABLE dead_letters SYNC")
    for topic, told in (("gone", own), ("decisions", again)):
        (finding,) = reader.compare_letters("dead_letters", told, topic, 0, 0, 4)
        assert (finding.kind, finding.place) == ("missing", ("gone", 0, 3))


def test_a_stretch_of_which_nothing_is_stored_or_nothing_is_logged_is_told_row_by_row(store: Store) -> None:
    records = [record_of(event(id=f"e{offset}"), offset=offset) for offset in range(2)]
    logged = batch(decode_events(records, timedelta(hours=24)).rows, EVENTS_ARROW_SCHEMA)
    compared = Reader(store).compare("events", logged, "idtrail.events", 0, 0, 2)
    assert [(one.kind, one.place.offset) for one in compared.findings] == [("missing", 0), ("missing", 1)]
    store.insert_arrow("events", logged, "both")
    compared = Reader(store).compare("events", logged.slice(0, 0), "idtrail.events", 0, 0, 2)
    assert [(one.kind, one.place.offset) for one in compared.findings] == [("extra", 0), ("extra", 1)]
