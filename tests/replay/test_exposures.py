"""Exposures out of a store, beside what the simulator knows to be true."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import orjson
import pytest

from producers.simulation import Organisation, Truth
from producers.simulation.truth import AccountTruth, instant
from queries.closings import report
from queries.exposures import SLA, Exposures, list_exposures
from queries.migrate import Deployment, migrate
from queries.store import Store
from tests.queries.support import Trail

pytestmark = pytest.mark.store

CLOSED = ("inactive", "deleted")
ACTIVE = "active"
Told = dict[tuple[str, str], tuple[datetime, int]]


@dataclass
class Filled:
    """An organisation in a store."""

    trail: Trail
    truth: Truth
    first: datetime
    last: datetime

    def exposures(self, at: datetime | None = None) -> Exposures:
        return list_exposures(self.trail.store, self.trail.organization, self.last + timedelta(days=9), at)


@pytest.fixture(
    scope="module",
    params=[(1, 25, 27.0, True), pytest.param((2, 200, 30.0, False), marks=pytest.mark.soak)],
    ids=["with the story", "by chance"],
)
def filled(engine: Path, request: pytest.FixtureRequest) -> Iterator[Filled]:
    seed, people, days, story = request.param
    simulated = Organisation(seed, people, 6, days, story=story, oddities=0.0)
    raws = [orjson.loads(event.raw) for event in simulated]
    store = Store.open(f"chdb://{engine}", database=f"t{uuid4().hex[:12]}")
    migrate(store, Deployment("embedded", synced=False))
    trail = Trail(store, uuid4().hex[:24])
    random.Random(seed).shuffle(raws)
    known = datetime.fromisoformat(max(raw["timestamp"] for raw in raws))
    records = [trail.log(raw, known_at=known) for raw in raws]
    for start in range(0, len(records), 2000):
        trail.insert(*records[start : start + 2000])
    trail.insert(*records[:500])
    yield Filled(trail, simulated.truth, datetime.fromisoformat(min(raw["timestamp"] for raw in raws)), known)
    store.command(f"DROP DATABASE `{store.database}` SYNC")
    store.close()


def truly(truth: Truth, at: datetime) -> dict[tuple[str, str], datetime]:
    """Accounts meant to be closed and confirmed active at that time, whose integration is there: since when."""
    micros = (at - instant(0)) // timedelta(microseconds=1)
    gone = {}
    for application, changed_at, active in truth.integrations:
        if changed_at <= micros:
            gone[application] = not active
    found = {}
    for (application, subject), account in truth.accounts.items():
        meant = account.subject_type == "user" and account.state("intended", micros) in CLOSED
        if meant and account.state("confirmed", micros) == ACTIVE and not gone.get(application):
            found[application, subject] = instant(since(account, micros))
    return found


def since(account: AccountTruth, micros: int) -> int:
    begun = 0
    for change in account.intended:
        if change.at <= micros:
            begun = 0 if change.state not in CLOSED else begun or change.at
    return begun


def test_exposures_now_are_those_of_the_truth_to_the_second(filled: Filled) -> None:
    found = filled.exposures()
    told = {
        (each.account.application_id, each.subject_id): each for each in found.open if each.account.confirmed == ACTIVE
    }
    expected = truly(filled.truth, filled.last + timedelta(days=9))
    assert {key: each.since for key, each in told.items()} == expected
    assert expected
    for key, each in told.items():
        account = filled.truth.accounts[key]
        assert each.account.closing_tries == account.closing_tries
        assert each.reason == ("failing" if account.closing_tries else "never_attempted")
        assert each.account.last_cause == account.last_cause or not account.closing_tries
        assert each.used_since == (None if account.used_at is None else instant(account.used_at))


def test_exposures_at_any_past_time_are_those_of_the_truth(filled: Filled) -> None:
    dice = random.Random(3)
    length = filled.last - filled.first
    some = 0
    for _ in range(12):
        at = filled.first + length * dice.random()
        told = {
            (each.account.application_id, each.subject_id): each.since
            for each in filled.exposures(at).open
            if each.account.confirmed == ACTIVE
        }
        expected = truly(filled.truth, at)
        late = {key: begun for key, begun in expected.items() if key in told or begun + SLA < at}
        assert told == late
        some += len(told)
    assert some


def test_what_is_left_behind_or_said_to_be_absent_stands_apart(filled: Filled) -> None:
    found = filled.exposures()
    open_ones = {(each.account.application_id, each.subject_id) for each in found.open}
    apart = {(each.account.application_id, each.subject_id) for each in [*found.left_behind, *found.reported_absent]}
    assert not open_ones & apart
    micros = 1 << 60
    absent = {
        key
        for key, account in filled.truth.accounts.items()
        if account.subject_type == "user"
        and account.state("intended", micros) in CLOSED
        and account.confirmed
        and account.confirmed[-1].state == "absent"
    }
    assert {(each.account.application_id, each.subject_id) for each in found.reported_absent} == absent


def test_the_report_tells_how_long_every_closing_took(filled: Filled) -> None:
    now = filled.last + timedelta(days=9)
    found = report(filled.trail.store, filled.trail.organization, filled.first, now, SLA, now)
    expected: dict[str, list[timedelta]] = {}
    for (application, subject), account in filled.truth.accounts.items():
        if account.subject_type == "user" and (application, subject) not in activation_tests(filled):
            for begun, ended in closings(account):
                expected.setdefault(application, []).append((instant(ended) if ended else now) - instant(begun))
    assert {each.application_id: each.closings for each in found.applications} == {
        application: len(taken) for application, taken in expected.items()
    }
    late = [taken for own in expected.values() for taken in own if taken > SLA]
    assert sorted(each.took(now) for each in found.exceptions) == sorted(late)


def activation_tests(filled: Filled) -> set[tuple[str, str]]:
    """Accounts of the tests of activations: no event of the directory decides what they are meant to be."""
    return {
        key
        for key, account in filled.truth.accounts.items()
        if account.intended and all(change.event_id is None for change in account.intended)
    }


def closings(account: AccountTruth) -> Iterator[tuple[int, int | None]]:
    """When it came to be meant closed while it was confirmed, and when that was confirmed or answered with 404."""
    changes = sorted(
        [(change.at, 0, change.state) for change in account.intended]
        + [(change.at, 1, change.state) for change in account.confirmed]
    )
    confirmed, begun = "absent", 0
    for at, view, state in changes:
        if view:
            confirmed = state
            if begun and state in (*CLOSED, "absent"):
                yield begun, at
                begun = 0
        elif state not in CLOSED:
            begun = 0
        elif not begun and confirmed == ACTIVE:
            begun = at
    if begun:
        yield begun, None
