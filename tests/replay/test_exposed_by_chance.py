"""Who is exposed is told of few accounts, and is what the fold of everybody's copies in force tells: nobody is
overlooked, whatever happens in which order, most of which no directory would do, and whatever anybody sends under the
ids of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest

from queries.accounts.account import Account
from queries.accounts.bindings import (
    ACTIVATED,
    DEACTIVATED,
    GROUP_DELETED,
    Bindings,
    Memberships,
    is_direct,
    is_membership,
)
from queries.accounts.folding import in_force
from queries.accounts.step import COLUMNS
from queries.closings import report
from queries.exposures import SLA, Exposure, list_exposures, reason_of, since_of
from queries.histories import Told as Read
from queries.histories import read_told
from queries.integrations.replaced import replaced
from queries.integrations.uses import uses_of
from queries.lifecycle import Fold
from queries.people.resolving import Person
from queries.store import Store
from schemas.association import ASSOCIATION_CHANGE
from schemas.envelope import Source, Trust
from schemas.times import LATEST
from tests.queries.support import EXPORT, INGEST, SLACK, TENANT, Trail, at, attempt, failed, when
from tests.queries.test_histories import bound
from tests.records import Record, event

pytestmark = pytest.mark.store

APP: Final = str(SLACK["id"])
OTHER: Final = {"id": "5fad07f2b9f5414721b3d7bb", "name": "other"}
VENDOR_WAYS: Final = (TENANT, EXPORT)
OPEN_WAYS: Final = (Source("webhook:anybody", Trust.WEBHOOK), INGEST)
SURROUNDING: Final = (ASSOCIATION_CHANGE, ACTIVATED, DEACTIVATED, GROUP_DELETED)
PEOPLE: Final = [f"p{number}" for number in range(60)]
GROUPS: Final = ("sales", "staff")
EVENTS: Final = 450
WAITS: Final = (0.01, 0.2, 0.4, 2.0, 30.0, 61.0, 200.0, 400.0)
"""Minutes from one event to the next."""
FIRST: Final = -90_000.0


class One(NamedTuple):
    """What an event is made of."""

    minute: float
    who: dict[str, Any]
    group: str
    code: str
    """Of a refusal; `?`: no clear answer; empty: accepted."""

    @property
    def person(self) -> str:
        return str(self.who["id"])


def tried(event_type: str, **fields: Any) -> Callable[[One], dict[str, Any]]:
    def made(one: One) -> dict[str, Any]:
        about = {"resource": one.who, "application": SLACK, **fields}
        if one.code == "?":
            return attempt(one.minute, event_type, message_chain={"response_code": "503"}, **about)
        if one.code:
            return failed(one.minute, event_type, code=one.code, **about)
        return attempt(one.minute, event_type, **about)

    return made


def became(state: bool) -> Callable[[One], dict[str, Any]]:
    return tried("user_update_provision", changes=[{"field": "active", "from": not state, "to": state}])


def directory(event_type: str, **fields: Any) -> Callable[[One], dict[str, Any]]:
    return lambda one: event(event_type, timestamp=at(one.minute), resource=one.who, application=None, **fields)


def moved(before: str, after: str) -> Callable[[One], dict[str, Any]]:
    return directory("user_update", changes=[{"field": "state", "from": before, "to": after}])


def personally(op: str) -> Callable[[One], dict[str, Any]]:
    def made(one: One) -> dict[str, Any]:
        ends = {
            "from": {"type": "USER", "object_id": one.person, "name": one.person},
            "to": {"type": "APPLICATION", "object_id": APP, "name": "slack"},
        }
        association = {"op": op, "connection": ends}
        return event(
            "association_change",
            timestamp=at(one.minute),
            resource=None,
            application=None,
            association=association,
        )

    return made


def group_deleted(one: One) -> dict[str, Any]:
    group = {"id": one.group, "type": "user_group", "name": one.group}
    return event("group_delete", timestamp=at(one.minute), resource=group, application=None)


def integration(event_type: str, **fields: Any) -> Callable[[One], dict[str, Any]]:
    return lambda one: event(event_type, timestamp=at(one.minute), resource=None, application=SLACK, **fields)


def signed_in(one: One) -> dict[str, Any]:
    return event("sso_auth", timestamp=at(one.minute), resource=None, application=SLACK, initiated_by=one.who)


HAPPENS: Final[list[tuple[float, Callable[[One], dict[str, Any]]]]] = [
    (12, tried("user_create_provision")),
    (10, tried("user_update_provision")),
    (3, tried("user_deprovision")),
    (2, tried("user_delete_provision")),
    (1, tried("user_lookup_provision")),
    (1, became(True)),
    (1, became(False)),
    (12, moved("ACTIVATED", "SUSPENDED")),
    (8, moved("SUSPENDED", "ACTIVATED")),
    (2, directory("user_delete")),
    (1, directory("user_create")),
    (12, lambda one: bound(one.minute, "add", one.group, user=one.person)),
    (12, lambda one: bound(one.minute, "remove", one.group, user=one.person)),
    (2, lambda one: bound(one.minute, "add", one.group, application=APP)),
    (1.5, lambda one: bound(one.minute, "remove", one.group, application=APP)),
    (1, personally("add")),
    (1, personally("remove")),
    (0.2, integration("idm_integration_activate")),
    (0.3, integration("idm_integration_activate", idm_client_id="one")),
    (0.2, integration("idm_integration_activate", idm_client_id="two")),
    (0.2, integration("idm_integration_delete")),
    (0.3, integration("idm_integration_delete", idm_client_id="one")),
    (0.2, integration("idm_integration_reauth", idm_client_id="one")),
    (0.2, group_deleted),
    (4, signed_in),
]


def otherwise(dice: random.Random, raw: dict[str, Any], raws: list[dict[str, Any]]) -> dict[str, Any]:
    """A copy that says something else: in part, without the application, or what another event says."""
    other = dice.choice(raws)
    alike = ("association" in raw) is ("association" in other)
    parts = dice.sample(("timestamp", "success", "resource", *(["event_type"] if alike else [])), dice.randrange(4))
    part = {name: other[name] for name in parts if name in other}
    return dice.choice(
        (
            {**raw, "application": OTHER, **part},
            {name: value for name, value in {**raw, **part}.items() if name != "application"},
            {**other, "id": raw["id"]},
            {**other, "id": raw["id"], "timestamp": raw["timestamp"]},
        )
    )


def copies(dice: random.Random, trail: Trail, raws: list[dict[str, Any]]) -> Iterator[Record]:
    """The events, of which many came by a way of the vendor and otherwise by one that is open to many, some only by
    the latter."""
    for raw in raws:
        if dice.random() < 0.03:
            yield trail.log(raw, dice.choice(OPEN_WAYS))
            continue
        said = [raw, otherwise(dice, raw, raws)] if dice.random() < 0.3 else [raw]
        dice.shuffle(said)
        for each, ways in zip(said, (VENDOR_WAYS, OPEN_WAYS), strict=False):
            yield trail.log(each, dice.choice(ways))


def by_chance(dice: random.Random) -> Iterator[tuple[float, dict[str, Any]]]:
    minute = FIRST
    weights, makers = zip(*HAPPENS, strict=True)
    for _ in range(EVENTS):
        minute += dice.choice(WAITS)
        person = dice.choice(PEOPLE)
        who = {"id": person, "type": "user", "username": person}
        code = dice.choice(("401", "404", "500", "?")) if dice.random() < 0.4 else ""
        (made,) = dice.choices(makers, weights)
        yield minute, made(One(minute, who, dice.choice(GROUPS), code))


Told = tuple[str, str, datetime | None, str, str, int]


def listed(exposure: Exposure) -> Told:
    return told(exposure.subject_id, exposure.account, exposure.reason, exposure.since)


def told(subject: str, account: Account, reason: str, since: datetime | None) -> Told:
    return subject, reason, since, account.intended, account.confirmed, account.closing_tries


def folded(people: Iterable[Read], now: datetime) -> Iterator[Told]:
    for one in people:
        folding = Fold(one.bindings, one.memberships)
        for row in one.events:
            folding.add(row)
        for account in folding.accounts():
            reason = reason_of(account, now, SLA)
            if reason:
                yield told(one.subject_id, account, reason, since_of(account, reason))


def read_plainly(trail: Trail, until: datetime) -> Iterator[Read]:
    """Everybody's copies in force, by the table of all copies alone."""
    sql = (
        f"SELECT subject_id, integration_id, version, fingerprint, {', '.join(COLUMNS)} FROM events"
        " WHERE organization = {own:String}"
    )
    rows = [
        row for row in in_force(trail.store.query_dicts(sql, {"own": trail.organization})) if row["occurred_at"] < until
    ]
    around = (row for row in rows if row["event_type"] in SURROUNDING and not (is_membership(row) or is_direct(row)))
    gone = replaced(rows)
    bindings = Bindings([*(row for row in around if row["event_id"] not in gone), *uses_of(rows)])
    for person in PEOPLE:
        own = [row for row in rows if row["subject_id"] == person]
        yield Read(person, bindings, Memberships(own), own)


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 60))])
def test_nobody_is_overlooked_now_or_at_a_time_whatever_happened(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    trail = Trail(store, uuid4().hex[:24])
    happened = list(by_chance(dice))
    records = list(copies(dice, trail, [raw for _, raw in happened]))
    dice.shuffle(records)
    trail.insert(*records)
    last = happened[-1][0]
    now = when(last) + timedelta(days=3)
    exposed: set[Told] = set()
    for past in (None, *(when(dice.uniform(FIRST + (last - FIRST) * 0.3, last)) for _ in range(3))):
        until = LATEST if past is None else past + timedelta(microseconds=1)
        expected = set(folded(read_plainly(trail, until), past or now))
        found = list_exposures(trail.store, trail.organization, now, past).everything()
        assert {listed(each) for each in found} == expected, past
        exposed |= expected
        if past is None:
            still_open = {(each.subject_id, each.account.closing_since) for each in found if each.account.exposed}
    assert exposed
    people = [Person(trail.organization, each, [each]) for each in PEOPLE]
    assert set(folded(read_told(trail.store, people, LATEST), now)) == set(folded(read_plainly(trail, LATEST), now))
    told = report(trail.store, trail.organization, when(FIRST), now, timedelta(0), now).exceptions
    never_ended = [each for each in told if each.closed_at is None and each.absent_at is None]
    assert {(each.subject_id, each.since) for each in never_ended} == still_open
