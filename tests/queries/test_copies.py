"""Every answer counts events, each as its copy in force tells it.

An event reaches the log by several routes and as often as somebody sends it. Its copies may differ in any
field, its time and its subject included; the copy of the highest trust, then the first known, is in force.
None of the others may count, hide the event, or show through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from queries.arrow import EVENTS_ARROW_SCHEMA
from queries.counts import Dimension, count_by
from queries.events import get_event, list_events
from queries.exposures import list_exposures
from queries.failures import list_failures
from queries.histories import read_history
from queries.people.resolving import find_person
from queries.statistics import read_statistics
from schemas.normal_form import Relation
from schemas.times import to_microseconds
from streams.rows import decode_events
from tests.queries.support import EXPORT, INGEST, TENANT, Trail, at, attempt, failed, id_of, ids, when
from tests.records import NOON, Record

pytestmark = pytest.mark.store

INES = "63ec9bba89a64e507ce0a4c2"
Change = Callable[[dict[str, Any]], dict[str, Any]]

CHANGES: dict[str, Change] = {
    "the same again": lambda raw: raw,
    "partial": lambda raw: {key: raw[key] for key in ("id", "event_type", "timestamp", "organization")},
    "another outcome": lambda raw: {**raw, "success": True, "message_chain": {"response_code": "200"}},
    "a later time": lambda raw: {**raw, "timestamp": at(45)},
    "an earlier time": lambda raw: {**raw, "timestamp": at(-20)},
    "a time outside of the range": lambda raw: {**raw, "timestamp": "2020-01-01T00:00:00Z"},
    "a time that cannot be believed": lambda raw: {**raw, "timestamp": "yesterday"},
    "another type": lambda raw: {**raw, "event_type": "user_create_provision"},
    "another person": lambda raw: {**raw, "resource": {"id": "somebody", "username": "else"}},
    "another application": lambda raw: {**raw, "application": {"id": "other", "name": "other"}},
}
# Any of them that counts, hides the event or shows through does so among the others too; alone it says which.
COPIES = [
    pytest.param(list(CHANGES.values()), id="all of them"),
    *[pytest.param([change], id=name, marks=pytest.mark.soak) for name, change in CHANGES.items()],
]


def answers(trail: Trail) -> dict[str, Any]:
    """What can be asked about one failed deactivation of Ines."""
    store, day = trail.store, trail.day()
    page = list_events(store, day, None, 10)
    failures = list_failures(store, day, 10, NOON + timedelta(days=1))
    ines = find_person(store, trail.organization, INES)
    history = read_history(store, ines, when(-600), when(600))
    return {
        "list": [(row["event_id"], row["occurred_at"], row["outcome"], row["event_type"]) for row in page.items],
        "next": page.next,
        "counts": count_by(store, day, [Dimension.EVENT_TYPE, Dimension.OUTCOME]).items,
        "by time": count_by(store, day, [Dimension.MINUTE, Dimension.APPLICATION]).items,
        "stats": read_statistics(store, day),
        "failures": (failures.attempts, failures.failures, [(row["tries"], row["people"]) for row in failures.groups]),
        "lifecycle": history.steps,
        "accounts": history.accounts,
        "exposures": [(found.person, found.account) for found in list_exposures(store, trail.organization, NOON).open],
    }


@pytest.mark.parametrize("changes", COPIES)
def test_copies_of_less_trust_change_no_answer(trail: Trail, changes: Sequence[Change]) -> None:
    raw = failed(0, "user_deprovision")
    trail.insert(raw)
    alone = answers(trail)
    assert alone["exposures"]
    for known in (5, -5):  # after the one in force, and then before it too
        trail.insert(*(trail.log(change(raw), INGEST, NOON + timedelta(minutes=known)) for change in changes))
        assert answers(trail) == alone


@pytest.mark.parametrize("changes", COPIES)
def test_a_copy_of_more_trust_takes_the_place_of_others(trail: Trail, changes: Sequence[Change]) -> None:
    raw = failed(0, "user_deprovision")
    trail.insert(*(trail.log(change(raw), INGEST, NOON - timedelta(minutes=5)) for change in changes))
    trail.insert(trail.log(raw, TENANT))
    after = answers(trail)
    assert [row[2] for row in after["list"]] == ["failure"]
    assert after["failures"] == (1, 1, [(1, 1)])
    assert len(after["exposures"]) == 1


def test_copies_of_one_millisecond_and_trust_are_told_apart_by_content_in_any_order(trail: Trail) -> None:
    raw = attempt(0)
    copies = [trail.log({**raw, "note": note}) for note in ("a", "b", "c")]
    trail.insert(*copies)
    (event_id,) = (row["event_id"] for row in list_events(trail.store, trail.day(), None, 10).items)
    chosen = get_event(trail.store, trail.organization, event_id).copies[0].raw
    trail.insert(*reversed(copies))
    assert len(list_events(trail.store, trail.day(), None, 10).items) == 1
    assert get_event(trail.store, trail.organization, event_id).copies[0].raw == chosen


@pytest.mark.parametrize(
    ("other", "relation"),
    [
        pytest.param(
            lambda raw: {key: raw[key] for key in ("id", "timestamp", "organization")}, "partial", id="partial"
        ),
        pytest.param(lambda raw: {**raw, "success": False}, "conflict", id="conflict"),
    ],
)
def test_one_event_shows_every_copy_its_bytes_and_its_place(any_trail: Trail, other: Change, relation: str) -> None:
    raw = attempt(0)
    best = any_trail.log(raw)
    worse = any_trail.log(other(raw), INGEST, NOON + timedelta(minutes=1))
    any_trail.insert(worse, best)
    (row,) = list_events(any_trail.store, any_trail.day(), None, 10).items
    detail = get_event(any_trail.store, any_trail.organization, row["event_id"])
    assert [copy.raw for copy in detail.copies] == [best.value, worse.value]
    assert [copy.in_force for copy in detail.copies] == [True, False]
    assert [copy.relation for copy in detail.copies] == [Relation.SAME, Relation(relation)]
    assert [(copy.topic, copy.partition, copy.offset) for copy in detail.copies] == [
        (record.topic, record.partition, record.offset) for record in (best, worse)
    ]
    assert [copy.trust for copy in detail.copies] == ["export", "open_ingest"]
    headers = [dict(record.headers) for record in (best, worse)]
    assert [copy.digest for copy in detail.copies] == [own["idtrail_digest"].decode() for own in headers]
    assert [copy.fingerprint for copy in detail.copies] == [own["idtrail_fingerprint"].decode() for own in headers]


def test_of_repeats_of_one_copy_the_first_known_is_shown(trail: Trail) -> None:
    raw = attempt(0)
    early, late = trail.log(raw), trail.log(raw, known_at=NOON + timedelta(hours=1))
    trail.insert(late)
    trail.insert(early)
    (row,) = list_events(trail.store, trail.day(), None, 10).items
    assert row["known_at"] == NOON
    (copy,) = get_event(trail.store, trail.organization, row["event_id"]).copies
    assert copy.offset == early.offset


def test_a_page_full_of_copies_out_of_force_is_filled_up_from_what_follows(trail: Trail) -> None:
    real = [trail.log(attempt(number / 60, id=f"{number:024x}")) for number in range(30)]
    forged = [trail.log(attempt(40 + number / 60, id=f"{number:024x}"), INGEST) for number in range(25)]
    trail.insert(*real, *forged)
    found: list[str] = []
    cursor = None
    for _ in range(20):
        page = list_events(trail.store, trail.day(), cursor, 10)
        found += ids(page.items)
        cursor = page.next
        if cursor is None:
            break
    assert found == [id_of(record) for record in reversed(real)]


def crowd(trail: Trail, seed: int) -> list[Record]:
    """Eighty events, most with copies of every kind by every way, and some copies several times."""
    random = Random(seed)
    log = []
    for _ in range(80):
        minute, kind = random.uniform(0, 60), random.choice(["user_deprovision", "user_update_provision", "sso_auth"])
        raw = random.choice([failed, attempt])(minute, kind)
        for change in (
            CHANGES["the same again"],
            *random.choices(list(CHANGES.values()), k=random.choice([0, 0, 1, 3])),
        ):
            known_at = NOON + timedelta(minutes=random.choice([-5, 0, 0, 5]))
            record = trail.log(change(raw), random.choice([EXPORT, INGEST, TENANT]), known_at)
            log += [record] * random.choice([1, 1, 2])
    random.shuffle(log)
    return log


def in_force(log: Sequence[Record]) -> list[dict[str, Any]]:
    """Every event as its copy in force tells it, without a store."""
    best: dict[Any, dict[str, Any]] = {}
    for values in decode_events(log, timedelta(hours=24)).rows:
        row = dict(zip(EVENTS_ARROW_SCHEMA.names, values, strict=True))
        before = best.setdefault(row["event_id"], row)
        best[row["event_id"]] = max(before, row, key=lambda copy: (copy["version"], copy["fingerprint"]))
    return list(best.values())


@pytest.mark.parametrize("merged", ["nothing", "events", "attempts"])
def test_counts_are_those_of_the_copies_in_force_whatever_is_merged(trail: Trail, merged: str) -> None:
    log = crowd(trail, seed=len(merged))
    trail.insert(*log[::2])
    trail.insert(*log[1::2])
    if merged != "nothing":
        trail.store.command(f"OPTIMIZE TABLE {merged} FINAL")
    for begin, end in ((-1440, 1440), (10, 30), (44, 46)):
        day = trail.day(since=when(begin), until=when(end))
        inside = [
            row
            for row in in_force(log)
            if row["time_quality"] == "ok"
            and to_microseconds(day.since) <= row["occurred_at"] < to_microseconds(day.until)
        ]
        assert inside
        expected = Counter((row["event_type"], row["outcome"]) for row in inside)
        counts = count_by(trail.store, day, [Dimension.EVENT_TYPE, Dimension.OUTCOME])
        assert {(row["event_type"], row["outcome"]): row["events"] for row in counts.items} == expected
        attempts = [row["outcome"] for row in inside if row["kind"] != "other"]
        failures = list_failures(trail.store, day, 10, NOON + timedelta(days=1))
        assert (failures.attempts, failures.failures) == (len(attempts), attempts.count("failure"))
        assert sum(row["tries"] for row in failures.groups) == failures.failures
