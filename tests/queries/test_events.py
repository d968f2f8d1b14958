"""Lists of events: filters, pages, cursors; and counts by the same filters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from queries.counts import Dimension, count_by
from queries.events import get_event, list_events, places_sql
from queries.histories import history_sql
from queries.selection import Selection
from queries.statistics import read_statistics
from queries.store import Store
from schemas.errors import BadUsage, NotFound
from tests.queries.support import SLACK, Trail, at, attempt, failed, id_of, ids, when
from tests.records import NOON, event

pytestmark = pytest.mark.store

ADA = {"id": "61e536ebdbbe784cb2e55fb5", "type": "admin", "email": "ada@corp.example"}
KOFI = {"id": "73ec9bba89a64e507ce0a4c3", "type": "user", "username": "Kofi.Mensah", "email": "kofi@corp.example"}

HOSTILE = [
    "'; DROP TABLE events; --",
    "{organization:String}",
    "\\",
    "\\N",
    "%' OR 1=1 --",
    'a"b`c',
    "\t\n\r\0",
    "ᚠ\u202e😀",
    "' UNION ALL SELECT 1 FORMAT TSV",
    "]",
    "','x",
]


def story(trail: Trail) -> dict[str, str]:
    """One event of each kind; their names by id."""
    records = {
        "create": trail.log(attempt(0, "user_create_provision", initiated_by=ADA)),
        "refused": trail.log(failed(1, details="title: Paradoxical is too long", code="400")),
        "expired": trail.log(failed(2, "user_deprovision", resource=KOFI, application=SLACK)),
        "absent": trail.log(failed(3, "user_delete_provision", code="404", resource=KOFI, application=SLACK)),
        "group": trail.log(attempt(4, "group_update_provision", resource={"id": "g1", "name": "all staff"})),
        "sign-in": trail.log(
            event("sso_auth", timestamp=at(5), resource=None, success=None, application=SLACK, initiated_by=KOFI)
        ),
        "early": trail.log(attempt(-120)),
        "garbage": trail.log(event(timestamp="soon")),
    }
    trail.insert(*records.values())
    return {id_of(record): name for name, record in records.items()}


@pytest.fixture(scope="module")
def told(any_shared_store: Store) -> tuple[Trail, dict[str, str]]:
    """That story once, for tests that only read."""
    trail = Trail(any_shared_store, uuid4().hex[:24])
    return trail, story(trail)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param({}, ["sign-in", "group", "absent", "expired", "refused", "create", "early"], id="nothing asked"),
        pytest.param({"since": when(1), "until": when(3)}, ["expired", "refused"], id="from a time, before a time"),
        pytest.param({"unplaced": True}, ["garbage"], id="times that cannot be believed"),
        pytest.param({"event_types": ("user_deprovision", "sso_auth")}, ["sign-in", "expired"], id="types"),
        pytest.param({"kinds": ("group", "other")}, ["sign-in", "group"], id="kinds"),
        pytest.param({"outcomes": ("failure",)}, ["expired", "refused"], id="outcome"),
        pytest.param({"outcomes": ("reported_absent",)}, ["absent"], id="reported absent"),
        pytest.param({"causes": ("credentials",)}, ["expired"], id="cause"),
        pytest.param({"application": SLACK["id"]}, ["sign-in", "absent", "expired"], id="application by id"),
        pytest.param({"application": "SLACK"}, ["sign-in", "absent", "expired"], id="application by name in any case"),
        pytest.param({"subject": KOFI["id"]}, ["sign-in", "absent", "expired"], id="subject by id"),
        pytest.param({"subject": "kofi.mensah"}, ["sign-in", "absent", "expired"], id="subject by name in any case"),
        pytest.param({"subject": "KOFI@corp.example"}, ["sign-in", "absent", "expired"], id="subject by mail address"),
        pytest.param({"actor": "ada@CORP.example"}, ["create"], id="actor by name"),
        pytest.param({"actor": ADA["id"]}, ["create"], id="actor by id"),
        pytest.param({"text": "PARADOX"}, ["refused"], id="text in the detail"),
        pytest.param({"text": "sso_"}, ["sign-in"], id="text in the type; no wildcards"),
        pytest.param({"text": "all st"}, ["group"], id="text in the subject's name"),
        pytest.param({"subject": "kofi.mensah", "outcomes": ("failure",)}, ["expired"], id="two conditions hold both"),
        pytest.param({"organization": "nobody"}, [], id="another organization"),
    ],
)
def test_lists_and_counts_hold_to_the_conditions(
    told: tuple[Trail, dict[str, str]], conditions: Mapping[str, Any], expected: list[str]
) -> None:
    trail, names = told
    chosen = trail.day(**conditions)
    page = list_events(trail.store, chosen, None, 100)
    assert [names[found] for found in ids(page.items)] == expected
    assert page.next is None
    assert sum(row["events"] for row in count_by(trail.store, chosen, [Dimension.EVENT_TYPE]).items) == len(expected)
    assert read_statistics(trail.store, chosen).events == len(expected)


@pytest.fixture(scope="module")
def hostile(any_shared_store: Store) -> Trail:
    """Of each text one event that is named by it."""
    trail = Trail(any_shared_store, uuid4().hex[:24])
    named: list[dict[str, Any]] = [
        {"resource": {"id": text, "username": text}, "application": {"id": text, "name": text}} for text in HOSTILE
    ]
    trail.insert(*[attempt(0, **names) for names in named])
    return trail


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_asked_for_is_a_value_and_never_sql(hostile: Trail, text: str) -> None:
    asked = {"application": text, "subject": text, "text": text, "event_types": ("user_update_provision", text)}
    (found,) = list_events(hostile.store, hostile.day(**asked), None, 20).items
    assert found["subject_id"] == text
    assert list_events(hostile.store, hostile.day(organization=text, actor=text), None, 20).items == []


@pytest.mark.parametrize(("limit", "count"), [(1, 5), (3, 12), (7, 12)])
def test_pages_are_the_whole_list_while_events_come_in(trail: Trail, limit: int, count: int) -> None:
    # Several events of one time: the order among them must hold from page to page.
    records = [trail.log(attempt(number // 4)) for number in range(count)]
    trail.insert(*records)
    whole = ids(list_events(trail.store, trail.day(), None, 100).items)
    found: list[str] = []
    cursor = None
    while True:
        page = list_events(trail.store, trail.day(), cursor, limit)
        found += ids(page.items)
        trail.insert(attempt(30 + len(found)))  # newer than any page
        cursor = page.next
        if cursor is None:
            break
    assert found == whole
    assert sorted(found) == sorted(id_of(record) for record in records)


def test_pages_of_events_with_many_copies_are_full(trail: Trail) -> None:
    told = [attempt(number) for number in range(12)]
    trail.insert(*[trail.log(raw, known_at=when(copy)) for copy in range(20) for raw in told])
    first = list_events(trail.store, trail.day(), None, 8)
    assert len(first.items) == 8
    second = list_events(trail.store, trail.day(), first.next, 8)
    assert (len(second.items), second.next) == (4, None)


def test_a_cursor_keeps_the_range_of_the_first_page_while_the_clock_goes_on(trail: Trail) -> None:
    trail.insert(*[attempt(number) for number in range(4)])
    first = list_events(trail.store, trail.day(since=when(1), asked="7d to now"), None, 2)
    later = trail.day(since=when(3), asked="7d to now")
    assert len(list_events(trail.store, later, first.next, 10).items) == 1


def test_events_without_a_believable_time_come_in_pages_too(trail: Trail) -> None:
    trail.insert(*[event(timestamp=f"garbage {number}") for number in range(5)])
    chosen = trail.day(unplaced=True)
    found: list[str] = []
    cursor = None
    for _ in range(5):
        page = list_events(trail.store, chosen, cursor, 2)
        found += ids(page.items)
        cursor = page.next
        if cursor is None:
            break
    assert len(set(found)) == len(found) == 5


@pytest.mark.parametrize("cursor", ["x", "💥", "eyJhIjoxfQ", "W10", "bnVsbA", "Ww", "A" * 500])
def test_a_cursor_that_is_none_is_refused_in_a_sentence(trail: Trail, cursor: str) -> None:
    with pytest.raises(BadUsage, match="start again without it"):
        list_events(trail.store, trail.day(), cursor, 10)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"organization": "another"}, id="another organization"),
        pytest.param({"outcomes": ("failure",)}, id="another filter"),
        pytest.param({"asked": "7d to now"}, id="another range"),
        pytest.param({"unplaced": True}, id="another list"),
    ],
)
def test_a_cursor_of_another_question_is_refused(told: tuple[Trail, dict[str, str]], other: Mapping[str, Any]) -> None:
    trail, _ = told
    cursor = list_events(trail.store, trail.day(), None, 1).next
    with pytest.raises(BadUsage, match="belongs to another filter"):
        list_events(trail.store, trail.day(**other), cursor, 1)


def test_an_event_of_another_organization_is_not_found(trail: Trail) -> None:
    record = trail.log(attempt(0))
    trail.insert(record)
    (row,) = list_events(trail.store, trail.day(), None, 10).items
    with pytest.raises(NotFound):
        get_event(trail.store, "another", row["event_id"])
    assert get_event(trail.store, None, row["event_id"]).event["organization"] == trail.organization


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        pytest.param([], [{"events": 7}], id="all"),
        pytest.param(
            [Dimension.OUTCOME],
            [
                {"outcome": "success", "events": 3},
                {"outcome": "failure", "events": 2},
                {"outcome": "reported_absent", "events": 1},
                {"outcome": "unknown", "events": 1},
            ],
            id="one dimension",
        ),
        pytest.param(
            [Dimension.APPLICATION, Dimension.HTTP_STATUS],
            [
                {"application": "statsig", "http_status": 0, "events": 3},
                {"application": "slack", "http_status": 0, "events": 1},
                {"application": "slack", "http_status": 401, "events": 1},
                {"application": "slack", "http_status": 404, "events": 1},
                {"application": "statsig", "http_status": 400, "events": 1},
            ],
            id="two dimensions",
        ),
        pytest.param(
            [Dimension.HOUR],
            [{"hour": when(0), "events": 6}, {"hour": when(-120), "events": 1}],
            id="over time",
        ),
    ],
)
def test_counts_by_dimensions(
    told: tuple[Trail, dict[str, str]], by: list[Dimension], expected: list[dict[str, Any]]
) -> None:
    trail, _ = told
    found = count_by(trail.store, trail.day(), by)
    assert found.items == expected
    assert found.complete


@pytest.mark.parametrize("dimension", list(Dimension))
def test_every_dimension_counts_every_event(told: tuple[Trail, dict[str, str]], dimension: Dimension) -> None:
    trail, _ = told
    assert sum(row["events"] for row in count_by(trail.store, trail.day(), [dimension]).items) == 7


def test_counts_say_when_there_are_more_combinations(told: tuple[Trail, dict[str, str]]) -> None:
    trail, _ = told
    found = count_by(trail.store, trail.day(), [Dimension.EVENT_TYPE], limit=2)
    assert len(found.items) == 2
    assert not found.complete


@pytest.mark.parametrize("by", [[Dimension.DAY, Dimension.DAY], [Dimension.DAY, Dimension.KIND, Dimension.CAUSE]])
def test_counts_take_at_most_two_different_dimensions(trail: Trail, by: list[Dimension]) -> None:
    with pytest.raises(BadUsage):
        count_by(trail.store, trail.day(), by)


def test_statistics_of_nothing_are_zero(trail: Trail) -> None:
    assert read_statistics(trail.store, trail.day()) == (0, 0, 0, None, None, [], 0, 0)


def test_people_and_applications_of_two_organizations_are_others_though_their_ids_are_the_same(trail: Trail) -> None:
    every = trail.day(organization=None)
    before = read_statistics(trail.store, every)
    for each in (trail, Trail(trail.store, uuid4().hex[:24])):
        each.insert(attempt(0, resource={"id": "shared"}, application={"id": "shared", "name": "slack"}))
    after = read_statistics(trail.store, every)
    assert (after.people - before.people, after.applications - before.applications) == (2, 2)


def plan(store: Store, sql: str, parameters: Mapping[str, Any]) -> str:
    return "\n".join(line for (line,) in store.query(f"EXPLAIN indexes = 1 {sql}", parameters))


def granules(text: str) -> list[tuple[int, int]]:
    return [(int(read), int(all_)) for read, all_ in re.findall(r"Granules: (\d+)/(\d+)", text)]


def test_a_lifecycle_reads_one_persons_granules_of_one_table(trail: Trail) -> None:
    people = [{"id": f"{number:024x}", "username": f"u{number}"} for number in range(300)]
    trail.insert(*[attempt(n / 100, resource=people[n % 300]) for n in range(10_000)])
    values = {"known": 2**52, "limit": 10, "organization": trail.organization, "subjects": [people[7]["id"]]}
    found = plan(trail.store, history_sql(), values)
    assert set(re.findall(r"ReadFromMergeTree \((?:\w+\.)?(\w+)\)", found)) == {"events_by_subject"}
    read, of = granules(found)[-1]
    parts = len(trail.store.query("SELECT 1 FROM system.parts WHERE table = 'events_by_subject' AND active"))
    assert read <= parts + 1
    assert read < of

    hour = Selection(trail.organization, NOON - timedelta(minutes=10), NOON)
    found = plan(trail.store, places_sql(hour, after=False), hour.parameters() | {"limit": 10})
    assert "Keys:" in found
    assert "occurred_at" in found
    assert "Prefix sort description: occurred_at DESC" in found  # read in the order of the key, not sorted
    assert "LimitBy" not in found  # which reads on to the end of the range
    assert set(re.findall(r"ReadFromMergeTree \((?:\w+\.)?(\w+)\)", found)) == {"events"}
