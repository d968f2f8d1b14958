"""Exposures and states out of a store, beside what the simulator knows to be true: none missed, none invented."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from producers.simulation import Organisation, Truth
from queries.accounts.account import ABSENT, ACTIVE, UNKNOWN
from queries.closings import report
from queries.exposures import SLA, Exposure, list_exposures
from queries.people.resolving import Person
from queries.state import Asked, read_state
from queries.store import Store
from tests.queries.support import Trail
from tests.replay import exposed
from tests.replay.filling import filled_store
from tests.replay.played import Key, troubled
from tests.replay.stood import true_state

pytestmark = pytest.mark.store


@dataclass
class Filled:
    """An organisation in a store."""

    trail: Trail
    truth: Truth
    first: datetime
    last: datetime
    instants: int
    """At how many it is compared."""

    def exposures(self, at: datetime | None = None) -> dict[Key, exposed.Exposed]:
        """Everybody who is exposed, of whatever reason; the people's names are looked at here."""
        found = list_exposures(self.trail.store, self.trail.organization, self.last + timedelta(days=9), at)
        everything = found.everything()
        assert len({key_of(each) for each in everything}) == len(everything), "each is told once"
        for each in everything:
            assert each.person == self.truth.accounts[key_of(each)].subject_name
        return {key_of(each): told(each) for each in everything}


def key_of(exposure: Exposure) -> Key:
    return exposure.account.application_id, exposure.subject_id


def told(exposure: Exposure) -> exposed.Exposed:
    assert exposure.since is not None
    tries, cause = exposure.account.closing_tries, exposure.account.last_cause
    return exposed.Exposed(exposure.reason, exposure.since, tries, cause if tries else "", exposure.used_since)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((1, 24, 27.0, True, 10), id="with the story"),
        pytest.param((2, 60, 30.0, True, 60), id="with more people", marks=pytest.mark.soak),
        pytest.param((3, 60, 20.0, False, 60), id="by chance", marks=pytest.mark.soak),
    ],
)
def filled(migrated: Store, request: pytest.FixtureRequest) -> Iterator[Filled]:
    seed, people, days, story, instants = request.param
    simulated = Organisation(seed, people, 6, days, oddities=0.0) if story else troubled(seed, people, days)
    with filled_store(migrated, [event.raw for event in simulated], seed) as (trail, first, last):
        yield Filled(trail, simulated.truth, first, last, instants)


def test_who_is_exposed_now_is_the_truth_to_the_second_with_the_reason_the_tries_and_the_first_use(
    filled: Filled,
) -> None:
    expected = exposed.exposed(filled.truth, filled.last + timedelta(days=9), SLA)
    assert filled.exposures() == expected
    assert expected


def test_who_was_exposed_at_a_time_is_the_truth_just_before_and_at_its_changes_and_between(filled: Filled) -> None:
    dice = random.Random(3)
    length = filled.last - filled.first
    truth = filled.truth
    edges = sorted(
        edge
        for key, account in exposed.people(truth).items()
        for edge in exposed.edges(truth, key, SLA)
        if edge < filled.last and exposed.exposure_of(truth, key, account, exposed.micros(edge), SLA)
    )
    some = [filled.first + length * dice.random() for _ in range(filled.instants // 2)]
    some += [edge - exposed.MICROSECOND * dice.randrange(2) for edge in dice.sample(edges, filled.instants // 2)]
    reasons: set[str] = set()
    for at in some:
        expected = exposed.exposed(truth, at, SLA)
        assert filled.exposures(at) == expected, at
        reasons |= {each.reason for each in expected.values()}
    assert reasons


def test_the_report_tells_of_every_closing_from_when_to_when_it_took(filled: Filled) -> None:
    now = filled.last + timedelta(days=9)
    found = report(filled.trail.store, filled.trail.organization, filled.first, now, timedelta(0), now)
    expected = {
        (*key, span) for key, account in exposed.people(filled.truth).items() for span in exposed.spans(account)
    }
    listed = [
        (each.application_id, each.subject_id, exposed.Span(each.since, each.closed_at, each.absent_at))
        for each in found.exceptions
    ]
    assert len(listed) == len(set(listed)) == sum(each.closings for each in found.applications)
    assert set(listed) == expected
    assert {None} < {span.closed_at for *_, span in expected}


def test_where_people_stood_at_a_time_is_the_truth_but_for_whom_a_rollout_had_not_reached(filled: Filled) -> None:
    dice = random.Random(5)
    length = filled.last - filled.first
    subjects = sorted({subject for _, subject in exposed.people(filled.truth)})
    compared = 0
    for _ in range(filled.instants):
        at = filled.first + length * dice.random()
        for subject in dice.sample(subjects, 4):
            person = Person(filled.trail.organization, subject, [])
            found = read_state(filled.trail.store, person, Asked(at, None)).accounts
            states = {(each.application_id, each.subject_id): (each.intended, each.confirmed) for each in found}
            for key in [key for key in filled.truth.accounts if key[1] == subject]:
                meant, confirmed = states.pop(key, (ABSENT, ABSENT))
                assert confirmed == true_state(filled.truth, key, "confirmed", at)
                expected = true_state(filled.truth, key, "intended", at)
                assert meant == expected or (meant in (ABSENT, UNKNOWN) and expected == ACTIVE)
                compared += meant == expected
            assert all(state == (ABSENT, ABSENT) for state in states.values())
    assert compared > 15 * filled.instants
