"""What is read for findings is read whole, or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from queries.findings import listing as findings
from queries.findings import mapping_rows
from queries.findings import rows as finding_rows
from queries.findings.finding import App, Kind
from queries.findings.listing import Asked, Whole, find_finding, list_findings
from queries.findings.mapping_rows import read_groups, read_last, read_remaps, read_values
from queries.findings.mappings import Remap
from queries.findings.rows import read_bound, read_closings, read_theirs
from queries.store import Limits, Store
from schemas.errors import UserError
from tests.queries.people_events import created, deleted, suspended
from tests.queries.support import SLACK, Trail, at, attempt, stored, when
from tests.records import NOON, event

pytestmark = pytest.mark.store

MOST = 3
STATSIG_ID = "5fad07f2b9f5414721b3d797"
Raw = dict[str, Any]
ACTIVE, INACTIVE = ([{"field": "active", "from": not to, "to": to}] for to in (True, False))


def person(number: int) -> Raw:
    return {"id": f"p{number}", "type": "user", "username": f"person.{number}"}


def closed(number: int) -> Raw:
    return attempt(number, "user_deprovision", resource=person(number))


def pushed(number: int) -> Raw:
    return attempt(number, resource=person(number))


def remapped(number: int) -> Raw:
    changes = [{"field": "attributes", "from": ["userName", "title"], "to": ["userName"]}]
    return attempt(number, "idm_integration_update", changes=changes, resource=None)


def grouped(number: int) -> Raw:
    group = {"id": f"g{number}", "type": "user_group", "name": "data"}
    return attempt(number, "group_create_provision", resource=group)


def association(minutes: float, op: str, group: str, to: str, kind: str) -> Raw:
    connection = {
        "from": {"name": group, "type": "USER_GROUP", "object_id": group},
        "to": {"name": to, "type": kind, "object_id": to},
    }
    fields: Raw = {"association": {"op": op, "connection": connection}, "resource": None, "application": None}
    return event("association_change", timestamp=at(minutes), **fields)


def unbound(minutes: float, who: str, application: str) -> Raw:
    ends = {
        "from": {"name": who, "type": "USER", "object_id": who},
        "to": {"name": "other", "type": "APPLICATION", "object_id": application},
    }
    fields: Raw = {"association": {"op": "remove", "connection": ends}, "resource": None, "application": None}
    return event("association_change", timestamp=at(minutes), **fields)


def group_deleted(minutes: float, group: str) -> Raw:
    resource = {"id": group, "type": "user_group", "name": group}
    return event("group_delete", timestamp=at(minutes), resource=resource, application=None)


def bound(number: int) -> Raw:
    return association(number, "add", f"g{number}", STATSIG_ID, "APPLICATION")


def removed(number: int) -> Raw:
    return association(10 + number, "remove", "g0", f"p{number}", "USER")


def closings(trail: Trail, app: App) -> int:
    return sum(map(len, read_closings(trail.store, [app], when(-60), NOON).values()))


def bindings(trail: Trail, app: App) -> int:
    return sum(map(len, read_bound(trail.store, [app], NOON).values()))


def theirs(trail: Trail, app: App) -> int:
    own = [f"p{number}" for number in range(MOST + 1)]
    return sum(map(len, read_theirs(trail.store, app.organization, own, when(-60), NOON)))


def remaps(trail: Trail, app: App) -> int:
    return sum(map(len, read_remaps(trail.store, [app], when(-60), NOON).values()))


def last(trail: Trail, app: App) -> int:
    return len(read_last(trail.store, app, NOON))


def valued(trail: Trail, app: App) -> int:
    remap = Remap(UUID(int=0), NOON, "", "", frozenset({"title"}), frozenset())
    return len(read_values(trail.store, app, [remap], NOON))


def groups(trail: Trail, app: App) -> int:
    return sum(len(rows) for _, rows in read_groups(trail.store, [app], when(-60), NOON))


READ: dict[str, tuple[Callable[[int], Raw], Callable[[Trail, App], int]]] = {
    "closings": (closed, closings),
    "removals from groups": (removed, closings),
    "bindings of groups": (bound, bindings),
    "events of some people": (pushed, theirs),
    "changes of mappings": (remapped, remaps),
    "last attempts": (pushed, last),
    "last values": (pushed, valued),
    "groups": (grouped, groups),
}


@pytest.fixture(scope="module")
def few_and_more(shared_store: Store) -> tuple[dict[str, Trail], dict[str, Trail]]:
    """As many of each as may be read, and one more."""

    def made(most: int) -> dict[str, Trail]:
        before = {"removals from groups": [bound(0)]}
        return stored(
            shared_store,
            {name: [*before.get(name, []), *map(make, range(most))] for name, (make, _) in READ.items()},
        )

    return made(MOST), made(MOST + 1)


@pytest.mark.parametrize("name", READ)
def test_what_is_more_than_may_be_read_is_refused_and_never_cut(
    few_and_more: tuple[dict[str, Trail], dict[str, Trail]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in (finding_rows, mapping_rows):
        monkeypatch.setattr(module, "LIMITS", Limits(rows=MOST))
    monkeypatch.setattr(finding_rows, "BULK_LIMITS", Limits(rows=MOST))
    _, read = READ[name]
    few, more = (trails[name] for trails in few_and_more)
    assert read(few, App(few.organization, STATSIG_ID, "statsig")) == MOST
    with pytest.raises(UserError, match="narrow its time range or filters"):
        read(more, App(more.organization, STATSIG_ID, "statsig"))


def whole_of(trail: Trail) -> Whole:
    """The one finding of the last two days."""
    asked = Asked(trail.organization, NOON - timedelta(days=2), NOON)
    (found,) = list_findings(trail.store, asked)
    return find_finding(trail.store, asked, found.id, NOON)


def act_of(whole: Whole) -> str:
    return whole.finding.act.because.text if whole.finding.act else ""


def test_what_an_integrations_deletion_sets_off_is_told_of_it_and_undone_by_activating_it(trail: Trail) -> None:
    by: Raw = {"initiated_by": {"id": "a1", "type": "admin", "email": "ada@corp.example"}}
    trail.insert(
        attempt(-1500, "idm_integration_activate", resource=None),
        *(attempt(-1400 + n, "user_create_provision", resource=person(n)) for n in range(1, 13)),
        attempt(0, "idm_integration_delete", resource=None, **by),
        *(closed(n) for n in range(1, 13)),
    )
    whole = whole_of(trail)
    assert act_of(whole) == "deactivated by ada@corp.example"
    assert [step.do for step in whole.steps] == ["activate_integration", *["reactivate_account"] * 12]
    trail.insert(
        attempt(30, "idm_integration_activate", resource=None, idm_client_id="new"),
        attempt(40, "idm_integration_delete", resource=None, idm_client_id="old"),
    )
    assert [step.do for step in whole_of(trail).steps] == ["reactivate_account"] * 12


def test_who_was_there_before_is_no_test_of_an_activation(trail: Trail) -> None:
    """A test of the same ids at both activations is none of the change; who was pushed before, long ago too, is."""

    def trial(minutes: float) -> list[Raw]:
        sorts = ("user_create_provision", "user_deprovision", "user_delete_provision")
        made = (attempt(minutes + 0.1 * place, sort, resource=person(0)) for place, sort in enumerate(sorts, 1))
        return [attempt(minutes, "idm_integration_activate", resource=None), *made]

    trail.insert(
        *trial(-100 * 24 * 60),
        *(attempt(-99 * 24 * 60 + n, "user_create_provision", resource=person(n)) for n in range(1, 13)),
        *trial(0),
        *(attempt(0.2 + n / 100, "user_deprovision", resource=person(n)) for n in range(1, 13)),
    )
    (found,) = list_findings(trail.store, Asked(trail.organization, NOON - timedelta(days=2), NOON))
    assert found.kind is Kind.MASS_DEACTIVATIONS
    assert set(found.subjects) == {f"p{n}" for n in range(1, 13)}


@pytest.mark.parametrize(
    ("before", "what", "act"),
    [
        pytest.param(
            [association(-1500, "add", "g1", STATSIG_ID, "APPLICATION")], group_deleted(-1, "g1"), "group deleted",
            id="a group that was bound",
        ),
        pytest.param(
            [
                association(-1500, "add", "g1", STATSIG_ID, "APPLICATION"),
                association(-900, "remove", "g1", STATSIG_ID, "APPLICATION"),
            ],
            group_deleted(-1, "g1"), "", id="a group that was unbound long before",
        ),
        pytest.param([], unbound(-9, "p3", str(SLACK["id"])), "", id="one person unbound from another application"),
    ],
)  # fmt: skip
def test_what_concerned_another_application_set_nothing_off(
    trail: Trail, before: list[Raw], what: Raw, act: str
) -> None:
    trail.insert(
        *before,
        *(attempt(-1400 + n, "user_create_provision", resource=person(n)) for n in range(1, 13)),
        what,
        *(closed(n) for n in range(1, 13)),
    )
    assert act_of(whole_of(trail)) == act


def test_the_way_back_gives_nobody_what_was_taken_for_another_reason(trail: Trail) -> None:
    """One of them is deleted in that hour, and another removed from a group of another application."""
    trail.insert(
        association(-1500, "add", "g1", STATSIG_ID, "APPLICATION"),
        *(attempt(-1400 + n, "user_create_provision", resource=person(n)) for n in range(1, 13)),
        event("user_delete", timestamp=at(-40), resource=person(3), application=None),
        association(-30, "remove", "admins", "p4", "USER"),
        association(0, "remove", "g1", STATSIG_ID, "APPLICATION"),
        *(closed(n) for n in range(1, 13)),
    )
    whole = whole_of(trail)
    assert act_of(whole) == f"g1 unbound from {STATSIG_ID}"
    assert [step.do for step in whole.steps] == ["bind_group", *["reactivate_account"] * 11]
    assert "p3" not in {step.subject_id for step in whole.steps}


def test_the_way_back_knows_who_is_back_under_another_id_and_nothing_of_the_future(trail: Trail) -> None:
    """Two are hired again: one has an account. A third one is pushed by a clock that is ahead."""

    again = {n: {**person(n), "id": f"q{n}"} for n in (1, 2)}
    trail.insert(
        *(created(-1500 + n, person(n), employeeIdentifier=f"E{n}") for n in range(1, 13)),
        *(attempt(-1400 + n, "user_create_provision", resource=person(n)) for n in range(1, 13)),
        *(deleted(-20 + n, person(n)) for n in range(1, 13)),
        *(attempt(n, "user_delete_provision", resource=person(n)) for n in range(1, 13)),
        *(created(40 + n, own, employeeIdentifier=f"E{n}") for n, own in again.items()),
        attempt(50, "user_create_provision", resource=again[1]),
        attempt(300, resource=person(3), changes=ACTIVE),
    )
    whole = whole_of(trail)
    assert [(one.subject_id, one.now, one.back_as) for one in whole.stood if one.back_as] == [
        ("p1", "active", "q1"),
        ("p2", "unknown", "q2"),
    ]
    assert Counter(step.do for step in whole.steps) == {"recreate_person": 10, "recreate_account": 11}
    assert {step.subject_id for step in whole.steps} == {"q2", *(f"p{n}" for n in range(3, 13))}


def test_who_was_taken_back_after_a_refused_closing_is_closed_anew(trail: Trail) -> None:
    """Each by another sign; it is the retry of those who were only added to another application's group."""
    people = [person(n) for n in range(1, 41)]
    signs: list[Callable[[int], Raw]] = [
        lambda n: suspended(-300, people[n], "ACTIVATED"),
        lambda n: attempt(-300, resource=people[n], changes=ACTIVE, success=False),
        lambda n: association(-300, "add", "g1", str(people[n]["id"]), "USER"),
        lambda n: association(-300, "add", "other", str(people[n]["id"]), "USER"),
    ]
    trail.insert(
        association(-1500, "add", "g1", STATSIG_ID, "APPLICATION"),
        *(attempt(-500 + n / 10, "user_deprovision", resource=one, success=False) for n, one in enumerate(people)),
        *(signs[n % 4](n) for n in range(40)),
        *(attempt(n / 10, "user_deprovision", resource=one) for n, one in enumerate(people)),
    )
    found = list_findings(trail.store, Asked(trail.organization, NOON - timedelta(days=2), NOON))
    assert [(len(one.subjects), one.accepted) for one in found] == [(30, 30), (40, 10)]


def test_a_renamed_group_is_there_twice_since_it_was_renamed(trail: Trail) -> None:
    """However often it was updated before and since."""

    def named(minutes: float, own: str, name: str, action: str = "update") -> Raw:
        resource = {"id": own, "type": "user_group", "name": name}
        chain = {"response_code": "201"} if action == "create" else {"response_code": "200"}
        return attempt(minutes, f"group_{action}_provision", resource=resource, message_chain=chain)

    trail.insert(
        named(-4000, "g1", "ops", "create"),
        named(-3900, "g2", "eng", "create"),
        *(named(-3800 + n, "g1", "eng" if n == 2 else "ops") for n in range(4)),
        *(named(n, "g1", "Eng" if n == 2 else "eng") for n in range(4)),
    )
    (found,) = list_findings(trail.store, Asked(trail.organization, NOON - timedelta(days=1), NOON))
    assert (found.kind, found.since, found.subjects) == (Kind.TWICE_GROUPS, when(0), ("g2", "g1"))


CLOSED: dict[str, tuple[Raw, list[Raw], list[str]]] = {
    "by a deprovisioning": ({"event_type": "user_deprovision"}, [], ["p2"]),
    "by an update": ({"changes": INACTIVE}, [], ["p2"]),
    "in vain": ({"changes": INACTIVE, "success": False}, [], ["p1", "p2"]),
    "and taken into use again": ({"changes": INACTIVE}, [{"changes": ACTIVE}], ["p1", "p2"]),
    "after they were taken into use": ({"changes": ACTIVE}, [{"changes": INACTIVE}], ["p2"]),
    "and still updated": ({"event_type": "user_deprovision"}, [{}], ["p2"]),
    "and active again": ({"event_type": "user_deprovision"}, [{"changes": ACTIVE}, {}], ["p1", "p2"]),
}
"""How one of two people was closed, what was done since, and who is stale."""


@pytest.fixture(scope="module")
def remapped_since(shared_store: Store) -> dict[str, Trail]:
    """Each in an organization of its own, in which a mapping is changed afterwards."""
    other = [{"field": "attributes", "from": {"title": "b"}, "to": {"title": "c"}}]
    return stored(
        shared_store,
        {
            name: [
                *(attempt(-100 + n, "user_create_provision", resource=person(n)) for n in (1, 2)),
                *(attempt(-50 + n, resource=person(1), **one) for n, one in enumerate([closing, *since])),
                attempt(0, "idm_integration_update", changes=other, resource=None),
            ]
            for name, (closing, since, _) in CLOSED.items()
        },
    )


@pytest.mark.parametrize("name", CLOSED)
def test_who_was_closed_is_not_stale(remapped_since: dict[str, Trail], name: str) -> None:
    trail = remapped_since[name]
    found = list_findings(trail.store, Asked(trail.organization, NOON - timedelta(days=1), NOON))
    assert [(one.kind, list(one.subjects)) for one in found] == [(Kind.STALE_PEOPLE, CLOSED[name][2])]


def test_a_question_about_too_many_applications_is_refused(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    trail.insert(attempt(0), attempt(1, application=SLACK))
    asked = Asked(trail.organization, NOON - timedelta(days=1), NOON)
    monkeypatch.setattr(findings, "MAX_APPS", 2)
    assert list_findings(trail.store, asked) == []
    monkeypatch.setattr(findings, "MAX_APPS", 1)
    with pytest.raises(UserError, match="narrow its time range or filters"):
        list_findings(trail.store, asked)
