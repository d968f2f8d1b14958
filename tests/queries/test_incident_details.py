"""One incident whole: its people and groups, who is mended, its texts and hours."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from queries.incidents.details import read_details
from queries.incidents.listing import as_of, find_incident, incident_object
from queries.store import Store
from schemas.errors import BadUsage
from tests.queries.incident_rows import put, row
from tests.queries.support import TENANT, Trail, attempt, failed, stored, when

pytestmark = pytest.mark.store

Raw = dict[str, Any]
NOW = when(24 * 60)


def person(number: int) -> Raw:
    return {"id": f"{number:024x}", "type": "user", "username": f"person.{number}"}


def incident_of(trail: Trail, *records: Raw, cause: str = "credentials", **columns: Any) -> Raw:
    """The row of the only incident of that cause, of these records and what is stored already."""
    if records:
        trail.insert(*records)
    ((incident,),) = trail.store.query(
        "SELECT DISTINCT incident_id FROM events WHERE organization = {o:String} AND cause = {c:String}",
        {"o": trail.organization, "c": cause},
    )
    told = {"incident_id": incident, "cause": cause, "first_at": when(0), "last_at": when(200), **columns}
    put(trail, row(trail.organization, 1, **told))
    return find_incident(trail.store, trail.organization, bytes(incident).hex())


def test_an_incident_tells_whom_it_hit_what_was_said_and_when(any_trail: Trail) -> None:
    staff = {"id": "g1", "type": "user_group", "name": "all staff"}
    found = read_details(
        any_trail.store,
        incident_of(
            any_trail,
            failed(1, details="token 1 expired", resource=person(1)),
            failed(62, details="token 2 expired", resource={**person(1), "username": "one.renamed"}),
            failed(63, "group_update_provision", details="token 2 expired", resource=staff),
            failed(64, code="409", resource=person(2)),
            attempt(65, application={"id": "another", "name": "another"}),
        ),
        NOW,
    )
    assert found.subjects == [
        {
            "subject_id": "g1",
            "kind": "group",
            "name": "all staff",
            "attempts": 1,
            "first_at": when(63),
            "last_at": when(63),
            "mended_at": None,
            "accepted_at": None,
        },
        {
            "subject_id": person(1)["id"],
            "kind": "user",
            "name": "one.renamed",
            "attempts": 2,
            "first_at": when(1),
            "last_at": when(62),
            "mended_at": None,
            "accepted_at": None,
        },
    ]
    assert found.texts == [
        {"detail": "no · token 2 expired", "attempts": 2, "first_at": when(62), "last_at": when(63)},
        {"detail": "no · token 1 expired", "attempts": 1, "first_at": when(1), "last_at": when(1)},
    ]
    assert found.hours == [{"hour": when(0), "attempts": 1}, {"hour": when(60), "attempts": 2}]
    assert found.next is None


MENDED: dict[str, tuple[str, str, Raw, list[int]]] = {
    "anybody's": ("401", "credentials", attempt(9, "user_deprovision", resource=person(9)), [1, 2]),
    "of the same type": ("403", "permission", attempt(9, resource=person(9)), [1, 2]),
    "of another type": ("403", "permission", attempt(9, "user_deprovision"), []),
    "another person's": ("409", "conflict", attempt(9, resource=person(9)), []),
    "one's own": ("409", "conflict", attempt(9, "user_deprovision", resource=person(2)), [2]),
    "before the last failure": ("409", "conflict", attempt(2, resource=person(1)), []),
    "anybody's, before the last": ("401", "credentials", attempt(2, resource=person(1)), []),
}
"""How two people are refused, the cause, what succeeds, and who is mended."""


LEAVER = person(1)
CLOSING: dict[str, tuple[str, list[Raw], Any, Any]] = {
    "for somebody else": ("401", [attempt(9, resource=person(9))], 9, None),
    "for somebody else, then for this one": (
        "401",
        [attempt(9, resource=person(9)), attempt(11, "user_deprovision", resource=LEAVER)],
        9,
        11,
    ),
    "for the same person, closing nothing": ("401", [attempt(9, "user_update_provision", resource=LEAVER)], 9, None),
    "for the same person": ("409", [attempt(9, "user_deprovision", resource=LEAVER)], 9, 9),
    "none": ("401", [], None, None),
    "the deletion of the integration": ("401", [attempt(9, "idm_integration_delete", resource=None)], 9, None),
    "before the last failure": ("401", [attempt(1, "user_deprovision", resource=LEAVER), attempt(9)], 9, None),
}
"""How closing an account is refused at minute 2, what succeeds, when that ends the trouble, and when it is closed."""


@pytest.mark.parametrize("name", CLOSING)
def test_a_success_of_somebody_else_closes_no_account(any_trail: Trail, name: str) -> None:
    code, successes, mended, accepted = CLOSING[name]
    cause = {"401": "credentials", "409": "conflict"}[code]
    refused = failed(2, "user_deprovision", code=code, resource=LEAVER)
    found = read_details(any_trail.store, incident_of(any_trail, refused, *successes, cause=cause), NOW)
    expected = [None if minute is None else when(minute) for minute in (mended, accepted)]
    assert [[subject["mended_at"], subject["accepted_at"]] for subject in found.subjects] == [expected]


@pytest.fixture(scope="module")
def refused(shared_store: Store) -> dict[str, Trail]:
    """Each in an organization of its own."""
    return stored(
        shared_store,
        {
            name: [*(failed(at, code=code, resource=person(who)) for at, who in ((1, 1), (3, 1), (4, 2))), success]
            for name, (code, _, success, _) in MENDED.items()
        },
    )


@pytest.mark.parametrize("name", MENDED)
def test_whose_success_mends_whom_depends_on_the_cause(refused: dict[str, Trail], name: str) -> None:
    _, cause, _, mended = MENDED[name]
    found = read_details(refused[name].store, incident_of(refused[name], cause=cause), NOW)
    expected = {person(number)["id"]: when(9) if number in mended else None for number in (1, 2)}
    assert {subject["subject_id"]: subject["mended_at"] for subject in found.subjects} == expected
    assert [subject["mended_at"] for subject in found.subjects] == sorted(
        expected.values(), key=lambda at: at is not None
    )


def test_people_come_in_pages_and_those_still_in_trouble_first(trail: Trail) -> None:
    # Four in one instant: the order among them is the events'.
    records = [failed(max(number, 4), code="409", resource=person(number)) for number in range(1, 9)]
    fixed = [attempt(20, resource=person(number)) for number in (8, 2)]
    incident = incident_of(trail, *records, *fixed, cause="conflict")
    whole = read_details(trail.store, incident, NOW, None, 100)
    order = [int(subject["subject_id"], 16) for subject in whole.subjects]
    assert (order[:3], set(order[3:6]), order[6:]) == ([7, 6, 5], {1, 3, 4}, [8, 2])
    found, cursor = [], None
    while True:
        page = read_details(trail.store, incident, NOW, cursor, 2)
        found += page.subjects
        assert (page.texts is None) == (cursor is not None)
        cursor = page.next
        if cursor is None:
            break
    assert found == whole.subjects
    other = read_details(trail.store, incident, NOW, None, 1).next
    with pytest.raises(BadUsage, match="another"):
        read_details(trail.store, {**incident, "incident_id": bytes(16)}, NOW, other, 1)


def test_a_better_copy_that_succeeded_is_no_failure(trail: Trail) -> None:
    refused = failed(1)
    incident = incident_of(trail, refused, failed(2))
    trail.insert(trail.log({**refused, "success": True, "message_chain": None}, TENANT))
    found = read_details(trail.store, incident, NOW)
    assert [subject["attempts"] for subject in found.subjects] == [1]
    assert [text["attempts"] for text in found.texts or ()] == [1]


@pytest.mark.parametrize(
    ("minutes", "state", "affected", "mended"),
    [
        pytest.param(60, "open", 1, {1: when(3), 2: None}, id="a success ahead of the clock has ended nothing"),
        pytest.param(90, "resolved", 0, {1: when(3), 2: when(90)}, id="when its time has come, it has"),
    ],
)
def test_an_incident_ends_when_the_clock_has_reached_its_end(
    trail: Trail, minutes: int, state: str, affected: int, mended: dict[int, Any]
) -> None:
    records = [failed(at, code="409", resource=person(number)) for at, number in ((1, 1), (2, 2))]
    successes = [attempt(at, resource=person(number)) for at, number in ((3, 1), (90, 2))]
    ends = {"last_at": when(2), "ended_at": when(90), "ended_by": UUID(int=9), "affected": 0}
    incident = incident_of(trail, *records, *successes, cause="conflict", **ends)
    now = when(minutes)
    (told,) = (incident_object(found, now) for found in as_of(trail.store, [incident], now))
    assert (told["state"], told["affected"]) == (state, affected)
    assert (told["ended_at"] is None, told["ended_by"] is None) == (state == "open", state == "open")
    subjects = read_details(trail.store, incident, now).subjects
    assert {int(subject["subject_id"], 16): subject["mended_at"] for subject in subjects} == mended
