"""Lifecycles from the store: who is meant, pages, exposures."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from queries import exposures, histories
from queries.exposures import list_exposures
from queries.histories import read_history
from queries.lifecycle import fold
from queries.people.resolving import Person, find_person
from queries.store import Store
from schemas.errors import Ambiguous, BadUsage, Unknown
from tests.queries.support import INGEST, SLACK, TENANT, Trail, at, attempt, failed, when
from tests.records import NOON, STATSIG, event

pytestmark = pytest.mark.store

INES = {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.almeida", "email": "Ines@corp.example"}
KOFI = {"id": "73ec9bba89a64e507ce0a4c3", "type": "user", "username": "kofi.mensah"}
RANGE = (when(-24 * 60), when(24 * 60))


def ines_of(trail: Trail) -> Person:
    return find_person(trail.store, trail.organization, str(INES["id"]))


def leaver(trail: Trail) -> None:
    """Ines gets two accounts and leaves; statsig's cannot be closed."""
    trail.insert(
        attempt(0, "user_create_provision", resource=INES),
        attempt(1, "user_create_provision", resource=INES, application=SLACK),
        event("user_suspended", timestamp=at(59), resource=INES, application=None),
        attempt(60, "user_deprovision", resource=INES, application=SLACK),
        *[failed(60 + 20 * number, "user_deprovision", resource=INES) for number in range(5)],
        attempt(61, "user_create_provision", resource=KOFI),
    )


def left_in(store: Store) -> Trail:
    """That in an organization of its own, for tests that only read."""
    trail = Trail(store, uuid4().hex[:24])
    leaver(trail)
    return trail


@pytest.fixture(scope="module")
def left(shared_store: Store) -> Trail:
    return left_in(shared_store)


@pytest.fixture(scope="module")
def any_left(any_shared_store: Store) -> Trail:
    return left_in(any_shared_store)


@pytest.fixture(scope="module")
def crowded(shared_store: Store) -> Trail:
    """The same and many attempts at one time: their order must be the same for the store and for the fold."""
    trail = left_in(shared_store)
    trail.insert(
        *[failed(60, "user_deprovision", resource=INES) for _ in range(7)], event(timestamp="?", resource=INES)
    )
    return trail


@pytest.mark.parametrize("who", [INES["id"], "ines.almeida", "INES.ALMEIDA", "ines@corp.example"])
def test_a_person_is_found_by_id_name_and_mail_address(any_left: Trail, who: str) -> None:
    found = find_person(any_left.store, any_left.organization, who)
    assert (found.organization, found.subject_id) == (any_left.organization, INES["id"])
    assert (found.names, found.subject_ids, found.note) == (["ines.almeida", "ines@corp.example"], (INES["id"],), "")


@pytest.mark.parametrize(
    ("who", "near"),
    [
        pytest.param("ines.almaida", ["ines.almeida"], id="misspelt"),
        pytest.param("Ines", ["ines@corp.example"], id="what stands before the @"),
        pytest.param("ALMEIDA", ["ines.almeida"], id="a family name"),
        pytest.param("n", [], id="a letter"),
        pytest.param("al", [], id="too short a part"),
        pytest.param("", [], id="nothing"),
        pytest.param("somebody.else.entirely", [], id="nobody's"),
    ],
)
def test_nobody_of_that_name_is_told_with_near_names(left: Trail, who: str, near: list[str]) -> None:
    with pytest.raises(Unknown) as caught:
        find_person(left.store, left.organization, who)
    assert caught.value.near == near
    assert str(caught.value) == f"nobody is known as {who!r}" + (f"; near: {', '.join(near)}" if near else "")


def test_a_name_of_two_people_is_told_with_both(trail: Trail) -> None:
    trail.insert(attempt(0, resource=INES), attempt(1, resource={**KOFI, "username": "ines.almeida"}))
    with pytest.raises(Ambiguous) as caught:
        find_person(trail.store, trail.organization, "Ines.Almeida")
    assert [person["subject_id"] for person in caught.value.candidates] == [INES["id"], KOFI["id"]]
    assert find_person(trail.store, trail.organization, str(KOFI["id"])).subject_id == KOFI["id"]


def test_people_of_another_organization_are_unknown_and_never_near(left: Trail) -> None:
    with pytest.raises(Unknown) as caught:
        find_person(left.store, "another", "ines.almeida")
    assert caught.value.near == []


def test_the_lifecycle_of_a_leaver_whose_account_cannot_be_closed(any_left: Trail) -> None:
    found = read_history(any_left.store, ines_of(any_left), *RANGE)
    assert [step.occurred_at for step in found.steps] == [when(m) for m in (0, 1, 59, 60, 60, 80, 100, 120, 140)]
    told = [(step.application or "-", step.action or step.event_type, step.outcome) for step in found.steps]
    assert told[:3] == [
        ("statsig", "create", "success"),
        ("slack", "create", "success"),
        ("-", "user_suspended", "success"),
    ]
    assert set(told[3:5]) == {("slack", "deprovision", "success"), ("statsig", "deprovision", "failure")}
    assert told[5:] == [("statsig", "deprovision", "failure")] * 4
    first = next(step for step in found.steps if step.outcome == "failure")
    assert [step.retry_of for step in found.steps if step.outcome == "failure"] == [None, *[first.event_id] * 4]
    assert found.accounts is not None
    slack, statsig = found.accounts
    assert (slack.state, slack.confirmed_at) == ("closed", when(60))
    # Meant since the suspension, not since the first attempt.
    assert (statsig.state, statsig.exposed, statsig.closing_since) == ("open", True, when(59))
    assert (statsig.closing_tries, statsig.last_try, statsig.last_cause) == (5, when(140), "credentials")
    assert found.next is None


@pytest.mark.parametrize(
    ("held", "limit"),
    [
        *(pytest.param(3, limit, id=f"read in many batches, {limit} a page") for limit in (4, 100)),
        pytest.param(8, 3, id="read in a few batches of several pages"),
        *(pytest.param(20_000, limit, id=f"read at once, {limit} a page") for limit in (1, 4, 100)),
    ],
)
def test_pages_of_a_lifecycle_are_the_whole_one(
    crowded: Trail, held: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "BATCH", held)
    ines = ines_of(crowded)
    whole = read_history(crowded.store, ines, *RANGE, limit=1000)
    assert len(whole.steps) == 17
    assert whole.steps == sorted(whole.steps, key=lambda step: (step.occurred_at, step.event_id.int))
    steps, cursor = [], None
    while True:
        page = read_history(crowded.store, ines, *RANGE, cursor, limit)
        assert page.accounts == (whole.accounts if cursor is None else None)
        steps += page.steps
        cursor = page.next
        if cursor is None:
            break
    assert steps == whole.steps


def test_the_store_and_the_fold_agree_on_copies(trail: Trail) -> None:
    leaver(trail)
    raw = failed(90, "user_deprovision", resource=INES)
    trail.insert(trail.log({**raw, "success": True, "message_chain": None}, INGEST), trail.log(raw, TENANT))
    rows = trail.store.query_dicts(
        "SELECT * FROM events_by_subject WHERE organization = {o:String} AND subject_id = {s:String}",
        {"o": trail.organization, "s": INES["id"]},
    )
    found = read_history(trail.store, ines_of(trail), *RANGE)
    told = fold(rows)
    for step in told.steps:
        step.subject_id = str(INES["id"])
    for account in told.accounts:
        account.subject_id = str(INES["id"])
    assert (found.steps, found.accounts) == told


def test_events_without_a_believable_time_are_in_every_range(trail: Trail) -> None:
    trail.insert(event(timestamp=None, jc_timestamp="?", resource=INES), attempt(0, resource=INES))
    found = read_history(trail.store, ines_of(trail), when(30), when(60))
    assert [step.time_quality for step in found.steps] == ["garbage"]


def test_a_range_tells_the_accounts_by_what_was_before_it_too(left: Trail) -> None:
    whole = read_history(left.store, ines_of(left), *RANGE, timeline=True)
    late = read_history(left.store, ines_of(left), when(90), when(24 * 60), timeline=True)
    assert [step.occurred_at for step in late.steps] == [when(100), when(120), when(140)]
    assert late.steps == whole.steps[-3:]
    assert late.accounts == whole.accounts
    assert whole.accounts is not None
    told = [[(change.view, change.state, change.at) for change in one.changes] for one in whole.accounts]
    assert ("intended", "inactive", when(59)) in told[1]
    assert ("confirmed", "inactive", when(60)) in told[0]
    without = read_history(left.store, ines_of(left), *RANGE)
    assert [one.changes for one in without.accounts or ()] == [[], []]


def test_as_known_at_a_time_what_came_later_is_not_there_on_any_page(trail: Trail) -> None:
    late = attempt(70, "user_deprovision", resource=INES)
    trail.insert(
        *[
            trail.log(raw, known_at=when(known))
            for raw, known in (
                (attempt(0, "user_create_provision", resource=INES), 1),
                (failed(60, "user_deprovision", resource=INES), 61),
                (late, 500),
                (failed(80, resource=INES), 81),
            )
        ]
    )
    ines = ines_of(trail)

    def told(known_at: datetime | None, limit: int) -> tuple[list[datetime], str]:
        cursor, steps, states = None, [], []
        while True:
            page = read_history(trail.store, ines, *RANGE, cursor, limit, known_at=None if cursor else known_at)
            steps += [step.occurred_at for step in page.steps]
            states += [account.state for account in page.accounts or ()]
            cursor = page.next
            if cursor is None:
                return steps, "".join(states)

    for limit in (1, 100):
        assert told(None, limit) == ([when(0), when(60), when(70), when(80)], "closed")
        assert told(when(499), limit) == ([when(0), when(60), when(80)], "open")
        assert told(when(500), limit) == told(None, limit)


def bound(minutes: float, op: str, group: str, **other: str) -> dict[str, Any]:
    """A group bound to an application, or somebody added to it."""
    (kind, own), *_ = other.items()
    ends = {"from": {"type": "USER_GROUP", "object_id": group, "name": group}}
    ends["to"] = {"type": kind.upper(), "object_id": own, "name": own}
    association = {"op": op, "connection": ends}
    return event("association_change", timestamp=at(minutes), resource=None, application=None, association=association)


def test_bindings_and_memberships_are_what_sets_attempts_off(any_trail: Trail) -> None:
    ines, slack, group = str(INES["id"]), str(SLACK["id"]), f"sales of {any_trail.organization}"
    staff = {"id": group, "type": "user_group", "name": "sales"}
    any_trail.insert(
        event("idm_integration_activate", timestamp=at(-120), resource=None, application=SLACK),
        bound(-60, "add", group, application=slack),
        attempt(-59, "group_create_provision", resource=staff, application=SLACK),
        bound(0, "add", group, user=ines),
        attempt(1, "user_create_provision", resource=INES, application=SLACK),
        attempt(2, "group_update_provision", resource=staff, application=SLACK),
        bound(30, "remove", group, application=slack),
        attempt(31, "user_deprovision", resource=INES, application=SLACK),
        attempt(32, "group_delete_provision", resource=staff, application=SLACK),
        event("idm_integration_delete", timestamp=at(40), resource=None, application=SLACK),
    )
    person = read_history(any_trail.store, ines_of(any_trail), *RANGE)
    assert [(step.action, step.because and step.because.kind) for step in person.steps] == [
        ("add", None),
        ("create", "membership"),
        ("deprovision", "binding"),
    ]
    assert person.accounts is not None
    (account,) = person.accounts
    assert (account.intended, account.intended_since) == ("inactive", when(30))
    assert (account.confirmed, account.confirmed_since, account.left_behind) == ("unknown", when(40), when(40))
    of_group = read_history(any_trail.store, find_person(any_trail.store, any_trail.organization, group), *RANGE)
    assert [(step.action, step.because and step.because.kind) for step in of_group.steps] == [
        ("add", None),
        ("create", "binding"),
        ("update", "membership"),
        ("remove", None),
        ("delete", "binding"),
    ]
    assert of_group.accounts is not None
    assert [(one.intended, one.confirmed) for one in of_group.accounts] == [("deleted", "deleted")]


def test_a_cursor_of_another_persons_lifecycle_is_refused(left: Trail) -> None:
    cursor = read_history(left.store, ines_of(left), *RANGE, limit=1).next
    with pytest.raises(BadUsage, match="another filter"):
        read_history(left.store, find_person(left.store, left.organization, "kofi.mensah"), *RANGE, cursor)


def test_exposures_are_what_the_lifecycles_say(any_trail: Trail) -> None:
    leaver(any_trail)
    any_trail.insert(
        failed(70, "user_delete_provision", code="404", resource=KOFI),
        failed(5, "user_deprovision", resource=KOFI, application=SLACK),
        attempt(6, "user_deprovision", resource=KOFI, application=SLACK),
        # Long before the sink's day, yet still open.
        *[
            failed(-60 * 24 * 300 + minute, "user_deprovision", resource={"id": "old", "username": "lena.berg"})
            for minute in range(2)
        ],
    )
    found = list_exposures(any_trail.store, any_trail.organization, NOON + timedelta(days=1))
    assert [(item.person, item.account.application, item.account.closing_tries) for item in found.open] == [
        ("lena.berg", STATSIG["name"], 2),
        ("ines.almeida", STATSIG["name"], 5),
    ]
    assert [(item.person, item.account.application) for item in found.reported_absent] == [("kofi.mensah", "statsig")]
    assert list_exposures(any_trail.store, "another", NOON).open == []


def test_a_refused_return_to_a_group_hides_no_removal(any_trail: Trail) -> None:
    group = f"sales of {any_trail.organization}"
    any_trail.insert(
        bound(-60, "add", group, application=str(SLACK["id"])),
        bound(0, "add", group, user=str(INES["id"])),
        attempt(1, "user_create_provision", resource=INES, application=SLACK),
        bound(10, "remove", group, user=str(INES["id"])),
        {**bound(11, "add", group, user=str(INES["id"])), "success": False},
    )
    (found,) = list_exposures(any_trail.store, any_trail.organization, NOON + timedelta(days=1)).open
    assert (found.subject_id, found.reason, found.since) == (INES["id"], "never_attempted", when(10))


@pytest.mark.parametrize(("most", "complete"), [(1, False), (2, True)])
def test_a_list_of_exposures_that_was_cut_says_so(
    left: Trail, most: int, complete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposures, "MAX_SUSPECTS", most)
    found = list_exposures(left.store, left.organization, NOON + timedelta(days=1))
    assert (found.complete, len(found.open)) == (complete, 1)


def test_a_forged_success_hides_no_exposure(trail: Trail) -> None:
    raw = failed(60, "user_deprovision", resource=INES)
    trail.insert(raw)
    trail.insert(trail.log({**raw, "success": True, "message_chain": None}, INGEST, NOON - timedelta(hours=2)))
    assert [item.person for item in list_exposures(trail.store, trail.organization, NOON).open] == ["ines.almeida"]
