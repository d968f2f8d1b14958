"""Whose events are read to tell who is exposed: never too few, and of an unbinding only whom it may have concerned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from queries.closings import report
from queries.exposures import SLA, list_exposures
from queries.failures import list_failures
from queries.histories import read_bindings, read_history
from queries.people import find_person
from queries.state import Asked, read_state
from queries.suspects import read_suspects
from schemas.times import LATEST
from tests.queries.support import SLACK, Trail, at, attempt, failed, when
from tests.queries.test_histories import bound
from tests.records import NOON, event

pytestmark = pytest.mark.store

APP = str(SLACK["id"])
HOURS = 60


def create(minutes: float, who: str) -> dict[str, Any]:
    return attempt(minutes, "user_create_provision", resource={"id": who, "username": who}, application=SLACK)


def failed_for(minutes: float, who: str, event_type: str = "user_update_provision") -> dict[str, Any]:
    return failed(minutes, event_type, resource={"id": who, "username": who}, application=SLACK)


def made_of(minutes: float, who: str, before: str, after: str) -> dict[str, Any]:
    changes = [{"field": "state", "from": before, "to": after}]
    person = {"id": who, "type": "user", "username": who}
    return event("user_update", timestamp=at(minutes), resource=person, application=None, changes=changes)


def suspended(minutes: float, who: str) -> dict[str, Any]:
    return made_of(minutes, who, "ACTIVATED", "SUSPENDED")


def unbound_oneself(minutes: float, who: str) -> dict[str, Any]:
    ends = {
        "from": {"type": "USER", "object_id": who, "name": who},
        "to": {"type": "APPLICATION", "object_id": APP, "name": "slack"},
    }
    association = {"op": "remove", "connection": ends}
    return event("association_change", timestamp=at(minutes), resource=None, application=None, association=association)


def suspects(trail: Trail) -> set[str]:
    bindings = read_bindings(trail.store, trail.organization, LATEST)
    return {subject for _, subject in read_suspects(trail.store, trail.organization, bindings, NOON.replace(hour=23))}


def rolled_out(trail: Trail) -> None:
    """Two groups, the second long after: one person was pushed by the first binding, one joined the first group later,
    one came by nobody knows what."""
    trail.insert(
        bound(-30 * HOURS, "add", "sales", application=APP),
        create(-30 * HOURS + 90, "by.binding"),
        bound(-10 * HOURS, "add", "staff", application=APP),
        bound(-2 * HOURS, "add", "sales", user="by.joining"),
        create(-2 * HOURS + 1, "by.joining"),
        create(-2 * HOURS, "by.chance"),
        create(-10 * HOURS + 5, "of.the.other"),
    )


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        pytest.param([], set(), id="nothing ended"),
        pytest.param(
            [bound(0, "remove", "sales", application=APP)], {"by.binding", "by.joining"}, id="one of two unbound"
        ),
        pytest.param(
            [event("group_delete", timestamp=at(0), resource={"id": "sales", "type": "user_group"}, application=None)],
            {"by.binding", "by.joining"},
            id="one of two deleted",
        ),
        pytest.param(
            [bound(0, "remove", "sales", application=APP), bound(1, "remove", "staff", application=APP)],
            {"by.binding", "by.joining", "by.chance", "of.the.other"},
            id="both unbound",
        ),
        pytest.param(
            [bound(-30 * HOURS - 1, "add", "other", application=APP), bound(0, "remove", "other", application=APP)],
            {"by.binding"},
            id="one unbound that was bound just before the first, and nobody is known to have been in it",
        ),
    ],
)
def test_an_unbinding_makes_suspects_of_whom_it_may_have_concerned(
    trail: Trail, ends: list[dict[str, Any]], expected: set[str]
) -> None:
    rolled_out(trail)
    if ends:
        trail.insert(*ends)
    assert suspects(trail) == expected


def test_who_lost_the_group_that_gave_them_access_is_exposed_whoever_else_is_looked_at(trail: Trail) -> None:
    rolled_out(trail)
    trail.insert(bound(-HOURS, "remove", "sales", application=APP))
    found = list_exposures(trail.store, trail.organization, NOON.replace(hour=23)).open
    assert sorted(each.subject_id for each in found) == ["by.binding", "by.joining"]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(lambda: [failed_for(-HOURS, "p"), suspended(-30, "p")], id="only updates that were refused"),
        pytest.param(
            lambda: [failed_for(-HOURS, "p", "user_lookup_provision"), suspended(-30, "p")], id="only lookups"
        ),
        pytest.param(
            lambda: [{**create(-HOURS, "p"), "timestamp": "some day"}, suspended(-30, "p")],
            id="only an attempt whose time cannot be believed",
        ),
        pytest.param(lambda: [unbound_oneself(-30, "p")], id="only the end of a binding of the person"),
        pytest.param(
            lambda: [
                create(-HOURS, "p"),
                event("user_delete", timestamp=at(-30), resource={"id": "p", "type": "user"}, application=None),
                made_of(-20, "p", "SUSPENDED", "ACTIVATED"),
            ],
            id="deleted in the directory, and activated under the same id",
        ),
        pytest.param(
            lambda: [
                bound(-30 * HOURS, "add", "sales", application=APP),
                create(-30 * HOURS + 10, "p"),
                bound(-20 * HOURS, "add", "staff", application=APP),
                bound(-10 * HOURS, "add", "sales", application=APP),
                bound(-30, "remove", "sales", application=APP),
            ],
            id="their group logged as bound twice, and unbound",
        ),
        pytest.param(
            lambda: [
                bound(-30 * HOURS, "add", "sales", application=APP),
                bound(-30 * HOURS, "add", "sales", user="p"),
                bound(-30, "remove", "sales", application=APP),
                create(-20, "p"),
            ],
            id="made after the only group was unbound",
        ),
    ],
)
def test_whatever_the_log_tells_of_an_account_it_is_exposed_once_its_person_left(
    trail: Trail, events: Callable[[], list[dict[str, Any]]]
) -> None:
    trail.insert(*events())
    for now, past in ((NOON.replace(hour=23), None), (NOON.replace(hour=23), NOON.replace(hour=22))):
        found = list_exposures(trail.store, trail.organization, now, past)
        assert [(each.subject_id, each.reason) for each in found.everything()] == [("p", "never_attempted")]


def closed(minutes: float, event_type: str = "user_deprovision", **fields: Any) -> dict[str, Any]:
    return attempt(minutes, event_type, resource={"id": "p", "username": "p"}, application=SLACK, **fields)


@pytest.mark.parametrize(
    "ahead",
    [
        pytest.param(closed(HOURS), id="its closing"),
        pytest.param(closed(HOURS, "user_update_provision"), id="an update"),
        pytest.param(made_of(HOURS, "p", "SUSPENDED", "ACTIVATED"), id="the person's return"),
        pytest.param(
            event("idm_integration_delete", timestamp=at(HOURS), resource=None, application=SLACK),
            id="the end of the integration",
        ),
    ],
)
def test_what_is_stamped_ahead_of_now_tells_nothing_of_now(trail: Trail, ahead: dict[str, Any]) -> None:
    """Whatever answers, and as it does of the same time later on."""

    def answers(now: datetime, at: datetime | None = None) -> list[Any]:
        store, organization = trail.store, trail.organization
        person = find_person(store, organization, "p")
        (group,) = list_failures(store, trail.day(), 9, now).groups
        return [
            list_exposures(store, organization, now, at),
            report(store, organization, when(-9 * HOURS), LATEST, SLA, now),
            (group["state"], group["last_success"]),
            read_history(store, person, when(-9 * HOURS), LATEST, timeline=True, now=now).accounts,
            read_state(store, person, Asked(at or now, None)).accounts,
        ]

    now = when(30)
    trail.insert(create(-HOURS, "p"), suspended(-30, "p"), failed_for(-20, "p", "user_deprovision"))
    before = answers(now)
    trail.insert(ahead)
    assert answers(now) == before
    assert answers(when(2 * HOURS), now)[0] == before[0]
    assert answers(when(2 * HOURS)) != before
