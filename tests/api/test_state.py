"""The routes about the state at a time."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from queries.api.state import StateAnswer, StateDifferences
from tests.api.conftest import As
from tests.queries.people_events import ANA, BEN, person, renamed, used
from tests.queries.support import SLACK, Trail, at, attempt, failed, when
from tests.queries.test_histories import bound

pytestmark = pytest.mark.store


async def test_the_state_and_what_became_different(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(
        attempt(0, "user_create_provision"),
        attempt(1, "user_create_provision", application=SLACK),
        failed(20, "user_deprovision"),
    )
    mine = using("read")
    answer = await api.get("/api/v1/state", headers=mine, params={"person": "ines.almeida", "at": at(30)})
    told = StateAnswer.model_validate(answer.json())
    assert [(each.application, each.intended, each.confirmed, each.exposed) for each in told.accounts] == [
        ("slack", "active", "active", False),
        ("statsig", "inactive", "active", True),
    ]
    before = {"person": "ines.almeida", "at": at(30), "known_at": at(30)}
    told = StateAnswer.model_validate((await api.get("/api/v1/state", headers=mine, params=before)).json())
    assert (told.accounts, told.later, told.blind_since) == ([], 3, None)
    between = {"person": "ines.almeida", "since": at(10), "until": at(30)}
    diff = StateDifferences.model_validate((await api.get("/api/v1/state/diff", headers=mine, params=between)).json())
    assert [(each.application, each.after and each.after.intended) for each in diff.accounts] == [
        ("statsig", "inactive")
    ]
    assert diff.unchanged == 1


async def test_of_a_group_too_large_to_list_it_is_told_how_large_it_is_and_exactly_who_joined_and_left(
    api: httpx.AsyncClient, using: As, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queries.state.MAX_NAMED", 2)
    ids = [f"{number:024x}" for number in range(5)]
    trail.insert(
        attempt(0, "group_create_provision", resource={"id": "sales", "type": "user_group", "name": "sales"}),
        *(bound(number, "add", "sales", user=each) for number, each in enumerate(ids[:4])),
        bound(20, "remove", "sales", user=ids[0]),
        bound(21, "add", "sales", user=ids[4]),
    )
    mine = using("read")
    asked = {"person": "sales", "at": at(10)}
    told = StateAnswer.model_validate((await api.get("/api/v1/state", headers=mine, params=asked)).json())
    assert ([each.id for each in told.members], told.members_total) == (ids[:2], 4)
    for since, joined, left in ((10, (ids[4:], 1), (ids[:1], 1)), (-1, (ids[1:3], 4), ([], 0))):
        asked = {"person": "sales", "since": at(since), "until": at(30)}
        diff = StateDifferences.model_validate((await api.get("/api/v1/state/diff", headers=mine, params=asked)).json())
        assert ([each.id for each in diff.joined], diff.joined_total) == joined
        assert ([each.id for each in diff.left], diff.left_total) == left


async def test_a_name_means_who_had_it_at_the_time_that_is_asked_for(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    trail.insert(
        used(0, person(ANA, "ana.lima")),
        renamed(10, person(ANA, "ana.lima"), "ana.costa"),
        used(20, person(BEN, "ana.lima")),
    )
    mine = using("read")
    asked = [
        ("state", {"at": at(5)}),
        ("state", {"at": at(30)}),
        ("state", {}),
        ("state/diff", {"since": at(1), "until": at(5)}),
        ("state/diff", {"since": at(5), "until": at(30)}),
    ]
    told = [
        (await api.get(f"/api/v1/{path}", headers=mine, params={"person": "ana.lima", **times})).json()["person"]
        for path, times in asked
    ]
    assert [one["subject_id"] for one in told] == [ANA, BEN, BEN, ANA, BEN]
    assert all("was seen as ana.lima" in one["note"] for one in told)


@pytest.mark.parametrize(
    ("path", "parameters", "told"),
    [
        pytest.param("state", {"at": "2099-01-01"}, "at: 2099-01-01T00:00:00Z is in the future, it is 20", id="at"),
        pytest.param("state", {"known_at": "2099-01-01"}, "known_at: 2099-01-01T00:00:00Z is in", id="known"),
        pytest.param("state", {"at": "?"}, "at: '?' is neither a time", id="no time"),
        pytest.param(
            "state/diff",
            {"since": at(2), "until": at(1)},
            "since (2026-03-19T11:02:00Z) must be before until (2026-03-19T11:01:00Z): swap",
            id="order",
        ),
    ],
)
async def test_times_that_cannot_be_answered_are_refused_in_words(
    api: httpx.AsyncClient, using: As, trail: Trail, path: str, parameters: dict[str, str], told: str
) -> None:
    trail.insert(attempt(0))
    answer = await api.get(f"/api/v1/{path}", headers=using("read"), params={"person": "ines.almeida", **parameters})
    assert answer.status_code == 400
    assert told in answer.json()["detail"]


async def test_the_report_tells_times_to_close(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(
        attempt(0, "user_create_provision"),
        attempt(1, "user_create_provision", application=SLACK),
        failed(20, "user_deprovision"),
        attempt(20, "user_deprovision", application=SLACK),
    )
    period = {"since": at(0), "until": at(59), "sla": "60"}
    answer = (await api.get("/api/v1/exposures/report", headers=using("read"), params=period)).json()
    assert {item["application"]: (item["closings"], item["within_sla"]) for item in answer["items"]} == {
        "statsig": (1, 0),
        "slack": (1, 1),
    }
    assert [(each["application"], each["closed_at"]) for each in answer["exceptions"]] == [("statsig", None)]


async def test_whose_lifecycle_a_name_means_is_told_by_the_end_of_the_range_and_by_what_was_known(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    trail.insert(
        trail.log(used(0, person(ANA, "ana.lima")), known_at=when(0)),
        trail.log(renamed(10, person(ANA, "ana.lima"), "ana.costa"), known_at=when(10)),
        trail.log(used(20, person(BEN, "ana.lima")), known_at=when(20)),
    )
    mine = using("read")

    async def told(who: str, times: dict[str, str]) -> dict[str, Any]:
        answer = await api.get("/api/v1/lifecycle", headers=mine, params={"person": who, **times})
        return dict(answer.json())

    for times, whose in [
        ({}, BEN),
        ({"until": at(5)}, ANA),
        ({"until": at(30)}, BEN),
        ({"until": "2030-01-01"}, BEN),
        ({"known_at": at(5)}, ANA),
        ({"until": at(30), "known_at": at(5)}, ANA),
        ({"until": at(5), "known_at": at(30)}, ANA),
        ({"known_at": at(-5)}, BEN),
    ]:
        by_name, by_id = await told("ana.lima", times), await told(whose, times)
        assert by_name["person"]["subject_id"] == whose, times
        assert by_name["items"] == by_id["items"]
