"""Events of rules' tests, in few words: what rules see of them is what they would see of a real record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.errors import RecordError
from schemas.times import to_microseconds
from streams.alerts.example import START, Example, ExampleEvent, seen_in
from streams.alerts.rule import Rule
from streams.alerts.seen import Seen
from streams.alerts.trial import trials_of
from tests.alerts.test_rule import written


def events(*told: dict[str, Any]) -> list[Seen]:
    return seen_in([ExampleEvent.model_validate({"at": "0m", **each}) for each in told])


@pytest.mark.parametrize(
    ("told", "facts"),
    [
        pytest.param(
            {"event_type": "user_create_provision", "subject": "ann", "application": "slack", "status": 201},
            {"kind": "user", "subject_id": "ann", "subject_type": "user", "subject_name": "ann", "outcome": "success"},
            id="a person",
        ),
        pytest.param(
            {"event_type": "group_update_provision", "subject": "data", "status": 404, "detail": "member not found"},
            {"kind": "group", "subject_id": "data", "subject_type": "user_group", "cause": "not_found"},
            id="a group, and what the provider says",
        ),
        pytest.param(
            {"event_type": "group_update", "subject": "data"},
            {"kind": "other", "subject_type": "user_group", "subject_name": "data"},
            id="a group of the directory's own",
        ),
        pytest.param(
            {"event_type": "integration_deactivate", "application": "slack", "actor": "ada"},
            {"event_type": "idm_integration_delete", "subject_id": "slack", "actor_id": "ada", "actor_type": "admin"},
            id="an integration, by another name",
        ),
        pytest.param(
            {"event_type": "sso_auth", "subject": "ann", "application": "slack"},
            {"outcome": "success", "subject_id": "ann", "actor_id": "ann", "application_id": "slack"},
            id="a sign-in",
        ),
        pytest.param(
            {"event_type": "sso_auth", "subject": "ann", "success": False}, {"outcome": "failure"}, id="one that failed"
        ),
        pytest.param(
            {"event_type": "user_deprovision", "subject": "ann", "success": False},
            {"outcome": "failure", "http_status": 0, "account_state": "inactive"},
            id="a failure without a status",
        ),
        pytest.param(
            {"event_type": "user_update", "changes": [{"field": "state", "from": "ACTIVATED", "to": "SUSPENDED"}]},
            {"changed": ("state: ACTIVATED -> SUSPENDED",)},
            id="changes",
        ),
        pytest.param(
            {"event_type": "user_update_provision", "subject": "ann", "raw": {"resource": {"id": "ben"}}},
            {"subject_id": "ben"},
            id="a field as the vendor writes it",
        ),
    ],
)
def test_few_words_become_a_whole_record(told: dict[str, Any], facts: dict[str, Any]) -> None:
    (one,) = events(told)
    assert {name: getattr(one.facts, name) for name in facts} == facts
    assert not one.drifted


def test_several_that_are_alike_follow_one_another() -> None:
    found = events({"event_type": "user_deprovision", "subject": "p{n}", "at": "1h", "times": 3, "every": "20s"})
    assert [one.facts.subject_id for one in found] == ["p1", "p2", "p3"]
    assert [one.at - to_microseconds(START) for one in found] == [3_600_000_000, 3_620_000_000, 3_640_000_000]
    assert len({one.event_id for one in found}) == 3


def test_an_event_without_a_believable_time_is_seen_by_no_rule() -> None:
    assert events({"event_type": "user_deprovision", "raw": {"timestamp": None}}) == []


def test_time_ends_with_the_last_event_or_as_long_after_it_as_is_said() -> None:
    told = {"name": "x", "events": [{"at": "2h"}, {"at": "1h", "times": 3, "every": "1h"}], "clock": "10m"}
    assert Example.model_validate(told).ends_at == START + timedelta(hours=3, minutes=10)


FAILED = {"at": "0m", "event_type": "user_deprovision", "subject": "ann", "application": "slack", "status": 401}
GROUP = {"application_id": "slack", "subject_id": "ann"}


@pytest.mark.parametrize(
    ("alerts", "passed"),
    [
        pytest.param([{"group": GROUP, "count": 1}], True, id="as expected"),
        pytest.param([], False, id="one more than expected"),
        pytest.param([{"group": GROUP, "count": 2}], False, id="another count"),
        pytest.param([{"group": GROUP, "count": 1, "state": "resolved"}], False, id="another state"),
        pytest.param([{"group": {**GROUP, "subject_id": "ben"}, "count": 1}], False, id="another group"),
        pytest.param([{"group": GROUP, "count": 1}] * 2, False, id="one less than expected"),
    ],
)
def test_a_test_passes_if_exactly_its_alerts_come(alerts: list[dict[str, Any]], passed: bool) -> None:
    rule = Rule.model_validate(written(tests=[{"name": "x", "events": [FAILED], "alerts": alerts}]))
    (trial,) = trials_of(rule)
    assert trial.passed is passed
    assert [alert.count for alert in trial.came] == [1]


def test_alerts_come_in_the_order_in_which_they_open() -> None:
    told = [{**FAILED, "subject": who, "at": at} for who, at in (("ben", "5m"), ("ann", "1m"), ("cy", "3m"))]
    rule = Rule.model_validate(written(tests=[{"name": "x", "events": told}]))
    (trial,) = trials_of(rule)
    assert [alert.group["subject_id"] for alert in trial.came] == ["ann", "cy", "ben"]


def test_an_event_that_nobody_can_read_fails_its_test_and_says_why() -> None:
    unreadable = {**FAILED, "raw": {"organization": 5}}
    with pytest.raises(RecordError):
        events(unreadable)
    rule = Rule.model_validate(written(tests=[{"name": "x", "events": [unreadable]}]))
    (trial,) = trials_of(rule)
    assert not trial.passed
    assert "organization" in trial.unreadable
