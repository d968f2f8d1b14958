"""The integrations: last success, failures since, last change; flat however long the log is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from queries.integrations.listing import AT_ONCE, STATES, Integration, counts_sql, list_integrations
from queries.scope import SCOPE
from tests.queries.support import INGEST, SLACK, TENANT, Trail, attempt, failed, id_of, when
from tests.records import NOON, Record

pytestmark = pytest.mark.store

STAFF = {"id": "g1", "type": "user_group", "name": "all staff"}
ADA = {"id": "a1", "type": "admin", "email": "ada@corp.example"}
Raw = dict[str, Any]


def reauthorised(minutes: float) -> Raw:
    return attempt(minutes, "idm_integration_reauth", initiated_by=ADA)


def one(trail: Trail, records: Iterable[Record | Raw]) -> Integration:
    trail.insert(*records)
    (found,) = list_integrations(trail.store, trail.organization, NOON, 10).items
    return found


def test_an_integration_tells_when_it_worked_what_fails_since_and_who_changed_it(any_trail: Trail) -> None:
    last = any_trail.log(failed(4, code="409", details="the address is taken"))
    change = any_trail.log(reauthorised(1.5))
    found = one(any_trail, [attempt(-60 * 30), attempt(1), change, failed(2), failed(3), failed(3), last])
    assert found._replace(last_failure=None, change=None, application_id="") == Integration(
        organization=any_trail.organization,
        application_id="",
        application="statsig",
        integration_id="",
        last_attempt=when(4),
        last_outcome="failure",
        last_success=when(1),
        last_failure=None,
        change=None,
        failures_since_success=4,
        attempts_last_day=5,
    )
    assert found.last_failure is not None
    assert (str(found.last_failure.event_id), found.last_failure.at) == (id_of(last), when(4))
    assert (found.last_failure.cause, found.last_failure.detail) == ("conflict", "no · the address is taken")
    assert found.change is not None
    assert (str(found.change.event_id), found.change.at) == (id_of(change), when(1.5))
    assert (found.change.event_type, found.change.actor) == ("idm_integration_reauth", "ada@corp.example")


@pytest.mark.parametrize(
    ("records", "failures", "attempts"),
    [
        pytest.param([failed(-60 * 24 * 300), failed(1)], 2, 1, id="never a success: every failure"),
        pytest.param([failed(1), attempt(2)], 0, 2, id="the success came last"),
        pytest.param([failed(1), attempt(2), failed(2)], 0, 3, id="a failure of the very instant is not since"),
        pytest.param([attempt(1), failed(2, "group_update_provision", resource=STAFF)], 1, 2, id="groups count"),
        pytest.param([attempt(1), failed(2, "idm_integration_reauth")], 0, 1, id="a configuration is no attempt"),
        pytest.param([attempt(-60 * 40), attempt(-60 * 39)], 0, 0, id="idle for longer than a day"),
        pytest.param([reauthorised(1)], 0, 0, id="configured, never used"),
    ],
)
def test_failures_are_counted_since_the_last_success(
    trail: Trail, records: list[Raw], failures: int, attempts: int
) -> None:
    found = one(trail, records)
    assert (found.failures_since_success, found.attempts_last_day) == (failures, attempts)


def test_repeats_in_any_order_change_nothing(trail: Trail) -> None:
    log = [trail.log(raw) for raw in (attempt(1), failed(2), failed(3), reauthorised(4), failed(5))]
    first = one(trail, log)
    again = [replace(record, offset=record.offset + 1_000_000) for record in log]
    Random(5).shuffle(again)
    for record in again:
        trail.insert(record)
    assert list_integrations(trail.store, trail.organization, NOON, 10).items == [first]


def test_a_failure_that_a_better_copy_knows_to_have_succeeded_is_not_counted(trail: Trail) -> None:
    refused = failed(2)
    worked = {name: value for name, value in refused.items() if name != "message_chain"} | {"success": True}
    found = one(trail, [trail.log(refused, INGEST), trail.log(worked, TENANT), failed(3)])
    assert (found.failures_since_success, found.attempts_last_day, found.last_success) == (1, 2, when(2))


def test_trouble_comes_first_and_what_is_left_out_is_counted(trail: Trail) -> None:
    trail.insert(attempt(1), failed(2, application=SLACK), attempt(0, application={"id": "m", "name": "miro"}))
    found = list_integrations(trail.store, trail.organization, NOON, 10)
    assert [item.application for item in found.items] == ["slack", "miro", "statsig"]
    cut = list_integrations(trail.store, trail.organization, NOON, 2)
    assert ([item.application for item in cut.items], cut.total) == (["slack", "statsig"], 3)


def test_more_integrations_than_one_statement_counts_are_all_counted(trail: Trail) -> None:
    count = AT_ONCE + 3
    trail.insert(
        *(failed(number, application={"id": f"a{number}", "name": f"app {number}"}) for number in range(count))
    )
    found = list_integrations(trail.store, trail.organization, NOON, 1000).items
    assert [item.failures_since_success for item in found] == [1] * count


def test_only_the_wanted_attempts_are_read(trail: Trail) -> None:
    """Among many, those of one integration since its success: a range of the primary key."""
    trail.store.command(
        "INSERT INTO attempts_by_application"
        " (organization, application_id, occurred_at, event_id, kind, time_quality, outcome)"
        " SELECT {organization:String}, if(number < 5, 'broken', 'busy'), toDateTime64('2026-03-01', 6, 'UTC')"
        " + number, generateUUIDv4(number), 'user', 'ok', 'failure' FROM numbers(50000)",
        {"organization": trail.organization},
    )
    chosen = {"organization_0": trail.organization, "application_0": "broken", "succeeded_0": 0, "from_0": 0}
    plan = trail.store.query(f"EXPLAIN ESTIMATE {counts_sql(1)}", {"day": 0, **chosen})
    (read,) = (rows for _, table, _, rows, _ in plan if table == "attempts_by_application")
    assert read < 25_000  # a granule, and one of each part that other tests left; of 50,000


def test_no_value_is_in_a_statement_and_every_list_has_a_limit() -> None:
    for sql in (STATES, counts_sql(2)):
        assert "va'lue" not in sql
        assert "LIMIT" in sql
        assert "organization = {organization" in sql or SCOPE in sql
