"""Whatever the order in which events arrive, however late and often: the state at T is told by the set of those that
occurred by T, and as known at K by those of them that were known by K."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from queries.accounts.account import Account
from queries.accounts.bindings import Bindings
from queries.accounts.folding import Row
from queries.integrations.uses import uses_of
from queries.lifecycle import fold
from queries.people.resolving import Person
from queries.state import Asked, read_state
from queries.store import Store
from schemas.envelope import Source
from schemas.events import parse
from schemas.facts import facts
from tests.fixtures_store import copied
from tests.queries.support import EXPORT, INGEST, SLACK, TENANT, Trail, at, attempt, failed, id_of, when
from tests.records import STATSIG, Record, event
from tests.replay.played import SURROUNDING

pytestmark = pytest.mark.store

INES = {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.almeida"}
STEP = 7
"""Minutes between two events."""


class Arrival(NamedTuple):
    """How an event came."""

    late: int
    """Minutes after it occurred."""
    again: list[tuple[int, Source]]
    """So many minutes later the same once more, by some way."""
    source: Source


apps = st.sampled_from([STATSIG, SLACK])
groups = st.sampled_from(["sales", "staff"])
acts = st.one_of(
    st.tuples(
        st.just("attempt"),
        st.sampled_from(
            ["user_create_provision", "user_update_provision", "user_deprovision", "user_delete_provision"]
        ),
        st.sampled_from(["", "401", "404"]),
        apps,
    ),
    st.tuples(st.just("person"), st.sampled_from(["SUSPENDED", "ACTIVATED"])),
    st.tuples(st.just("member"), st.sampled_from(["add", "remove"]), groups),
    st.tuples(st.just("bound"), st.sampled_from(["add", "remove"]), groups, apps),
    st.tuples(st.just("integration"), st.sampled_from(["idm_integration_activate", "idm_integration_delete"]), apps),
)
ways = st.sampled_from([EXPORT, INGEST, TENANT])
arrivals = st.builds(
    Arrival,
    st.sampled_from([0, 0, 1, 30, 300]),
    st.lists(st.tuples(st.integers(0, 400), ways), max_size=2),
    ways,
)
stories = st.lists(st.tuples(acts, arrivals), min_size=3, max_size=16)


def raw_of(act: tuple[Any, ...], minutes: float) -> dict[str, Any]:
    kind, what, *rest = act
    if kind == "attempt":
        code, app = rest
        told = {"resource": INES, "application": app}
        return failed(minutes, what, code, **told) if code else attempt(minutes, what, **told)
    if kind == "integration":
        return event(what, timestamp=at(minutes), resource=None, application=rest[0])
    if kind == "person":
        changes = [{"field": "state", "from": "", "to": what}]
        return event("user_update", timestamp=at(minutes), resource=INES, application=None, changes=changes)
    ends = {"from": {"type": "USER_GROUP", "object_id": rest[0], "name": rest[0]}}
    if kind == "member":
        ends["to"] = {"type": "USER", "object_id": str(INES["id"]), "name": str(INES["username"])}
    else:
        ends["to"] = {"type": "APPLICATION", "object_id": str(rest[1]["id"]), "name": str(rest[1]["name"])}
    association = {"op": what, "connection": ends}
    return event("association_change", timestamp=at(minutes), resource=None, application=None, association=association)


def row_of(record: Record, minutes: float) -> Row:
    assert record.value is not None
    told = facts(parse(record.value))._asdict()
    own = {"event_id": UUID(id_of(record)), "occurred_at": when(minutes), "time_quality": "ok"}
    return {**told, **own, "version": 1, "fingerprint": b""}


@pytest.fixture(scope="module")
def store(migrated: Store) -> Iterator[Store]:
    with copied(migrated) as copy:
        yield copy


def expected(rows: list[Row]) -> list[Account]:
    own = [row for row in rows if row["subject_id"] == INES["id"]]
    around = (row for row in rows if row["event_type"] in SURROUNDING and row["subject_id"] != INES["id"])
    found = fold(own, Bindings([*around, *uses_of(rows)])).accounts
    for account in found:
        account.subject_id = str(INES["id"])
    return found


def compare(store: Store, story: list[tuple[tuple[Any, ...], Arrival]], dice: random.Random) -> None:
    """The story in a store, in chance's order and blocks, asked at times of both kinds."""
    trail = Trail(store, uuid4().hex[:24])
    rows: list[Row] = []
    known: dict[UUID, datetime] = {}
    records: list[Record] = []
    for place, (act, arrival) in enumerate(story):
        minutes = place * STEP
        raw = raw_of(act, minutes)
        first = when(minutes + arrival.late)
        record = trail.log(raw, arrival.source, first)
        records.append(record)
        records += [trail.log(raw, way, first + timedelta(minutes=more)) for more, way in arrival.again]
        rows.append(row_of(record, minutes))
        known[rows[-1]["event_id"]] = first
    dice.shuffle(records)
    while records:
        size = dice.randrange(1, len(records) + 1)
        trail.insert(*records[:size])
        del records[:size]
    person = Person(trail.organization, str(INES["id"]), [])
    end = len(story) * STEP
    for minutes in dice.sample(range(end), 3):
        occurred = [row for row in rows if row["occurred_at"] <= when(minutes)]
        for known_at in (None, when(minutes), when(dice.randrange(end + 400))):
            told = read_state(store, person, Asked(when(minutes), known_at))
            seen = [row for row in occurred if known_at is None or known[row["event_id"]] <= known_at]
            assert told.accounts == expected(seen), (minutes, known_at)
            own = [row for row in seen if row["subject_id"] == INES["id"]]
            late = [row for row in occurred if row not in seen and row["subject_id"] == INES["id"]]
            assert (told.events, told.later) == (len(own), len(late))


@settings(max_examples=5, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(stories, st.integers(0, 1 << 30))
def test_a_state_is_told_by_what_had_occurred_and_was_known(
    store: Store, story: list[tuple[tuple[Any, ...], Arrival]], seed: int
) -> None:
    compare(store, story, random.Random(seed))


@pytest.mark.soak
@pytest.mark.timeout(600)
@settings(max_examples=150, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(stories, st.integers(0, 1 << 30))
def test_many_states_are_told_by_what_had_occurred_and_was_known(
    store: Store, story: list[tuple[tuple[Any, ...], Arrival]], seed: int
) -> None:
    compare(store, story, random.Random(seed))
