"""What is asked about many at once reaches a ClickHouse server in pieces that it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.checks.derivation import derived_differences
from queries.checks.verification import Reader
from queries.exposures import list_exposures
from queries.people.known import sharing
from queries.people.resolving import Person
from queries.pieces import ACCOUNTS_AT_ONCE, pieces, subjects_at_once, within
from queries.state import Asked, name_members, read_state
from queries.store import Store
from schemas.envelope import TRUST_STEP
from schemas.errors import IdtrailError
from streams.incident_writer import IncidentWriter
from streams.incidents import Incident
from streams.interest import Attempt
from streams.rows import decode_events
from tests.queries.support import Trail, at, attempt, failed, when
from tests.queries.test_histories import bound
from tests.records import NOON, event, record_of

APPS = [{"id": f"5fad07f2b9f5414721b3d7{number:02x}", "name": f"app{number}"} for number in range(8)]
PEOPLE = [
    {"id": f"63ec9bba89a64e507ce0{number:04x}", "type": "user", "username": f"u{number}"} for number in range(320)
]
SIGN_INS = 11
"""Of each person."""


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([4, 6, 1], [["0", "1"], ["2"]], id="as much as fits exactly"),
        pytest.param([11, 1], [["0"], ["1"]], id="one that is too large comes first"),
        pytest.param([1, 11, 1], [["0"], ["1"], ["2"]], id="one that is too large stands alone"),
    ],
)
def test_items_are_grouped_up_to_a_total_size(sizes: list[int], expected: list[list[str]]) -> None:
    assert list(within([(str(number), size) for number, size in enumerate(sizes)], 10)) == expected


@pytest.mark.parametrize(
    ("accounts", "most", "expected"),
    [
        pytest.param({}, 2, [], id="nobody"),
        pytest.param({"a": [1], "b": [1], "c": [1]}, 2, [["a", "b"], ["c"]], id="so many people"),
        pytest.param(
            {"a": range(ACCOUNTS_AT_ONCE - 1), "b": [1], "c": [1]}, 9, [["a", "b"], ["c"]], id="so many accounts"
        ),
        pytest.param(
            {"a": [1], "b": range(ACCOUNTS_AT_ONCE + 1), "c": [1]}, 9, [["a"], ["b"], ["c"]], id="one with too many"
        ),
    ],
)
def test_people_are_asked_about_as_many_at_once_as_their_accounts_allow(
    accounts: dict[str, Any], most: int, expected: list[list[str]]
) -> None:
    assert list(subjects_at_once(accounts, most)) == expected


def test_a_list_in_pieces_is_the_list() -> None:
    assert [list(piece) for piece in pieces(range(5), 2)] == [[0, 1], [2, 3], [4]]


@pytest.mark.store
def test_a_server_refuses_a_value_that_is_too_long(shared_http_store: Store) -> None:
    sql = "SELECT length({value:String})"
    assert shared_http_store.query(sql, {"value": "x" * 128 * 1024}) == [(128 * 1024,)]
    with pytest.raises(IdtrailError, match="too long"):
        shared_http_store.query(sql, {"value": "x" * (128 * 1024 + 1)})


@pytest.mark.store
async def test_the_incidents_of_a_backlog_are_folded_on_a_server(shared_http_store: Store) -> None:
    """Thousands of attempts at thousands of applications are what a worker meets after an outage."""
    published: list[Incident] = []

    async def publish(incidents: Sequence[Incident]) -> None:
        published.extend(incidents)

    trail = Trail(shared_http_store, uuid4().hex[:24])
    applications = [(trail.organization, f"5fad07f2b9f5414721b3{number:04x}") for number in range(4_000)]
    trail.insert(failed(0, application={"id": applications[-1][1], "name": "slack"}))
    attempts = [Attempt(uuid4().bytes, each, uuid4().bytes, "user", "u", False, 0) for each in applications]
    writer = IncidentWriter(shared_http_store, 5, publish)
    assert await writer.copies(attempts) == []
    ids = {attempt.incident_id for attempt in attempts}
    assert await writer.fold(applications, ids) == ([], False)
    found, changed = await writer.fold(applications)
    assert changed
    assert [one.incident.application_id for one in found] == [applications[-1][1]]
    assert published == [one.incident for one in found]


@pytest.mark.store
def test_who_shares_something_is_told_by_a_server_of_people_with_many_names(shared_http_store: Store) -> None:
    trail = Trail(shared_http_store, uuid4().hex[:24])
    people = [f"63ec9bba89a64e507ce0{number:04x}" for number in range(200)]
    trail.insert(
        *(
            attempt(minute, resource={"id": one, "type": "user", "username": name, "email": f"{name}@corp.example"})
            for one in people
            for minute in range(5)
            for name in (f"somebody.with-a-long-name.{minute}.{one}",)
        ),
        attempt(9, resource={"id": people[0], "type": "user", "username": "one-of-two"}),
        attempt(9, resource={"id": people[-1], "type": "user", "username": "one-of-two"}),
    )
    assert sharing(trail.store, trail.organization, people) == {people[0], people[-1]}


@pytest.mark.store
def test_the_members_of_a_large_group_are_named_by_a_server(shared_http_store: Store) -> None:
    trail = Trail(shared_http_store, uuid4().hex[:24])
    trail.insert(*(bound(0, "add", "sales", user=f"63ec9bba89a64e507ce0{number:04x}") for number in range(5_000)))
    asked = Asked(when(1), None)
    state = read_state(trail.store, Person(trail.organization, "sales", ["sales"]), asked)
    assert len(name_members(trail.store, trail.organization, state.members, asked)) == 5_000


@pytest.mark.store
def test_thousands_of_differences_are_looked_at_again_and_of_missing_events_told_by_a_server(http_store: Store) -> None:
    http_store.command(
        "INSERT INTO directory_acts (organization, subject_id, event_id) "
        "SELECT 'o', toString(number), generateUUIDv4() FROM numbers(7000)"
    )
    found = Counter(one.kind for one in derived_differences(http_store, TRUST_STEP, pause_seconds=0))
    assert found == {"extra": 7_000}
    logged = batch(
        decode_events([record_of(event(), offset=offset) for offset in range(3_500)], timedelta(hours=24)).rows,
        EVENTS_ARROW_SCHEMA,
    )
    compared = Reader(http_store).compare("events", logged, "idtrail.events", 0, 0, 3_500)
    assert [finding.kind for finding in compared.findings] == ["missing"] * 3_500
    places = {f"{'t' * 249}:0:{offset}" for offset in range(1_000)}
    assert Reader(http_store).unlettered(places) == places


@pytest.mark.store
def test_a_group_that_was_unbound_hundreds_of_times_while_another_was_bound_is_read_from_a_server(
    shared_http_store: Store,
) -> None:
    trail = Trail(shared_http_store, uuid4().hex[:24])
    app, who = str(APPS[0]["id"]), PEOPLE[0]
    hours = [-480.0 * number for number in range(900, 100, -1)]
    trail.insert(
        bound(hours[0] - 60, "add", "staff", application=app),
        *(bound(minute, "add", "sales", application=app) for minute in hours),
        *(bound(minute + 30, "remove", "sales", application=app) for minute in hours),
        attempt(hours[-1] + 10, "user_create_provision", resource=who, application=APPS[0]),
    )
    (found,) = list_exposures(trail.store, trail.organization, NOON).never_attempted
    assert (found.subject_id, found.since) == (who["id"], when(hours[-1] + 30))


@pytest.mark.store
def test_thousands_of_exposed_accounts_and_their_sign_ins_are_read_from_a_server(shared_http_store: Store) -> None:
    trail = Trail(shared_http_store, uuid4().hex[:24])
    suspended = [{"field": "state", "from": "ACTIVATED", "to": "SUSPENDED"}]
    trail.insert(
        *(attempt(-9000, "user_create_provision", resource=who, application=app) for who in PEOPLE for app in APPS),
        *(
            event("user_update", timestamp=at(-5000), resource=who, application=None, changes=suspended)
            for who in PEOPLE
        ),
        *(
            event("sso_auth", timestamp=at(-4000 + n), resource=who, application=APPS[0])
            for who in PEOPLE
            for n in range(SIGN_INS)
        ),
    )
    found = list_exposures(trail.store, trail.organization, NOON).never_attempted
    assert len(found) == len(PEOPLE) * len(APPS)
    assert sum(1 for each in found if each.used_since is not None) == len(PEOPLE)
