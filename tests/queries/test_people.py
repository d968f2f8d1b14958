"""Who is meant, read from the store: as the events alone tell it, through few reads of keys."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from queries.accounts.account import Account
from queries.accounts.step import Step
from queries.histories import read_history
from queries.people import known
from queries.people.identities import identify
from queries.people.known import MAX_IDS, sharing
from queries.people.resolving import find_person, read_person, read_two, require_person, shared_names
from queries.store import Store
from schemas.errors import Ambiguous, BadUsage, NotFound, Unknown
from schemas.identity import IdentityDecision, seal_decision
from tests.queries.people_events import (
    ADDRESS,
    ANA,
    BEN,
    CLEO,
    created,
    deleted,
    known_of,
    person,
    renamed,
    suspended,
    used,
)
from tests.queries.support import INGEST, SLACK, TENANT, Trail, at, attempt, failed, when
from tests.queries.test_events import HOSTILE
from tests.records import NOON, Record, event

pytestmark = pytest.mark.store

Raw = dict[str, Any]

STORY = [
    created(0, person(ANA, "ana.lima", ADDRESS), firstname="Ana", lastname="Lima", employeeIdentifier="4711"),
    attempt(1, "user_create_provision", resource=person(ANA, "ana.lima"), application=SLACK),
    renamed(5, person(ANA, "ana.lima"), "ana.costa"),
    used(6, person(ANA, "ana.costa")),
    used(8, person(ANA, "ana.lima")),
    used(9, person(ANA, "ana.costa")),
    attempt(10, "user_deprovision", resource=person(ANA, "ana.costa"), application=SLACK),
    used(11, person(ANA, "ana.costa")),
    suspended(20, person(ANA, "ana.costa")),
    *[failed(20 + minute, "user_deprovision", resource=person(ANA, "ana.costa")) for minute in range(3)],
    deleted(30, person(ANA, "ana.costa")),
    created(40, person(BEN, "ana.costa", ADDRESS), firstname="Ana", lastname="Costa", employeeIdentifier="4711"),
    failed(41, "user_create_provision", "409", resource=person(BEN, "ana.costa"), details="user already exists"),
    used(42, person(BEN, "ana.costa")),
    used(43, person(CLEO, "ana.lima")),
    event("user_update", timestamp="?", resource=person(CLEO, "cleo.dias")),
]


def own(raws: list[Raw], trail: Trail) -> list[Raw]:
    return [{**raw, "organization": trail.organization} for raw in raws]


def decided(trail: Trail, first: str, second: str, minutes: float, *, linked: bool, by: str = "ada") -> Record:
    made = IdentityDecision(first, second, linked, when(minutes), by, "papers", UUID(int=int(minutes * 1000)))
    sealed = seal_decision(trail.organization, made)
    stamp = int(NOON.timestamp() * 1000)
    return Record(sealed.value, sealed.headers, int(minutes), stamp, key=sealed.key)


@pytest.fixture(scope="module")
def story(shared_store: Store) -> Trail:
    """The story, for tests that only read it."""
    trail = Trail(shared_store, f"story-{uuid4().hex[:12]}")
    trail.insert(*STORY)
    return trail


def test_the_store_tells_what_the_events_alone_tell(any_trail: Trail) -> None:
    any_trail.insert(*STORY)
    any_trail.insert(*STORY[3:9])  # again, in another block
    known = known_of(own(STORY, any_trail))
    for who in (ANA, BEN, CLEO):
        found = read_person(any_trail.store, any_trail.organization, who)
        ids = set(found.known.lives)
        assert found.known.lives == {each: life for each, life in known.lives.items() if each in ids}
        told = [alias for alias in found.known.aliases if alias.kind != "decided"]
        assert told == [alias for alias in known.aliases if alias.subject_id in ids]
        assert found.identity == identify(known, who)
    assert find_person(any_trail.store, any_trail.organization, ANA).subject_ids == (ANA, BEN)


def test_of_very_many_events_the_first_and_the_last_of_each_kind_tell(
    story: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "MAX_EVENTS", 3)
    found = read_person(story.store, story.organization, "ana.costa")
    assert found.person.subject_ids == (ANA, BEN)
    assert found.known.lives[ANA].first_seen == when(0)


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param(
            [
                *(["user_update", [{"field": "state", "from": before, "to": after}]] for before, after in (
                    ("ACTIVATED", "SUSPENDED"), ("SUSPENDED", "ACTIVATED"), ("ACTIVATED", "SUSPENDED"))),
            ],
            id="suspended for the second time",
        ),
        pytest.param(
            [["user_deprovision", None], ["user_create_provision", None], ["user_deprovision", None]],
            id="their only account closed for the second time",
        ),
    ],
)  # fmt: skip
def test_who_left_for_the_second_time_and_came_back_is_linked_however_many_events_they_have(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, ends: list[list[Any]]
) -> None:
    def done(minute: float, who: str, event_type: str, changes: Any = None) -> dict[str, Any]:
        resource = {"id": who, "type": "user", "username": "ines", "email": "ines@corp.example"}
        return event(event_type, timestamp=at(minute), resource=resource, application=SLACK, changes=changes)

    trail.insert(
        done(-9000, "old", "user_create_provision"),
        *(done(-8000 + 100 * number, "old", *each) for number, each in enumerate(ends)),
        done(-100, "new", "user_create_provision"),
    )
    for most in (5_000, 3):
        monkeypatch.setattr(known, "MAX_EVENTS", most)
        found = read_person(trail.store, trail.organization, "new")
        assert found.known.lives["old"].ended_at == when(-7800)
        assert found.person.subject_ids == ("old", "new")


@pytest.mark.parametrize("limit", [3, 100])
def test_a_lifecycle_is_of_all_ids_of_the_person(story: Trail, limit: int) -> None:
    ana = find_person(story.store, story.organization, BEN)
    steps: list[Step] = []
    accounts: list[Account] = []
    cursor = None
    while True:
        page = read_history(story.store, ana, when(-60), when(600), cursor, limit)
        steps += page.steps
        accounts += page.accounts or []
        cursor = page.next
        if cursor is None:
            break
    assert [step.subject_id for step in steps] == [ANA] * 13 + [BEN] * 3
    assert [step.occurred_at for step in steps] == sorted(step.occurred_at for step in steps)
    told = [(account.application, account.subject_id, account.state) for account in accounts]
    assert told == [("slack", ANA, "closed"), ("statsig", ANA, "open"), ("statsig", BEN, "open")]


@pytest.mark.parametrize(
    ("who", "minute", "subject", "note"),
    [
        pytest.param("ana.lima", None, CLEO, f"{ANA} was seen as ana.lima from 2026-03-19 11:08:00 to", id="moved"),
        pytest.param("ANA.Lima", 3, ANA, f"{CLEO} was seen as ana.lima from 2026-03-19 11:43:00 to", id="at a time"),
        pytest.param("ana.costa", None, BEN, "", id="of one person with two ids"),
        pytest.param(ADDRESS, None, BEN, "", id="an address of one person with two ids"),
        pytest.param(ANA, None, ANA, "", id="an id means the person"),
        pytest.param("cleo.dias", None, CLEO, "cleo.dias was given up 2026-03-19 11:43:00", id="a name given up"),
        pytest.param("ana.costa", -9, ANA, "nobody was seen as ana.costa before 2026-03-19 11:05:00", id="too early"),
    ],
)
def test_a_name_means_who_has_it_or_had_it_then(
    story: Trail, who: str, minute: float | None, subject: str, note: str
) -> None:
    at = None if minute is None else when(minute)
    found = find_person(story.store, story.organization, who, at)
    assert found.subject_id == subject
    assert found.note.startswith(note)
    assert bool(found.note) == bool(note)


def test_names_that_several_ids_have_or_had_are_shared(story: Trail) -> None:
    asked = ["Ana.Lima", "ana.costa", "cleo.dias", "nobody"]
    assert shared_names(story.store, story.organization, asked) == {"ana.lima", "ana.costa"}
    assert shared_names(story.store, None, asked) >= {"ana.lima", "ana.costa"}
    assert shared_names(story.store, uuid4().hex[:24], asked) == set()


def test_a_name_that_two_have_at_the_same_time_is_ambiguous_until_they_are_linked(trail: Trail) -> None:
    trail.insert(used(0, person(ANA, "support")), used(1, person(BEN, "support")))
    with pytest.raises(Ambiguous) as caught:
        find_person(trail.store, trail.organization, "support")
    assert {each["subject_id"] for each in caught.value.candidates} == {ANA, BEN}
    assert find_person(trail.store, trail.organization, "support", when(0)).subject_id == ANA
    trail.insert(decided(trail, ANA, BEN, 30, linked=True))
    assert find_person(trail.store, trail.organization, "support").subject_ids == (ANA, BEN)


def test_decisions_are_found_from_both_ids_and_the_last_holds(trail: Trail) -> None:
    trail.insert(used(0, person(ANA, "ana")), used(1, person(BEN, "ben")))
    together = []
    for minute, linked in ((30, True), (31, False), (32, True)):
        trail.insert(decided(trail, ANA, BEN, minute, linked=linked))
        found = [find_person(trail.store, trail.organization, who).subject_ids for who in (ANA, BEN)]
        together.append([len(ids) for ids in found])
    assert together == [[2, 2], [1, 1], [2, 2]]
    (link,) = read_person(trail.store, trail.organization, BEN).identity.links
    assert link.decision is not None
    assert (link.decision.by, link.decision.because, link.decision.at) == ("ada", "papers", when(32))
    life = read_person(trail.store, trail.organization, ANA).known.lives[ANA]
    assert (life.last_seen, life.events) == (when(0), 1)


def test_who_shares_something_with_another_id_is_told_from_who_shares_nothing(trail: Trail) -> None:
    trail.insert(
        created(0, person("e1", "u1"), employeeIdentifier="7"),
        created(1, person("e2", "u2"), employeeIdentifier="7"),
        used(0, person("x1")),
        used(9, person("x2"), changes=[{"field": "externalId", "to": "x1"}]),
        used(0, person("m1", "v1", "m@corp.example")),
        created(1, person("m2", "v2"), email="M@corp.example"),
        used(0, person("d1")),
        used(0, person("d2")),
        decided(trail, "d1", "d2", 30, linked=True),
        created(0, person("alone", "own", "own@corp.example"), employeeIdentifier="8", firstname="Own"),
    )
    shared = {f"{kind}{n}" for kind in "exmd" for n in (1, 2)}
    assert sharing(trail.store, trail.organization, [*shared, "alone", "unknown"]) == shared
    apart = [sharing(trail.store, trail.organization, [one]) for one in (*sorted(shared), "alone")]
    assert apart == [*({one} for one in sorted(shared)), set()]
    assert sharing(trail.store, "another", shared) == set()


def test_who_may_only_send_events_decides_nothing(trail: Trail) -> None:
    trail.insert(used(0, person(ANA, "ana")), used(1, person(BEN, "ben")))
    forged = {
        "id": "x", "event_type": "identity_linked", "timestamp": "2026-03-19T11:30:00Z", "organization": "",
        "resource": {"id": ANA, "type": "user"}, "other_resource": {"id": BEN, "type": "user"},
        "initiated_by": {"username": "ada"},
    }  # fmt: skip
    trail.insert(trail.log(forged, INGEST))
    assert find_person(trail.store, trail.organization, ANA).subject_ids == (ANA,)


def test_organizations_are_never_mixed(trail: Trail) -> None:
    other = Trail(trail.store, f"{trail.organization}-2")
    story = [created(0, person(ANA, "ana.lima"), employeeIdentifier="4711")]
    trail.insert(*story)
    other.insert(created(0, person(BEN, "ana.lima"), employeeIdentifier="4711"))
    found = read_person(trail.store, trail.organization, "ana.lima")
    assert (found.person.subject_ids, set(found.known.lives)) == ((ANA,), {ANA})
    with pytest.raises(Ambiguous, match=f"{BEN} \\(ana.lima\\) of the organization {other.organization}"):
        find_person(trail.store, None, "ana.lima")
    with pytest.raises(Unknown):
        read_two(trail.store, trail.organization, ANA, BEN)
    with pytest.raises(BadUsage, match="same organization"):
        read_two(trail.store, None, ANA, BEN)


def test_an_id_that_two_organizations_have_is_told_with_each_and_found_in_one(trail: Trail) -> None:
    other, own = Trail(trail.store, f"{trail.organization}-2"), f"shared-{trail.organization}"
    for each in (trail, other):
        each.insert(created(0, person(own, "ana.lima")))
    with pytest.raises(Ambiguous) as caught:
        find_person(trail.store, None, own)
    assert str(caught.value) == (
        f"{own!r} means 2 people: ask for one of the ids, and name its organization: "
        f"{own} (ana.lima) of the organization {trail.organization}, "
        f"{own} (ana.lima) of the organization {other.organization}"
    )
    assert find_person(trail.store, other.organization, own).organization == other.organization


@pytest.fixture(scope="module")
def two(shared_store: Store) -> Trail:
    """Two people."""
    trail = Trail(shared_store, uuid4().hex[:24])
    trail.insert(created(0, person(ANA, "ana.lima")), created(1, person(BEN, "ben", "ben@corp.example")))
    return trail


@pytest.mark.parametrize("first", [pytest.param(ANA, id="an id"), pytest.param("Ana.Lima", id="a name")])
@pytest.mark.parametrize("second", [pytest.param(BEN, id="an id"), pytest.param("ben@corp.example", id="an address")])
def test_two_people_are_meant_by_ids_or_names(two: Trail, first: str, second: str) -> None:
    meant = read_two(two.store, two.organization, first, second)
    assert [each.person.subject_id for each in meant] == [ANA, BEN]
    assert {each.person.organization for each in meant} == {two.organization}


def test_a_name_of_two_is_no_one_of_two_people_and_two_names_of_one_are_no_two(trail: Trail) -> None:
    trail.insert(used(0, person(ANA, "desk", ADDRESS)), used(1, person(BEN, "desk")), used(2, person(CLEO, "cleo")))
    with pytest.raises(Ambiguous):
        read_two(trail.store, trail.organization, "cleo", "desk")
    with pytest.raises(BadUsage, match=f"are one id, not two: {ANA}"):
        read_two(trail.store, trail.organization, ADDRESS, ANA)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        pytest.param("user_group", "not a person but a group: `idtrail state`", id="a group"),
        pytest.param("application", "not a person but an application: `idtrail integrations`", id="an application"),
        pytest.param("admin", "not a person but an administrator: `idtrail events --actor`", id="an administrator"),
        pytest.param("system", "not a person but of type system", id="whatever else"),
    ],
)
def test_what_is_no_person_is_told_as_what_it_is(trail: Trail, kind: str, told: str) -> None:
    what = {"id": BEN, "type": kind, "username": "data"}
    trail.insert(
        used(0, person(ANA, "ana.lima")), event("user_update", timestamp=at(1), resource=what, application=None)
    )
    assert require_person(read_person(trail.store, trail.organization, "ana.lima")).person.subject_id == ANA
    with pytest.raises(NotFound, match=rf"data \({BEN}\) is {told}"):
        require_person(read_person(trail.store, trail.organization, "data"))
    with pytest.raises(NotFound, match=told):
        read_two(trail.store, trail.organization, ANA, BEN)


LIMA = {"firstname": "Ana", "lastname": "Lima"}
LEFT = [
    created(-90, person(ANA, "a.lima", ADDRESS), **LIMA),
    used(-80, person(ANA, "a.lima")),
    created(-30, person(BEN, "ben", ADDRESS), **LIMA),
]


LATER: dict[str, tuple[list[Raw], list[Raw]]] = {
    "that the first of two ids ended before": (LEFT, [deleted(-60, person(ANA, "a.lima"))]),
    "that the name went to somebody else": (
        LEFT,
        [renamed(-20, person(ANA, "a.lima"), "a.costa"), used(-10, person(CLEO, "a.lima"))],
    ),
    "that many have the address": (
        [*LEFT, deleted(-60, person(ANA, "a.lima"))],
        [used(-50, person(f"{number:024}", f"n{number}", ADDRESS)) for number in range(3)],
    ),
    "that two have an employee number": (
        [*LEFT, created(-40, person(CLEO, "cleo"), employeeIdentifier="4711")],
        [attempt(-20, resource=person(ANA, "a.lima"), changes=[{"field": "employeeNumber", "to": "4711"}])],
    ),
    "that a better copy tells another employee number": (
        [
            {**created(-90, person(ANA, "a.lima"), employeeIdentifier="4711"), "id": "made"},
            created(-40, person(CLEO, "cleo"), employeeIdentifier="4711"),
        ],
        [{**created(-90, person(ANA, "a.lima"), employeeIdentifier="1"), "id": "made"}],
    ),
    "by a better way what was known before": (
        [created(-90, person(ANA, "a.lima"), employeeIdentifier="4711"),
         created(-40, person(CLEO, "cleo"), employeeIdentifier="4711")],
        [],
    ),
}  # fmt: skip
"""What was known at first, and what came to be known later: each in an organization of its own."""


def test_what_came_to_be_known_later_changes_no_answer_of_before(
    shared_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a merge of what the store has, and of people with very many events it is told alike."""
    trails = {name: Trail(shared_store, uuid4().hex[:24]) for name in LATER}

    def told(trail: Trail, who: str, known_at: datetime | None) -> Any:
        try:
            found = read_person(shared_store, trail.organization, who, when(-5), known_at)
        except (Unknown, Ambiguous) as refused:
            return str(refused)
        return found.person, found.identity

    def asked(known_at: datetime | None) -> dict[tuple[str, str], Any]:
        return {
            (name, who): told(trail, who, known_at)
            for name, trail in trails.items()
            for who in (ANA, BEN, "a.lima", ADDRESS)
        }

    def insert(records: list[Record]) -> None:
        Trail(shared_store, "of all").insert(*records)

    then = NOON - timedelta(minutes=30)
    insert([trails[name].log(raw, INGEST, then) for name, (early, _) in LATER.items() for raw in early])
    before = asked(None)
    insert([trails[name].log(raw, TENANT, NOON) for name, (early, late) in LATER.items() for raw in late or early])
    shared_store.command("OPTIMIZE TABLE identifiers FINAL")
    assert asked(then) == before
    monkeypatch.setattr(known, "MAX_EVENTS", 1)
    assert asked(then) == before
    changed = {name for (name, who), answer in before.items() if told(trails[name], who, None) != answer}
    assert changed >= {name for name, (_, late) in LATER.items() if late}


def test_a_name_that_nobody_was_known_by_yet_means_who_has_it_since(trail: Trail) -> None:
    trail.insert(trail.log(used(-30, person(ANA, "a.lima")), known_at=when(0)))
    trail.insert(renamed(-20, person(ANA, "a.lima"), "a.costa"))
    found = find_person(trail.store, trail.organization, "a.costa", known_at=when(5))
    assert (found.subject_id, found.names) == (ANA, ["a.lima"])
    assert found.note == f"nobody was known as a.costa 2026-03-19 11:05:00: by what is known since, it is {ANA}"
    by_id = find_person(trail.store, trail.organization, ANA, known_at=when(-9))
    assert (by_id.subject_id, by_id.names, by_id.subject_ids) == (ANA, [ANA], (ANA,))
    with pytest.raises(Unknown):
        find_person(trail.store, trail.organization, "a.silva", known_at=when(5))


def test_those_who_share_what_many_share_are_not_looked_at(trail: Trail) -> None:
    trail.insert(*[used(minute / 10, person(f"{minute:024}", f"n{minute}", ADDRESS)) for minute in range(MAX_IDS + 9)])
    found = read_person(trail.store, trail.organization, f"{0:024}")
    assert set(found.known.lives) == {f"{0:024}"}
    assert found.known.crowded == frozenset({("email", ADDRESS)})


def test_a_person_is_read_by_key(trail: Trail) -> None:
    """Whatever else there is: no more than the granules at which a part's rows of the person begin and end."""
    many = (
        "SELECT {organization:String} AS organization, leftPad(toString(intDiv(number, 50)), 24, '0') AS subject_id,"
        " toDateTime64('2026-03-19', 6, 'UTC') AS occurred_at, generateUUIDv4() AS event_id FROM numbers(50000)"
    )
    own = {"organization": trail.organization}
    columns = "organization, subject_id, occurred_at, event_id"
    trail.store.command(f"INSERT INTO events_by_subject ({columns}) {many}", own)
    looked_up = f"SELECT organization, concat('id:', subject_id), subject_id, occurred_at, event_id FROM ({many})"
    trail.store.command(f"INSERT INTO identifiers (organization, lookup, {columns[14:]}) {looked_up}", own)
    read = {**own, "subjects": [f"{7:024}"], "lookups": [f"id:{7:024}"], "limit": 9, "known": 0}
    for sql in (known.EVENTS, known.MARKS, known.IDENTIFIERS, known.FORCES):
        plan = "\n".join(row[0] for row in trail.store.query(f"EXPLAIN indexes = 1 {sql}", read))
        assert re.search(r"Keys:\s+organization\s+(subject_id|lookup)", plan)
        parts = int(re.findall(r"Parts: (\d+)/\d+", plan)[-1])
        chosen, whole = re.findall(r"Granules: (\d+)/(\d+)", plan)[-1]
        assert int(chosen) <= 2 * parts < int(whole)


def test_events_without_a_believable_time_tell_a_name_and_no_time(trail: Trail) -> None:
    trail.insert(event(timestamp="?", resource=person(ANA, "ana")))
    found = read_person(trail.store, trail.organization, "ana")
    assert found.known.lives[ANA].first_seen < NOON - timedelta(days=365 * 50)


def test_ids_and_names_of_any_text_are_values_and_never_sql(any_trail: Trail) -> None:
    events = []
    for place, text in enumerate(HOSTILE):
        number = [{"field": "employeeNumber", "to": f"x{text}"}]
        both = person(text, f"n{text}"), person(f"2{text}", f"b{place}")
        events += [used(minute, one, changes=number) for minute, one in enumerate(both)]
    any_trail.insert(*events)
    for text in HOSTILE:
        found = find_person(any_trail.store, any_trail.organization, f"n{text}")
        assert found.subject_ids == (text, f"2{text}")
