"""Who is exposed is told of few accounts, and is what the fold of everybody's events tells: nobody is overlooked,
whatever happens in which order, most of which no directory would do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest

from queries.account import Account
from queries.exposures import SLA, Exposure, list_exposures, reason_of, since_of
from queries.histories import read_told
from queries.lifecycle import Fold
from queries.people import Person
from queries.store import Store
from schemas.times import LATEST
from tests.queries.support import SLACK, Trail, at, attempt, failed, when
from tests.queries.test_histories import bound
from tests.records import event

pytestmark = pytest.mark.store

APP: Final = str(SLACK["id"])
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
    """Of a refusal; empty: accepted."""

    @property
    def person(self) -> str:
        return str(self.who["id"])


def tried(event_type: str, **fields: Any) -> Callable[[One], dict[str, Any]]:
    def made(one: One) -> dict[str, Any]:
        about = {"resource": one.who, "application": SLACK, **fields}
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


def integration(event_type: str) -> Callable[[One], dict[str, Any]]:
    return lambda one: event(event_type, timestamp=at(one.minute), resource=None, application=SLACK)


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
    (0.7, integration("idm_integration_activate")),
    (0.3, integration("idm_integration_delete")),
    (0.2, group_deleted),
]


def by_chance(dice: random.Random) -> Iterator[tuple[float, dict[str, Any]]]:
    minute = FIRST
    weights, makers = zip(*HAPPENS, strict=True)
    for _ in range(EVENTS):
        minute += dice.choice(WAITS)
        person = dice.choice(PEOPLE)
        who = {"id": person, "type": "user", "username": person}
        code = dice.choice(("401", "404", "500")) if dice.random() < 0.4 else ""
        (made,) = dice.choices(makers, weights)
        yield minute, made(One(minute, who, dice.choice(GROUPS), code))


Told = tuple[str, str, datetime | None, str, str, int]


def listed(exposure: Exposure) -> Told:
    return told(exposure.subject_id, exposure.account, exposure.reason, exposure.since)


def told(subject: str, account: Account, reason: str, since: datetime | None) -> Told:
    return subject, reason, since, account.intended, account.confirmed, account.closing_tries


def folded(trail: Trail, now: datetime, until: datetime) -> Iterator[Told]:
    """Of everybody's events, all of them."""
    for one in read_told(trail.store, [Person(trail.organization, each, [each]) for each in PEOPLE], until):
        folding = Fold(one.bindings, one.memberships)
        for row in one.events:
            folding.add(row)
        for account in folding.accounts():
            reason = reason_of(account, now, SLA)
            if reason:
                yield told(one.subject_id, account, reason, since_of(account, reason))


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 60))])
def test_nobody_is_overlooked_now_or_at_a_time_whatever_happened(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    trail = Trail(store, uuid4().hex[:24])
    happened = list(by_chance(dice))
    rows = [row for _, row in happened]
    dice.shuffle(rows)
    trail.insert(*rows)
    last = happened[-1][0]
    now = when(last) + timedelta(days=3)
    exposed: set[Told] = set()
    for past in (None, *(when(dice.uniform(FIRST + (last - FIRST) * 0.3, last)) for _ in range(3))):
        until = LATEST if past is None else past + timedelta(microseconds=1)
        expected = set(folded(trail, past or now, until))
        found = list_exposures(trail.store, trail.organization, now, past).everything()
        assert {listed(each) for each in found} == expected, past
        exposed |= expected
    assert exposed
