"""Who is one person, from plain events: names over time, what links ids and what does not, decisions by hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.simulation import Organisation
from queries.people.aliases import Alias, aliases, holders
from queries.people.identities import Strength, identify
from schemas.identity import IdentityDecision
from tests.queries.people_events import (
    ADDRESS,
    ANA,
    BEN,
    CLEO,
    created,
    decision,
    deleted,
    known_of,
    person,
    renamed,
    suspended,
    used,
)
from tests.queries.support import SLACK, at, attempt, failed, when
from tests.records import event

Raw = dict[str, Any]


def told(found: list[Alias], kind: str = "name") -> list[tuple[str, str, datetime, datetime | None]]:
    return [(each.subject_id, each.value, each.since, each.until) for each in found if each.kind == kind]


def test_a_name_is_in_force_from_its_first_event_until_another_takes_its_place() -> None:
    ana, later = person(ANA, "ana.lima"), person(ANA, "ana.costa")
    found = known_of([created(0, ana), used(1, ana), used(5, later), used(9, later), used(12, ana), used(20, later)])
    assert told(list(found.aliases)) == [
        (ANA, "ana.lima", when(0), when(5)),
        (ANA, "ana.costa", when(5), when(12)),
        (ANA, "ana.lima", when(12), when(20)),
        (ANA, "ana.costa", when(20), None),
    ]


def test_a_rename_counts_from_the_event_that_tells_it_even_if_that_names_the_old_one() -> None:
    ana = person(ANA, "ana.lima")
    found = known_of([used(0, ana), renamed(5, ana, "ana.costa")])
    assert told(list(found.aliases)) == [(ANA, "ana.lima", when(0), when(5)), (ANA, "ana.costa", when(5), None)]


def test_an_attempt_to_rename_that_the_directory_refused_is_no_rename() -> None:
    ana = person(ANA, "ana.lima")
    found = known_of([used(0, ana), {**renamed(5, ana, "ana.costa"), "success": False, "error_message": "taken"}])
    assert told(list(found.aliases)) == [(ANA, "ana.lima", when(0), None)]


MOVED = [
    used(0, person(ANA, "support")),
    renamed(10, person(ANA, "support"), "ana.lima"),
    used(20, person(BEN, "support")),
]
BOTH = [used(0, person(ANA, "support")), used(20, person(BEN, "support"))]
LEFT = [used(0, person(ANA, "support")), suspended(10, person(ANA, "support")), used(20, person(BEN, "support"))]
RETURNED = [*LEFT, suspended(30, person(ANA, "support"), "ACTIVATED")]


@pytest.mark.parametrize(
    ("events", "minute", "expected"),
    [
        pytest.param(MOVED, None, [BEN], id="moved: now"),
        pytest.param(MOVED, 25, [BEN], id="moved: after"),
        pytest.param(MOVED, 5, [ANA], id="moved: before"),
        pytest.param(MOVED, 15, [ANA], id="in between nobody had it: the last who had"),
        pytest.param(MOVED, -5, [ANA], id="before anybody had it: the first who did"),
        pytest.param(BOTH, None, [ANA, BEN], id="nobody gave it up"),
        pytest.param(BOTH, 10, [ANA], id="nobody gave it up, but only one had it then"),
        pytest.param(LEFT, None, [BEN], id="the former left before"),
        pytest.param(LEFT, 15, [ANA], id="left, and nobody else had it yet"),
        pytest.param(RETURNED, None, [ANA, BEN], id="the former came back"),
        pytest.param([used(0, person(ANA, "support"))], None, [ANA], id="only one"),
        pytest.param([], None, [], id="nobody"),
    ],
)
def test_who_had_a_name_at_a_time(events: list[Raw], minute: float | None, expected: list[str]) -> None:
    found = holders(known_of(events), "support", None if minute is None else when(minute))
    assert [alias.subject_id for alias in found] == expected


CLOSED = attempt(9, "user_deprovision", resource=person(ANA))
DELETED = deleted(5, person(ANA))
EDITED = event(
    "user_update", timestamp=at(10), resource=person(ANA), application=None, changes=[{"field": "jobTitle", "to": "x"}]
)
IN_SLACK = attempt(1, "user_create_provision", resource=person(ANA), application=SLACK)


@pytest.mark.parametrize(
    ("events", "minute"),
    [
        pytest.param([used(0, person(ANA)), suspended(5, person(ANA)), deleted(8, person(ANA))], 5, id="suspended"),
        pytest.param([suspended(5, person(ANA)), suspended(8, person(ANA), "ACTIVATED")], None, id="taken back"),
        pytest.param([used(0, person(ANA)), CLOSED], 9, id="the only account closed"),
        pytest.param([used(0, person(ANA)), IN_SLACK, CLOSED], None, id="one of two accounts closed"),
        pytest.param([CLOSED, created(10, person(ANA))], None, id="used after its accounts were closed"),
        pytest.param([CLOSED, failed(10, resource=person(ANA))], 9, id="an update refused after the closing"),
        pytest.param([CLOSED, EDITED], None, id="edited in the directory after the account was closed"),
        pytest.param([DELETED, failed(8, resource=person(ANA))], 5, id="an update refused after the deletion"),
        pytest.param(
            [DELETED, failed(8, "user_create_provision", "503", resource=person(ANA))], 5, id="a creation refused"
        ),
        pytest.param([DELETED, used(6, person(ANA))], 5, id="an update on its way at the deletion"),
        pytest.param([suspended(5, person(ANA)), EDITED], 5, id="edited while suspended"),
        pytest.param([DELETED | {"event_type": "systemuser_delete"}], 5, id="deleted by its other name"),
        pytest.param(
            [used(0, person(ANA)), DELETED | {"success": False, "error_message": "no"}], None, id="a deletion refused"
        ),
        pytest.param(
            [used(0, person(ANA)), IN_SLACK, CLOSED, CLOSED | {"id": "z", "timestamp": at(12), "application": SLACK}],
            12,
            id="the last account closed",
        ),
    ],
)  # fmt: skip
def test_an_id_ends_with_the_directorys_word_or_its_last_account(events: list[Raw], minute: float | None) -> None:
    life = known_of(events).lives[ANA]
    assert life.ended_at == (None if minute is None else when(minute))


def employed(number: str) -> list[Raw]:
    return [
        created(0, person(ANA, "ana.lima"), employeeIdentifier="4711"),
        created(50, person(BEN, "ana.costa"), employeeIdentifier=number),
    ]


def handed_on(*more: Raw, first: str = "", second: str = "", end: float | None = 30) -> list[Raw]:
    """One address of two ids, one after the other."""
    before, after = person(ANA, "ana.one", ADDRESS), person(BEN, "ana.two", ADDRESS)
    events = [
        created(0, before, **({"firstname": first, "lastname": "Lima"} if first else {})),
        created(50, after, **({"firstname": second, "lastname": "Lima"} if second else {})),
        *more,
    ]
    return events if end is None else [*events, deleted(end, before)]


def taken_over(first: str = "ana.lima") -> list[Raw]:
    """The provider refuses the new id for the account that the old one had, and then gives it."""
    before, after = person(ANA, first), person(BEN, "ana.lima")
    return [
        attempt(0, "user_create_provision", resource=before, application=SLACK),
        deleted(30, before),
        failed(50, "user_create_provision", "409", resource=after, application=SLACK, details="user already exists"),
        attempt(51, "user_update_provision", resource=after, application=SLACK),
    ]


@pytest.mark.parametrize(
    ("events", "strength", "kinds"),
    [
        pytest.param(employed("4711"), Strength.STRONG, ["employee"], id="the same employee number"),
        pytest.param(
            [used(0, person(ANA)), used(9, person(BEN), changes=[{"field": "externalId", "to": ANA}])],
            Strength.STRONG,
            ["external"],
            id="the new id's external id is the old id",
        ),
        pytest.param(handed_on(), Strength.LIKELY, ["email"], id="an address, handed on at its end"),
        pytest.param(
            handed_on(failed(40, resource=person(ANA, "ana.one", ADDRESS))),
            Strength.LIKELY,
            ["email"],
            id="an address, handed on though an update was refused after its end",
        ),
        pytest.param(
            handed_on(first="Ana", second="Ana"),
            Strength.STRONG,
            ["email", "full_name"],
            id="an address handed on, and the same full name",
        ),
        pytest.param(taken_over(), Strength.LIKELY, ["name", "account"], id="the account at the provider taken over"),
    ],
)
def test_evidence_links_two_ids(events: list[Raw], strength: Strength, kinds: list[str]) -> None:
    found = identify(known_of(events), BEN)
    assert found.subject_ids == (ANA, BEN)
    (link,) = found.links
    assert (link.first, link.second, link.strength) == (ANA, BEN, strength)
    assert [each.kind for each in link.evidence] == kinds
    assert found.hints == []
    assert identify(known_of(events), ANA) == found


CROWD = [used(minute * 10, person(f"{minute:024}", f"n{minute}", ADDRESS)) for minute in range(6)]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        pytest.param(handed_on(end=None), "both were in use at the same time", id="the former goes on"),
        pytest.param(handed_on(end=60), "both were in use at the same time", id="the former ended later"),
        pytest.param(handed_on(first="Ana", second="Rui"), "different full names", id="another person's name"),
        pytest.param(
            handed_on(
                used(1, person(ANA), changes=[{"field": "employeeNumber", "to": "1"}]),
                used(60, person(BEN), changes=[{"field": "employeeNumber", "to": "2"}]),
            ),
            "different employee numbers",
            id="different employee numbers",
        ),
        pytest.param(
            handed_on(deleted(30, person(ANA, "ana.one", "other@corp.example")), end=None),
            "it was given up before, or taken later",
            id="the former had given it up",
        ),
        pytest.param(
            [*handed_on(), created(49, person(BEN, "ana.two", "new@corp.example"))],
            "it was given up before, or taken later",
            id="the latter began with another",
        ),
        pytest.param(
            [used(0, person(ANA, "ana.lima")), deleted(30, person(ANA, "ana.lima")), used(50, person(BEN, "ana.lima"))],
            "the same user name, one after the other",
            id="a user name alone",
        ),
        pytest.param(
            [
                created(0, person(ANA, "a"), displayName="Ana Lima"),
                created(9, person(BEN, "b"), displayName="ana lima"),
            ],
            "the same full name",
            id="a full name alone",
        ),
    ],
)
def test_likeness_is_a_hint_and_never_a_link(events: list[Raw], why: str) -> None:
    found = identify(known_of(events), ANA)
    assert (found.subject_ids, found.links) == ((ANA,), [])
    (hint,) = found.hints
    assert (hint.first, hint.second, hint.why) == (ANA, BEN, why)
    assert hint.evidence


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(CROWD, id="an address of many is nobody's"),
        pytest.param([used(0, person(ANA, "ana")), used(1, person(BEN, "ben"))], id="nothing in common"),
        pytest.param(
            [used(0, person(ANA, "x")), used(1, {"id": BEN, "type": "user_group", "name": "x"})],
            id="a group is no person",
        ),
    ],
)
def test_nobody_is_linked_by_what_is_no_persons(events: list[Raw]) -> None:
    for raw in events:
        found = identify(known_of(events), raw["resource"]["id"])
        assert (found.subject_ids, found.links) == ((raw["resource"]["id"],), [])


LINK, PART = decision(70, ANA, BEN, linked=True), decision(80, BEN, ANA, linked=False, number=2)


@pytest.mark.parametrize(
    ("events", "decisions", "together"),
    [
        pytest.param(BOTH, [LINK], True, id="linked"),
        pytest.param(BOTH, [LINK, PART], False, id="linked, then separated"),
        pytest.param(BOTH, [LINK, PART, decision(90, ANA, BEN, linked=True, number=3)], True, id="and linked again"),
        pytest.param(employed("4711"), [decision(1, ANA, BEN, linked=False)], False, id="separated against evidence"),
        pytest.param(employed("4711"), [decision(1, ANA, BEN, linked=False), LINK], True, id="separated, then linked"),
    ],
)
def test_the_last_decision_by_hand_holds(events: list[Raw], decisions: list[IdentityDecision], together: bool) -> None:
    for given_in_any_order in (decisions, decisions[::-1]):
        found = identify(known_of(events, *given_in_any_order), ANA)
        assert found.subject_ids == ((ANA, BEN) if together else (ANA,))
        if together:
            (link,) = found.links
            assert (link.strength, link.decision) == (Strength.BY_HAND, max(decisions, key=lambda one: one.at))
        else:
            (hint,) = found.hints
            assert (hint.why, hint.decision) == ("told apart by hand", max(decisions, key=lambda one: one.at))


def test_two_who_are_told_apart_are_not_joined_by_a_third() -> None:
    events = [*employed("4711"), created(99, person(CLEO, "ana.silva"), employeeIdentifier="4711")]
    assert identify(known_of(events), ANA).subject_ids == (ANA, BEN, CLEO)
    found = known_of(events, decision(1, ANA, CLEO, linked=False))
    assert identify(found, ANA).subject_ids == (ANA, BEN)
    assert identify(found, CLEO).subject_ids == (CLEO,)


STORIES = [*MOVED, *handed_on(first="Ana", second="Ana"), *taken_over("other"), *employed("4711"), *RETURNED[1:]]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(STORIES), min_size=1), st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing(events: list[Raw], order: random.Random) -> None:
    again = [*events, *order.choices(events, k=3)]
    order.shuffle(again)
    one, other = known_of(events), known_of(again)
    assert one.aliases == other.aliases
    assert one.lives == other.lives
    for subject in (ANA, BEN):
        assert identify(one, subject) == identify(other, subject)


def test_no_sighting_is_no_alias() -> None:
    assert aliases([]) == []


def test_of_a_simulated_organisation_nobody_is_linked_but_who_comes_back_under_a_new_id() -> None:
    """The simulator gives every id to one person for ever: what links any of them is wrong."""
    simulated = Organisation(10, 40, 2, 6, datetime(2026, 3, 2, tzinfo=UTC), oddities=0.0, story=False)
    raws = [raw for each in simulated if "resource" in (raw := orjson.loads(each.raw))]
    people = {
        raw["resource"]["id"]: raw["resource"]["username"] for raw in raws if raw["resource"].get("type") == "user"
    }
    known = known_of(raws)
    ended = {each for each, life in known.lives.items() if life.person and life.ended_at is not None}
    assert {each for each in ended & people.keys() if "scim.test" not in people[each]} == simulated.truth.leavers.keys()
    assert {
        alias.subject_id: alias.value for alias in known.aliases if alias.kind == "name" and alias.subject_id in people
    } == people
    alike = 0
    for subject in people:
        found = identify(known, subject)
        assert (found.subject_ids, found.links) == ((subject,), [])
        alike += len(found.hints)
    assert alike > 0
    leaver = next(iter(simulated.truth.leavers.values()))
    told = {alias.kind: alias for alias in known.aliases if alias.subject_id == leaver.subject_id}
    again = created(
        60 * 24 * 30, person(ANA, leaver.username, told["email"].value), displayName=told["full_name"].value
    )
    found = identify(known_of([*raws, again]), ANA)
    assert (found.subject_ids, [link.strength for link in found.links]) == ((leaver.subject_id, ANA), [Strength.STRONG])
