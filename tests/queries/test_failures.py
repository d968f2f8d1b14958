"""What failed and why: groups, whether the trouble goes on, windows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from queries.arrow import FAILURE_WINDOWS_ARROW_SCHEMA, batch
from queries.failures import list_failures, list_windows
from queries.store import Store
from schemas.cause import CAUSES, Cause
from schemas.times import SENTINEL, to_microseconds
from tests.queries.support import INGEST, SLACK, TENANT, Trail, attempt, failed, stored, when
from tests.records import STATSIG, event

pytestmark = pytest.mark.store

KOFI = {"id": "73ec9bba89a64e507ce0a4c3", "type": "user", "username": "kofi.mensah"}
STAFF = {"id": "g1", "type": "user_group", "name": "all staff"}
Raw = dict[str, Any]
CLOSING = failed(1, "user_deprovision", code="500")
MISSING = {"code": "403", "details": "missing permission users:write"}
SEATS = failed(1, "user_create_provision", code="403", details="seat limit reached")
UNREACHED = failed(1, code="0", details="connection timed out")
DELETION = attempt(2, "idm_integration_delete", resource=None)
ACTIVATION = failed(1, "idm_integration_activate", code="500", resource=None)
ACTIVE, INACTIVE = ([{"field": "active", "to": to}] for to in (True, False))


@pytest.mark.parametrize("merged", [[], ["events"], ["attempts"], ["events", "attempts"]], ids=" and ".join)
def test_an_event_that_came_again_counts_once_whichever_table_is_merged_first(trail: Trail, merged: list[str]) -> None:
    told = [failed(1), attempt(2)]
    for copy in range(3):
        trail.insert(*[trail.log(raw, known_at=when(copy)) for raw in told])
    for table in merged:
        trail.store.command(f"OPTIMIZE TABLE {table} FINAL")
    found = list_failures(trail.store, trail.day(), 10, when(60 * 24))
    assert (found.attempts, found.failures, [group["tries"] for group in found.groups]) == (2, 1, [1])


def test_failures_are_grouped_and_told_with_their_remedy(any_trail: Trail) -> None:
    any_trail.insert(
        attempt(0),
        failed(1),
        failed(2),
        failed(3, resource=KOFI),
        failed(4, "group_update_provision", resource=STAFF),
        failed(5, code="400", details="title is too long", application=SLACK),
        event("user_update", success=False, error_message="not an attempt"),
    )
    found = list_failures(any_trail.store, any_trail.day(), 10, when(60 * 24))
    assert (found.attempts, found.failures, found.total) == (6, 5, 2)
    first, second = found.groups
    text = CAUSES[Cause.CREDENTIALS]
    expected = {
        "organization": any_trail.organization,
        "application": "statsig",
        "cause": "credentials",
        "attribute": "",
        "tries": 4,
        "people": 2,
        "groups": 1,
        "first": when(1),
        "last": when(4),
        "last_success": when(0),
        "http_status": 401,
        "state": "open",
        "sentence": text.sentence,
        "remedy": text.remedy,
        "retryable": False,
    }
    assert {name: first[name] for name in expected} == expected
    assert (second["cause"], second["attribute"], second["detail"]) == (
        "invalid_value",
        "title",
        "no · title is too long",
    )
    assert second["last_success"] is None


GOES_ON: dict[str, tuple[list[Raw], str]] = {
    "nothing since": ([failed(1)], "open"),
    "success before": ([attempt(0), failed(1)], "open"),
    "own success since": ([failed(1), attempt(2)], "resolved"),
    "credentials: anybody's success since": ([failed(1), attempt(2, resource=KOFI)], "resolved"),
    "another application's success": ([failed(1), attempt(2, application=SLACK)], "open"),
    "conflict: another's success": ([failed(1, code="409"), attempt(2, resource=KOFI)], "open"),
    "conflict: own success": ([failed(1, code="409"), attempt(2)], "resolved"),
    "one of two is left": ([failed(1, code="409"), failed(1, code="409", resource=KOFI), attempt(2)], "open"),
    "success after the range": ([failed(1), attempt(60 * 13)], "resolved"),
    "success ahead of the clock": ([failed(1), attempt(60 * 25)], "open"),
    "network: anybody's success since": ([UNREACHED, attempt(2, resource=KOFI)], "resolved"),
    "permission: of the same type": ([failed(1, **MISSING), attempt(2, resource=KOFI)], "resolved"),
    "permission: another type": ([failed(1, **MISSING), attempt(2, "user_deprovision", resource=KOFI)], "open"),
    "quota: another's creation": ([SEATS, attempt(2, "user_create_provision", resource=KOFI)], "resolved"),
    "activation: anybody's success": ([ACTIVATION, attempt(2)], "resolved"),
    "activation: its own": ([ACTIVATION, attempt(2, "idm_integration_reauth", resource=None)], "resolved"),
    "the integration was deleted": ([failed(1, code="500"), DELETION], "resolved"),
    "the integration was deleted before": ([failed(3, code="500"), DELETION], "open"),
    "credentials: only re-authorised": ([failed(1), attempt(2, "idm_integration_reauth", resource=None)], "open"),
    "a closing: an update of the title": ([CLOSING, attempt(2)], "open"),
    "a closing: another's": ([CLOSING, attempt(2, "user_deprovision", resource=KOFI)], "open"),
    "a closing: the own one": ([CLOSING, attempt(2, "user_deprovision")], "resolved"),
    "a closing: wanted again": ([CLOSING, attempt(2, "user_create_provision")], "resolved"),
    "a closing: wanted again, by an update": ([CLOSING, attempt(2, changes=ACTIVE)], "resolved"),
    "an update that closes: another update": ([failed(1, code="500", changes=INACTIVE), attempt(2)], "open"),
}


@pytest.fixture(scope="module")
def troubles(shared_store: Store) -> dict[str, Trail]:
    """Each in an organization of its own."""
    return stored(shared_store, {name: records for name, (records, _) in GOES_ON.items()})


@pytest.mark.parametrize("name", GOES_ON)
def test_whether_a_trouble_goes_on(troubles: dict[str, Trail], name: str) -> None:
    trail = troubles[name]
    (group,) = list_failures(trail.store, trail.day(until=when(60 * 12)), 10, when(60 * 24)).groups
    assert group["state"] == GOES_ON[name][1]


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param({"subject": "ines.almeida"}, id="subject"),
        pytest.param({"event_types": ("user_create_provision",)}, id="type"),
        pytest.param({"application": "statsig"}, id="name of the application, which has another now"),
        pytest.param({"causes": ("credentials",)}, id="cause"),
        pytest.param({"until": when(1.5)}, id="range"),
    ],
)
def test_conditions_select_failures_and_never_the_successes_that_end_them(trail: Trail, conditions: Raw) -> None:
    renamed = {**STATSIG, "name": "statsig 2"}
    trail.insert(failed(1, "user_create_provision"), attempt(2, resource=KOFI, application=renamed))
    (group,) = list_failures(trail.store, trail.day(**conditions), 10, when(60 * 24)).groups
    assert (group["state"], group["last_success"]) == ("resolved", when(2))


def test_an_event_whose_copy_in_force_is_none_of_the_twelve_types_is_no_attempt(trail: Trail) -> None:
    refused, accepted = failed(1, code="409"), attempt(3)
    trail.insert(failed(2, code="409"))
    for raw in (refused, accepted):
        trail.insert(trail.log({**raw, "event_type": "user_update"}, TENANT), trail.log(raw, INGEST))
    found = list_failures(trail.store, trail.day(), 10, when(60 * 24))
    assert (found.attempts, found.failures) == (1, 1)
    assert [(group["tries"], group["state"]) for group in found.groups] == [(1, "open")]


@pytest.fixture(scope="module")
def told(shared_store: Store) -> Trail:
    """Three failures, for tests that only read."""
    trail = Trail(shared_store, uuid4().hex[:24])
    trail.insert(
        attempt(0),
        failed(1, "user_deprovision"),
        failed(2, resource=KOFI, code="400", details="x"),
        failed(3, code="409", application=SLACK),
    )
    return trail


@pytest.mark.parametrize(
    ("conditions", "tries", "attempts"),
    [
        pytest.param({"causes": ("conflict",)}, [1], 4, id="cause: attempts are of all causes"),
        pytest.param({"causes": ("quota",)}, [], 4, id="a cause that no failure has"),
        pytest.param({"application": "slack"}, [1], 1, id="application"),
        pytest.param({"subject": "KOFI.mensah"}, [1], 1, id="subject"),
        pytest.param({"event_types": ("user_deprovision",)}, [1], 1, id="type"),
        pytest.param({"until": when(1.5)}, [1], 2, id="range"),
        pytest.param({"since": when(50)}, [], 0, id="nothing failed"),
    ],
)
def test_failures_hold_to_the_conditions(told: Trail, conditions: Raw, tries: list[int], attempts: int) -> None:
    found = list_failures(told.store, told.day(**conditions), 10, when(60 * 24))
    assert [group["tries"] for group in found.groups] == tries
    assert (found.attempts, found.failures) == (attempts, sum(tries))


def test_more_groups_than_asked_for_are_counted(told: Trail) -> None:
    found = list_failures(told.store, told.day(), 1, when(60 * 24))
    assert (len(found.groups), found.total) == (1, 3)


def test_windows_come_newest_first_and_the_one_that_has_seen_most_wins(any_trail: Trail) -> None:
    def window(minute: int, failures: int, application: str = "statsig") -> tuple[object, ...]:
        moment = when(minute)
        micros = to_microseconds(moment)
        start = (moment - SENTINEL) // timedelta(seconds=1)
        ids = (bytes(16), bytes(16))
        return (
            any_trail.organization, start, application, application, "user_update_provision", "credentials",
            failures + 1, failures, 1, *ids, micros, micros, failures,
        )  # fmt: skip

    rows = [window(0, 1), window(1, 2), window(0, 5), window(2, 1, "slack")]
    any_trail.store.insert_arrow("failure_windows", batch(rows, FAILURE_WINDOWS_ARROW_SCHEMA), any_trail.organization)
    found = list_windows(any_trail.store, any_trail.day(), 10)
    assert [(row["window_start"], row["failures"]) for row in found] == [(when(2), 1), (when(1), 2), (when(0), 5)]
    chosen = any_trail.day(application="STATSIG", causes=("credentials",), since=when(1))
    assert [row["failures"] for row in list_windows(any_trail.store, chosen, 10)] == [2]
