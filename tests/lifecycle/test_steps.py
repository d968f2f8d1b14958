"""The words for steps, and which are shown as one."""

from __future__ import annotations

from typing import Any

import pytest

from idtrail.lifecycle_steps import attempt, because, gave_way, grouped, result
from queries.accounts.folding import Row
from tests.lifecycle.sample import ADA, DAY, SLACK, act, answer_of, leaver, suspended
from tests.queries.test_lifecycle import row


def told(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Of each group: how many, what, what came of it, why."""
    items = answer_of(rows)["items"]
    by_id = {item["event_id"]: item for item in items}
    return [
        (len(group.items), attempt(group.first), result(group.last), because(group.first, by_id))
        for group in grouped(items)
    ]


def test_a_leaver_is_told_in_a_few_lines_with_what_set_each_off() -> None:
    assert told(leaver()) == [
        (2, "create", "201 created", "cause unknown"),
        (1, "changed jobTitle", "ok", ADA),
        (2, "update title", "200 ok", "jobTitle changed 16:00:00"),
        (1, "suspended", "ACTIVATED -> SUSPENDED", ADA),
        (1, "deactivate", "401 credentials: token expired", "suspended 11:00:00"),
        (1, "deactivate", "200 confirmed", "suspended 11:00:00"),
        (5, "deactivate", "401 credentials: token expired", "retry of 11:00:01"),
    ]


def test_retries_of_two_applications_are_one_each_and_another_answer_is_another() -> None:
    tries = [
        row(
            100 + 2 * minute + side,
            minute + side / 2,
            "inactive",
            "failure",
            **(SLACK if side else {}),
            http_status=500 if minute == 5 else 401,
        )
        for minute in range(6)
        for side in (0, 1)
    ]
    groups = grouped(answer_of(tries)["items"])
    assert sorted((len(group.items), group.first["application"]) for group in groups if group.first["retry_of"]) == [
        (1, "slack"),
        (1, "statsig"),
        (4, "slack"),
        (4, "statsig"),
    ]


def test_what_was_done_in_several_applications_at_once_is_one_whatever_came_between() -> None:
    apps = [{"application_id": f"a{place}", "application_name": f"app{place}"} for place in range(6)]
    outcomes = ["failure", "success", "success"] * 2
    tries = [row(place + 1, place / 60, "inactive", outcomes[place], **app) for place, app in enumerate(apps)]
    late = row(9, 2.5, "inactive", "success", application_id="a9", application_name="late")
    assert [(number, what) for number, _, what, _ in told([*tries, late])] == [
        (2, "401 credentials"),
        (4, "200 confirmed"),
        (1, "200 confirmed"),
    ]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param({"http_status": 202}, id="another answer"),
        pytest.param({"application_id": "a1", "application_name": "statsig"}, id="the same application"),
        pytest.param({"changed": ["name"]}, id="another attribute"),
    ],
)
def test_what_differs_is_not_one(second: dict[str, Any]) -> None:
    pair = [row(1, 0, "", "success", changed=["title"])]
    pair.append(row(2, 0.1, "", "success", **{"changed": ["title"], **SLACK, **second}))
    assert [count for count, *_ in told(pair)] == [1, 1]


def test_what_gave_way_says_to_what_and_times_of_other_days_have_their_day() -> None:
    items = answer_of(
        [row(1, 0, "active", "failure"), suspended(2, 2 * DAY), row(3, 2 * DAY + 1, "deleted", "failure")]
    )["items"]
    by_id = {item["event_id"]: item for item in items}
    assert gave_way(items[0], by_id) == "superseded by suspended 03-21 11:00:00"
    assert gave_way(items[1], by_id) == ""


def test_an_act_that_is_not_the_persons_own_is_told_as_the_log_words_it() -> None:
    (item,) = answer_of([row(1, 0, "active", "success")])["items"]
    bound = {"kind": "binding", "event_id": "elsewhere", "text": "data bound to statsig by ada@corp.example"}
    assert because({**item, "because": bound}, {}) == "data bound to statsig by ada@corp.example"
    assert because({**item, "because": None}, {}) == ""


def test_sign_ins_are_no_steps() -> None:
    assert told([act(1, 0, "sso_auth"), act(2, 1, "user_login_attempt")]) == []
