"""What the log tells of every account and every step, beside what the simulator knows to be true."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from uuid import UUID

import pytest

from producers.simulation.model import ABSENT
from producers.simulation.truth import instant
from queries.accounts.account import ACTIVE, DELETED, INACTIVE, UNKNOWN, Account
from queries.accounts.because import ROLLOUT
from queries.accounts.bindings import is_membership
from schemas.times import LATEST
from tests.replay.played import Key, Played, play, play_out, state_at, troubled
from tests.replay.stood import true_changes, true_state

KINDS = {
    "act": {"directory", "membership", "binding", "integration", "test"},
    "retry": {"retry"},
    "instead": {"superseded"},
}

ORGANISATIONS = [
    pytest.param((1, 30, 30.0, True, 0.0), id="with the story"),
    pytest.param((2, 30, 10.0, False, 0.05), id="by chance, and odd envelopes"),
    pytest.param((5, 24, 12.0, False, 0.0), id="with much trouble"),
    *[
        pytest.param((seed, 200, 30.0, story, 0.01), id=f"seed {seed} {name}", marks=pytest.mark.soak)
        for seed in (1, 2, 3)
        for story, name in ((True, "with the story"), (False, "by chance"))
    ],
]  # fmt: skip

# Of module scope, so that all tests of one organisation run together: it is played, and its accounts folded, once.
organisations = pytest.mark.parametrize("organisation", ORGANISATIONS, scope="module")
Organisation = tuple[int, int, float, bool, float]


@lru_cache(1)
def played(organisation: Organisation) -> tuple[Played, dict[Key, Account]]:
    seed, people, days, story, oddities = organisation
    if story or oddities:
        found = play(seed, people=people, days=days, story=story, oddities=oddities)
    else:
        found = play_out(troubled(seed, people, days))
    return found, found.accounts()


def told(accounts: dict[Key, Account], key: Key, view: str, at: datetime) -> str:
    return state_at(accounts[key], view, at) if key in accounts else ABSENT


@organisations
def test_every_account_stands_as_it_did_at_a_thousand_random_instants(organisation: Organisation) -> None:
    """Every history is folded once, and the fold is asked at all instants."""
    found, accounts = played(organisation)
    first, last = found.rows[0]["occurred_at"], found.rows[-1]["occurred_at"]
    dice = random.Random(7)
    instants = sorted(first + (last - first) * dice.random() for _ in range(1000))
    keys = sorted({*found.truth.accounts, *accounts})
    assert len(keys) > 100
    seen: Counter[str] = Counter()
    for key in keys:
        own = accounts.get(key, Account(*key))
        for view in ("intended", "confirmed"):
            changes = [(change.at, change.state) for change in own.changes if change.view == view]
            states = course(own.initial, changes, instants)
            expected = course(ABSENT, true_changes(found.truth, key, view), instants)
            wrong = [each for each in zip(instants, states, expected, strict=True) if each[1] != each[2]]
            assert not wrong, (key, view, wrong[0])
            seen.update(states)
    assert seen.keys() >= {ABSENT, ACTIVE, INACTIVE, DELETED}


def course(initial: str, changes: list[tuple[datetime, str]], instants: list[datetime]) -> list[str]:
    """The state at each of the instants, which are in order."""
    states: list[str] = []
    for (_, state), (until, _) in pairwise([(instants[0], initial), *changes, (LATEST, "")]):
        states += [state] * (bisect_left(instants, until) - len(states))
    return states


@organisations
def test_every_change_is_told_at_its_instant_or_for_a_moment_unknown(organisation: Organisation) -> None:
    """Only which of several bindings of one minute somebody's access comes from may be open."""
    found, accounts = played(organisation)
    doubtful = 0
    for key, view, at in edges(found, accounts):
        state = told(accounts, key, view, at)
        if state == UNKNOWN and view == "intended":
            doubtful += 1
            because = accounts[key].intended_because
            changes = [change for change in accounts[key].changes if change.state == UNKNOWN and change.view == view]
            assert because is not None
            assert all(change.because.kind == "binding" and change.because.event_id is None for change in changes)
            assert told(accounts, key, view, at + timedelta(seconds=10)) == ACTIVE
        else:
            assert state == true_state(found.truth, key, view, at), (key, view, at)
    assert doubtful < len(accounts)


def edges(found: Played, accounts: dict[Key, Account]) -> Iterator[tuple[Key, str, datetime]]:
    for key in {*found.truth.accounts, *accounts}:
        truth = found.truth.accounts.get(key)
        own = accounts.get(key)
        for view in ("intended", "confirmed"):
            times = {instant(change.at) for change in getattr(truth, view, ())}
            times |= {change.at for change in (own.changes if own else ()) if change.view == view}
            for at in times:
                yield key, view, at
                yield key, view, at - timedelta(microseconds=1)


class Causes:
    """The true causes of somebody's changes beside those that are told, counted: found, unknown, or not allowed by the
    events: nothing that is logged, or one of several groups' bindings where nothing tells in which the person is."""

    def __init__(self, found: Played) -> None:
        self.counted: Counter[str] = Counter()
        self._ids = found.ids
        self._rows = {found.ids[row["event_id"]]: row for row in found.rows}
        self._inside = {(row["subject_id"], row["group_id"]) for row in found.rows if is_membership(row)}
        self._bound: defaultdict[str, set[str]] = defaultdict(set)
        for row in found.rows:
            if row["group_id"] and row["application_id"]:
                self._bound[row["application_id"]].add(row["group_id"])

    def compare(self, subject: str, told_by: UUID | None, truly: str | None) -> None:
        assert told_by is None or self._ids[told_by] == truly, (subject, told_by, truly)
        if not self._allowed(subject, truly):
            self.counted["not allowed"] += 1
        else:
            self.counted["unknown" if told_by is None else "found"] += 1

    def found(self, share: float) -> bool:
        """Whether at least that share of those that the events allow, or all but one."""
        found, unknown = self.counted["found"], self.counted["unknown"]
        return found > 0 and unknown <= max(1, (1 - share) * (found + unknown))

    def _allowed(self, subject: str, event_id: str | None) -> bool:
        if event_id is None:
            return False
        row = self._rows[event_id]
        group = row["group_id"] if row["application_id"] else ""
        several = len(self._bound[row["application_id"]]) > 1
        return not (group and several and subject != group and (subject, group) not in self._inside)


@organisations
def test_no_cause_of_an_attempt_is_wrong_and_nearly_every_one_is_found(organisation: Organisation) -> None:
    found, _ = played(organisation)
    causes = Causes(found)
    for subject, lifecycle in found.lifecycles().items():
        for step in lifecycle.steps:
            truth = found.truth.set_off.get(found.ids[step.event_id])
            if truth is None or step.kind == "other":
                continue  # no attempt; an odd envelope without a type
            assert step.because is not None
            assert step.because.event_id is None or step.because.kind in KINDS[truth.kind]
            causes.compare(subject, step.because.event_id, truth.event_id)
    assert causes.found(0.98), causes.counted


@organisations
def test_no_cause_of_what_is_meant_is_wrong_and_nearly_every_one_is_found(organisation: Organisation) -> None:
    """Of every change of what an account is meant to be, and so of every exposure."""
    found, accounts = played(organisation)
    causes = Causes(found)
    for key, truth in found.truth.accounts.items():
        if key not in accounts or accounts[key].test:
            continue
        told_at = {
            (change.at, change.state): change.because.event_id
            for change in accounts[key].changes
            if change.view == "intended"
        }
        for change in truth.intended:
            causes.compare(key[1], told_at.get((instant(change.at), change.state)), change.event_id)
    assert causes.found(0.95), causes.counted


@organisations
def test_no_end_of_a_run_of_failures_is_wrong_and_nearly_every_one_is_found(organisation: Organisation) -> None:
    found, _ = played(organisation)
    causes = Causes(found)
    for subject, lifecycle in found.lifecycles().items():
        for step in lifecycle.steps:
            if found.ids[step.event_id] in found.truth.superseded:
                causes.compare(subject, step.superseded_by, found.truth.superseded[found.ids[step.event_id]])
    assert causes.found(0.95), causes.counted


@organisations
def test_just_the_test_users_and_groups_of_activations_are_recognised(organisation: Organisation) -> None:
    found, accounts = played(organisation)
    tests = {
        key for key, truth in found.truth.accounts.items() if truth.subject_name in ("scim test",)
        or truth.subject_name.startswith("scim.test.")
    }  # fmt: skip
    assert tests
    assert {key for key, account in accounts.items() if account.test} == tests


@organisations
def test_what_had_occurred_by_a_time_tells_how_it_was_then_but_for_whom_a_rollout_had_not_reached(
    organisation: Organisation,
) -> None:
    """As `idtrail state --at` is told: nothing that came after it is looked at."""
    found, accounts = played(organisation)
    first, last = found.rows[0]["occurred_at"], found.rows[-1]["occurred_at"]
    dice, compared = random.Random(11), 0
    bindings = [row for row in found.rows if row["action"] == "add" and row["application_id"]]
    rollouts = [row["occurred_at"] + timedelta(seconds=dice.randrange(30)) for row in bindings[:6]]
    for at in [*(first + (last - first) * dice.random() for _ in range(6)), *rollouts]:
        then = Played(
            found.truth, [row for row in found.rows if row["occurred_at"] <= at], found.ids, {}, []
        ).accounts()
        for key in accounts:
            state, truth = told(then, key, "intended", at), true_state(found.truth, key, "intended", at)
            compared += state == truth
            if state != truth and state != UNKNOWN:
                assert (state, truth) == (ABSENT, ACTIVE)
                assert any(at - ROLLOUT <= row["occurred_at"] <= at for row in bindings)
                assert told(accounts, key, "intended", at) in (ACTIVE, UNKNOWN)
    assert compared > 11 * len(accounts)
