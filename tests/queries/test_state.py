"""Where somebody stood at a time, by what was known at a time."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from queries.people.resolving import Person, find_person
from queries.state import Asked, State, blind_since, compare, name_members, read_state
from queries.store import Store
from tests.queries.people_events import ANA, BEN, created, deleted, person, used
from tests.queries.support import EXPORT, INGEST, SLACK, TENANT, Trail, at, attempt, failed, when
from tests.records import NOON, Record, event

INES = {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.almeida"}
STAFF = {"id": "6a1b00000000000000000001", "name": "all staff"}


def ines_of(trail: Trail) -> Person:
    return Person(trail.organization, str(INES["id"]), [str(INES["username"])])


def membership(
    minutes: float, op: str = "add", user: dict[str, Any] = INES, group: dict[str, str] = STAFF
) -> dict[str, Any]:
    """Somebody is added to the group, or removed."""
    connection = {
        "from": {"type": "user_group", "object_id": group["id"], "name": group["name"]},
        "to": {"type": "user", "object_id": user["id"], "name": user["username"]},
    }
    return event(
        "association_change",
        timestamp=at(minutes),
        association={"op": op, "connection": connection},
        resource=None,
        application=None,
    )


def story() -> list[dict[str, Any]]:
    """Accounts in two applications; one is closed, the other's closing fails and then succeeds."""
    return [
        membership(-1),
        attempt(0, "user_create_provision", resource=INES),
        attempt(1, "user_create_provision", resource=INES, application=SLACK),
        failed(20, "user_deprovision", resource=INES),
        attempt(21, "user_deprovision", resource=INES, application=SLACK),
        membership(22, "remove"),
        attempt(40, "user_deprovision", resource=INES),
    ]


def members_of(trail: Trail, state: State) -> list[str]:
    """How the members were called then."""
    return [each.name for each in name_members(trail.store, trail.organization, state.members, state.asked)]


def told(trail: Trail, minutes: float, known_at: datetime | None = None) -> dict[str, tuple[str, str]]:
    """What each account was meant and confirmed to be."""
    state = read_state(trail.store, ines_of(trail), Asked(when(minutes), known_at))
    return {account.application: (account.intended, account.confirmed) for account in state.accounts}


ABSENT, ACTIVE, INACTIVE = "absent", "active", "inactive"


@pytest.fixture(scope="module")
def played(any_shared_store: Store) -> Trail:
    """That story once, for tests that only read."""
    trail = Trail(any_shared_store, uuid4().hex[:24])
    trail.insert(*story())
    return trail


@pytest.mark.store
@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        pytest.param(-0.01, {}, id="before anything"),
        pytest.param(0, {"statsig": (ACTIVE, ACTIVE)}, id="at the very instant"),
        pytest.param(19, {"statsig": (ACTIVE, ACTIVE), "slack": (ACTIVE, ACTIVE)}, id="both open"),
        pytest.param(30, {"statsig": (INACTIVE, ACTIVE), "slack": (INACTIVE, INACTIVE)}, id="one meant to be closed"),
        pytest.param(40, {"statsig": (INACTIVE, INACTIVE), "slack": (INACTIVE, INACTIVE)}, id="both closed"),
    ],
)
def test_the_state_at_a_time_is_that_of_the_events_up_to_it(
    played: Trail, minutes: float, expected: dict[str, tuple[str, str]]
) -> None:
    assert told(played, minutes) == expected


@pytest.mark.store
def test_groups_are_those_joined_and_not_left(trail: Trail) -> None:
    kofi = {"id": "73ec9bba89a64e507ce0a4c3", "type": "user", "username": "kofi.mensah"}
    trail.insert(*story(), membership(3, user=kofi), attempt(4, resource=kofi))
    group = Person(trail.organization, STAFF["id"], [STAFF["name"]])
    person = [read_state(trail.store, ines_of(trail), Asked(when(minutes), None)) for minutes in (10, 30)]
    assert [[each.name for each in state.groups] for state in person] == [["all staff"], []]
    members = [read_state(trail.store, group, Asked(when(minutes), None)) for minutes in (2, 10, 30)]
    assert [members_of(trail, state) for state in members] == [
        ["ines.almeida"],
        ["ines.almeida", "kofi.mensah"],
        ["kofi.mensah"],
    ]
    another = Person(trail.organization, kofi["id"], [kofi["username"]])
    assert read_state(trail.store, another, Asked(when(10), None)).accepted == [], "a person has no members"
    differences = compare(members[0], members[2])
    assert [list(moved) for moved in (differences.joined, differences.left)] == [[kofi["id"]], [INES["id"]]]


@pytest.mark.store
def test_groups_and_members_are_called_as_they_were_then(trail: Trail) -> None:
    """A group is renamed, and another gets its name; of that one the log has nothing but who was added."""
    renamed = {"id": STAFF["id"], "type": "user_group", "name": "everybody"}
    trail.insert(
        membership(-1),
        event("group_update", timestamp=at(10), resource=renamed, application=None),
        membership(20, group={"id": "another", "name": STAFF["name"]}),
        attempt(30, resource={**INES, "username": "ines.costa"}),
    )
    told = [read_state(trail.store, ines_of(trail), Asked(when(minutes), None)) for minutes in (5, 15, 25)]
    names = [[(each.id, each.name) for each in state.groups] for state in told]
    later, before = (STAFF["id"], "everybody"), (STAFF["id"], "all staff")
    assert names == [[before], [later], [("another", "all staff"), later]]
    group = Person(trail.organization, STAFF["id"], [STAFF["name"]])
    members = [read_state(trail.store, group, Asked(when(minutes), None)) for minutes in (25, 35)]
    assert [members_of(trail, state) for state in members] == [["ines.almeida"], ["ines.costa"]]


@pytest.mark.store
def test_who_is_deleted_is_in_no_group_until_added_again_and_is_left_over_in_the_applications(trail: Trail) -> None:
    staff = {"id": STAFF["id"], "type": "user_group", "name": STAFF["name"]}
    trail.insert(membership(-1), attempt(0, "group_create_provision", resource=staff))
    trail.insert(attempt(5, "group_update_provision", resource=staff), membership(20))
    trail.insert(trail.log(deleted(10, INES), known_at=when(70)))
    group = Person(trail.organization, STAFF["id"], [STAFF["name"]])
    told = [
        (read_state(trail.store, ines_of(trail), asked), read_state(trail.store, group, asked))
        for asked in (Asked(when(9), None), Asked(when(12), None), Asked(when(12), when(65)), Asked(when(30), None))
    ]
    assert [bool(own.groups) for own, _ in told] == [True, False, True, True]
    assert [list(of.members) for _, of in told] == [[INES["id"]], [], [INES["id"]], [INES["id"]]]
    assert [of.accepted[0].left_over for _, of in told] == [[], [INES["id"]], [], []]


@pytest.mark.store
@pytest.mark.parametrize("made", ["STAGED", "SUSPENDED", "ACTIVATED"])
def test_who_is_made_in_a_state_is_told_in_it(trail: Trail, made: str) -> None:
    changes = [{"field": "state", "to": made}]
    trail.insert(event("user_create", timestamp=at(0), resource=INES, application=None, changes=changes))
    state = read_state(trail.store, ines_of(trail), Asked(when(1), None)).directory.state
    assert state == {"ACTIVATED": "active"}.get(made, made.lower())


@pytest.mark.store
def test_nobody_is_in_a_group_that_is_deleted(trail: Trail) -> None:
    """Nor does the deletion of another one end anything."""

    def gone(minutes: float, group: str) -> dict[str, Any]:
        return event(
            "group_delete", timestamp=at(minutes), resource={"id": group, "type": "user_group"}, application=None
        )

    staff = {"id": STAFF["id"], "type": "user_group", "name": STAFF["name"]}
    trail.insert(membership(-1), attempt(0, "group_create_provision", resource=staff), gone(10, "other"))
    trail.insert(attempt(11, "group_update_provision", resource=staff), gone(20, STAFF["id"]))
    group = Person(trail.organization, STAFF["id"], [STAFF["name"]])
    told = [
        (read_state(trail.store, ines_of(trail), asked), read_state(trail.store, group, asked))
        for asked in (Asked(when(15), None), Asked(when(30), None))
    ]
    assert [([one.name for one in own.groups], list(of.members)) for own, of in told] == [
        (["all staff"], [INES["id"]]),
        ([], []),
    ]
    assert [one.left_over for one in told[1][1].accepted] == [[INES["id"]]]


@pytest.mark.store
def test_a_better_copy_takes_away_no_knowledge(any_trail: Trail) -> None:
    """The same bytes, first from anybody, later from the tenant: known since the first."""
    raw = attempt(0, "user_create_provision", resource=INES)
    any_trail.insert(any_trail.log(raw, INGEST, NOON))
    any_trail.insert(any_trail.log(raw, TENANT, NOON + timedelta(hours=2)))
    any_trail.store.command("OPTIMIZE TABLE events_by_subject FINAL")
    assert told(any_trail, 5, NOON + timedelta(hours=1)) == {"statsig": (ACTIVE, ACTIVE)}
    assert told(any_trail, 5, NOON - timedelta(seconds=1)) == {}


@pytest.mark.store
def test_a_false_copy_is_believed_until_a_better_one_is_known(trail: Trail) -> None:
    raw = failed(20, "user_deprovision", resource=INES)
    trail.insert(attempt(0, "user_create_provision", resource=INES))
    trail.insert(trail.log({**raw, "success": True, "message_chain": None}, INGEST, NOON))
    trail.insert(trail.log(raw, TENANT, NOON + timedelta(hours=2)))
    assert told(trail, 30, NOON + timedelta(hours=1)) == {"statsig": (INACTIVE, INACTIVE)}
    assert told(trail, 30, NOON + timedelta(hours=2)) == {"statsig": (INACTIVE, ACTIVE)}


@pytest.mark.store
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
def test_order_delays_and_repeats_change_no_state_but_what_was_known_meanwhile(trail: Trail, seed: int) -> None:
    drawn = random.Random(seed)
    events = story()
    known = {raw["id"]: NOON + timedelta(minutes=drawn.choice([0, 0, 0, 90])) for raw in events}
    records: list[Record] = [trail.log(raw, EXPORT, known[raw["id"]]) for raw in events]
    records += [
        trail.log(raw, drawn.choice([EXPORT, TENANT]), known[raw["id"]] + timedelta(hours=5))
        for raw in drawn.sample(events, 3)
    ]
    drawn.shuffle(records)
    for start in range(0, len(records), 3):
        trail.insert(*records[start : start + 3])
    early = Trail(trail.store, f"{trail.organization[:20]}0002")
    whole = Trail(trail.store, f"{trail.organization[:20]}0001")
    whole.insert(*events, *(early.log(raw) for raw in events if known[raw["id"]] == NOON))
    for minutes in (0, 10, 20, 30, 50):
        assert told(trail, minutes) == told(whole, minutes)
        assert told(trail, minutes, NOON + timedelta(hours=1)) == told(early, minutes)
        late = sum(1 for raw in events if known[raw["id"]] > NOON and raw["timestamp"] <= at(minutes))
        state = read_state(trail.store, ines_of(trail), Asked(when(minutes), NOON + timedelta(hours=1)))
        assert state.later == late


@pytest.mark.store
def test_a_difference_tells_only_what_became_different(played: Trail) -> None:
    before, after = (read_state(played.store, ines_of(played), Asked(when(minutes), None)) for minutes in (10, 30))
    differences = compare(before, after)
    assert [(each.application, each.after and each.after.intended) for each in differences.accounts] == [
        ("slack", INACTIVE),
        ("statsig", INACTIVE),
    ]
    assert list(differences.left) == [STAFF["id"]]
    assert compare(after, after) == ([], {}, {}, 2)


def rehired() -> list[dict[str, Any]]:
    """Somebody leaves, and comes back under another id; an account of the first id was never closed."""
    before, after = person(ANA, "ana.lima"), person(BEN, "ana.lima")
    return [
        created(0, before, employeeIdentifier="4711", firstname="Ana", lastname="Lima"),
        attempt(1, "user_create_provision", resource=before),
        failed(10, "user_deprovision", resource=before),
        deleted(11, before),
        created(20, after, employeeIdentifier="4711", firstname="Ana", lastname="Lima"),
        attempt(21, "user_create_provision", resource=after),
        used(22, after, application=SLACK),
    ]


@pytest.mark.store
def test_every_id_of_somebody_who_came_back_is_told(trail: Trail) -> None:
    trail.insert(*rehired())
    ana = find_person(trail.store, trail.organization, "ana.lima")
    early, late = (read_state(trail.store, ana, Asked(when(minutes), None)) for minutes in (15, 30))
    assert [(each.application, each.subject_id, each.exposed) for each in late.accounts] == [
        ("slack", BEN, False),
        ("statsig", ANA, True),
        ("statsig", BEN, False),
    ]
    assert [(state.directory.state, state.directory.since, state.events) for state in (early, late)] == [
        ("deleted", when(11), 4),
        ("active", when(20), 7),
    ]
    assert [(each.application, each.after and each.after.subject_id) for each in compare(early, late).accounts] == [
        ("slack", BEN),
        ("statsig", BEN),
    ]
    assert compare(early, late).unchanged == 1
    assert read_state(trail.store, ana, Asked(when(30), NOON - timedelta(hours=2))).later == 7


def test_known_before_the_time_leaves_the_time_between_blind() -> None:
    assert blind_since(Asked(NOON, NOON - timedelta(hours=1))) == NOON - timedelta(hours=1)
    assert blind_since(Asked(NOON, NOON)) is None
    assert blind_since(Asked(NOON, None)) is None
