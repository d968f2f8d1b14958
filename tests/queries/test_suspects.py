"""Whose events are read to tell who is exposed: never too few, and of an unbinding only whom it may have concerned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import pytest

from queries.closings import report
from queries.exposures import SLA, list_exposures
from queries.failures import list_failures
from queries.histories import read_bindings, read_history
from queries.integrations import uses
from queries.people.resolving import find_person
from queries.state import Asked, read_state
from queries.store import Store
from queries.suspects import read_suspects
from schemas.times import LATEST
from tests.queries.support import INGEST, SLACK, TENANT, Trail, at, attempt, failed, stored, when
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


ROLLED_OUT: Final = [
    bound(-30 * HOURS, "add", "sales", application=APP),
    create(-30 * HOURS + 90, "by.binding"),
    bound(-10 * HOURS, "add", "staff", application=APP),
    bound(-2 * HOURS, "add", "sales", user="by.joining"),
    create(-2 * HOURS + 1, "by.joining"),
    create(-2 * HOURS, "by.chance"),
    create(-10 * HOURS + 5, "of.the.other"),
]
"""Two groups, the second long after: one person was pushed by the first binding, one joined the first group later, one
came by nobody knows what."""


ENDED: Final[dict[str, tuple[list[dict[str, Any]], set[str]]]] = {
    "nothing": ([], set()),
    "one of two unbound": ([bound(0, "remove", "sales", application=APP)], {"by.binding", "by.joining"}),
    "one of two deleted": (
        [event("group_delete", timestamp=at(0), resource={"id": "sales", "type": "user_group"}, application=None)],
        {"by.binding", "by.joining"},
    ),
    "both unbound": (
        [bound(0, "remove", "sales", application=APP), bound(1, "remove", "staff", application=APP)],
        {"by.binding", "by.joining", "by.chance", "of.the.other"},
    ),
    "one unbound that was bound just before the first, and nobody is known to have been in it": (
        [bound(-30 * HOURS - 1, "add", "other", application=APP), bound(0, "remove", "other", application=APP)],
        {"by.binding"},
    ),
}


@pytest.fixture(scope="module")
def ended(shared_store: Store) -> dict[str, Trail]:
    """What was rolled out and what ended of it, each in an organization of its own."""
    return stored(shared_store, {name: [*ROLLED_OUT, *ends] for name, (ends, _) in ENDED.items()})


@pytest.mark.parametrize("name", ENDED)
def test_an_unbinding_makes_suspects_of_whom_it_may_have_concerned(ended: dict[str, Trail], name: str) -> None:
    assert suspects(ended[name]) == ENDED[name][1]


def test_who_lost_the_group_that_gave_them_access_is_exposed_whoever_else_is_looked_at(trail: Trail) -> None:
    trail.insert(*ROLLED_OUT, bound(-HOURS, "remove", "sales", application=APP))
    found = list_exposures(trail.store, trail.organization, NOON.replace(hour=23)).open
    assert sorted(each.subject_id for each in found) == ["by.binding", "by.joining"]


LEFT: Final[dict[str, list[dict[str, Any]]]] = {
    "only updates that were refused": [failed_for(-HOURS, "p"), suspended(-30, "p")],
    "only lookups": [failed_for(-HOURS, "p", "user_lookup_provision"), suspended(-30, "p")],
    "only an attempt whose time cannot be believed": [
        {**create(-HOURS, "p"), "timestamp": "some day"},
        suspended(-30, "p"),
    ],
    "only the end of a binding of the person": [unbound_oneself(-30, "p")],
    "deleted in the directory, and activated under the same id": [
        create(-HOURS, "p"),
        event("user_delete", timestamp=at(-30), resource={"id": "p", "type": "user"}, application=None),
        made_of(-20, "p", "SUSPENDED", "ACTIVATED"),
    ],
    "their group logged as bound twice, and unbound": [
        bound(-30 * HOURS, "add", "sales", application=APP),
        create(-30 * HOURS + 10, "p"),
        bound(-20 * HOURS, "add", "staff", application=APP),
        bound(-10 * HOURS, "add", "sales", application=APP),
        bound(-30, "remove", "sales", application=APP),
    ],
    "made after the only group was unbound": [
        bound(-30 * HOURS, "add", "sales", application=APP),
        bound(-30 * HOURS, "add", "sales", user="p"),
        bound(-30, "remove", "sales", application=APP),
        create(-20, "p"),
    ],
}


@pytest.fixture(scope="module")
def left(shared_store: Store) -> dict[str, Trail]:
    """Whose person left, each in an organization of its own."""
    return stored(shared_store, LEFT)


@pytest.mark.parametrize("name", LEFT)
def test_whatever_the_log_tells_of_an_account_it_is_exposed_once_its_person_left(
    left: dict[str, Trail], name: str
) -> None:
    trail = left[name]
    for now, past in ((NOON.replace(hour=23), None), (NOON.replace(hour=23), NOON.replace(hour=22))):
        found = list_exposures(trail.store, trail.organization, now, past)
        assert [(each.subject_id, each.reason) for each in found.everything()] == [("p", "never_attempted")]


def integration(minutes: float, what: str, own: str | None = None) -> dict[str, Any]:
    return attempt(minutes, f"idm_integration_{what}", idm_client_id=own, resource=None, application=SLACK)


def updated(minutes: float, who: str) -> dict[str, Any]:
    return attempt(minutes, resource={"id": who, "username": who}, application=SLACK)


TWO: Final = [integration(-30 * HOURS, "activate", "one"), create(-29 * HOURS, "p"), create(-29 * HOURS, "q")]
GONE: Final = integration(-10 * HOURS, "delete", "one")
ANEW: Final = integration(-12 * HOURS, "activate", "two")
BEHIND: Final[dict[str, tuple[list[dict[str, Any]], str]]] = {
    "deleted": ([*TWO, GONE], "pq"),
    "another one was activated before": ([*TWO, ANEW, GONE], ""),
    "both are deleted": ([*TWO, ANEW, GONE, integration(-5 * HOURS, "delete", "two")], "pq"),
    "the other one is deleted first": ([*TWO, ANEW, integration(-11 * HOURS, "delete", "two"), GONE], "pq"),
    "the deletion does not say which": ([*TWO, ANEW, integration(-10 * HOURS, "delete")], "pq"),
    "the activation does not say which": ([*TWO, integration(-12 * HOURS, "activate"), GONE], "pq"),
    "the other activation failed": ([*TWO, {**ANEW, "success": False}, GONE], "pq"),
    "another person's update was accepted since": ([*TWO, GONE, updated(-5 * HOURS, "q")], ""),
    "another person's was refused since": ([*TWO, GONE, failed_for(-5 * HOURS, "q")], ""),
    "re-authorised since": ([*TWO, GONE, integration(-5 * HOURS, "reauth")], ""),
    "what failed tells nothing": ([*TWO, GONE, {**failed_for(-5 * HOURS, "q"), "message_chain": None}], "pq"),
    "it was on its way": ([*TWO, GONE, updated(-9 * HOURS, "q")], "pq"),
    "used, and deleted again": ([*TWO, GONE, updated(-5 * HOURS, "q"), integration(-2 * HOURS, "delete")], "pq"),
}


@pytest.fixture(scope="module")
def behind(shared_store: Store) -> dict[str, Trail]:
    """Whose integration was deleted, each in an organization of its own."""
    return stored(shared_store, {name: events for name, (events, _) in BEHIND.items()})


@pytest.mark.parametrize("name", BEHIND)
def test_an_account_is_left_behind_unless_something_shows_that_there_is_an_integration(
    behind: dict[str, Trail], name: str
) -> None:
    trail, now = behind[name], NOON.replace(hour=23)
    for past in (None, when(0)):
        found = list_exposures(trail.store, trail.organization, now, past).everything()
        assert [(each.subject_id, each.reason) for each in found] == [(who, "left_behind") for who in BEHIND[name][1]]
    for who in "pq":
        person = find_person(trail.store, trail.organization, who)
        (account,) = read_state(trail.store, person, Asked(now, None)).accounts
        assert (account.left_behind is not None) is (who in BEHIND[name][1])
        assert account.confirmed == ("unknown" if account.left_behind else "active")


def test_a_use_that_was_not_known_then_shows_nothing(trail: Trail) -> None:
    trail.insert(*TWO, GONE, trail.log(updated(-5 * HOURS, "q"), known_at=NOON.replace(hour=20)))
    person = find_person(trail.store, trail.organization, "p")
    for known_at, confirmed in ((NOON.replace(hour=19), "unknown"), (None, "active")):
        (account,) = read_state(trail.store, person, Asked(NOON, known_at)).accounts
        assert account.confirmed == confirmed


def test_uses_are_found_behind_any_number_of_copies_that_are_none(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "CANDIDATES", 2)
    denied = [failed_for(-5 * HOURS + number, "q") | {"message_chain": None} for number in range(5)]
    worked = [trail.log({**each, "success": True}, INGEST) for each in denied]
    trail.insert(*TWO, GONE, *(trail.log(each, TENANT) for each in denied), *worked)
    now = NOON.replace(hour=23)
    assert len(list_exposures(trail.store, trail.organization, now).left_behind) == 2
    trail.insert(updated(-HOURS, "q"))
    assert list_exposures(trail.store, trail.organization, now).left_behind == []


def closed(minutes: float, event_type: str = "user_deprovision", **fields: Any) -> dict[str, Any]:
    return attempt(minutes, event_type, resource={"id": "p", "username": "p"}, application=SLACK, **fields)


AHEAD: Final = {
    "its closing": closed(HOURS),
    "an update": closed(HOURS, "user_update_provision"),
    "the person's return": made_of(HOURS, "p", "SUSPENDED", "ACTIVATED"),
    "the end of the integration": event(
        "idm_integration_delete", timestamp=at(HOURS), resource=None, application=SLACK
    ),
}


def test_what_is_stamped_ahead_of_now_tells_nothing_of_now(shared_store: Store) -> None:
    """Whatever answers, and as it does of the same time later on."""

    def answers(trail: Trail, now: datetime) -> Iterator[Any]:
        store, organization = trail.store, trail.organization
        person = find_person(store, organization, "p")
        yield list_exposures(store, organization, now)
        yield report(store, organization, when(-9 * HOURS), LATEST, SLA, now)
        (group,) = list_failures(store, trail.day(), 9, now).groups
        yield group["state"], group["last_success"]
        yield read_history(store, person, when(-9 * HOURS), LATEST, timeline=True, now=now).accounts
        yield read_state(store, person, Asked(now, None)).accounts

    now, later = when(30), when(2 * HOURS)
    before = [create(-HOURS, "p"), suspended(-30, "p"), failed_for(-20, "p", "user_deprovision")]
    trails = stored(shared_store, dict.fromkeys(AHEAD, before))
    known = {name: list(answers(trail, now)) for name, trail in trails.items()}
    Trail(shared_store, "of all").insert(*(trails[name].log(ahead) for name, ahead in AHEAD.items()))
    for name, trail in trails.items():
        assert list(answers(trail, now)) == known[name], name
        assert list_exposures(shared_store, trail.organization, later, now) == known[name][0], name
        assert any(one != other for one, other in zip(answers(trail, later), known[name], strict=True)), name
