"""Every exposure from the instant at which it begins to the one at which it ends, beside the simulator's truth."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import lru_cache

import pytest

from producers.simulation.model import CLOSED
from queries.accounts.account import Account
from queries.accounts.bindings import Bindings
from queries.accounts.folding import Row
from queries.exposures import FAILING, NEVER_ATTEMPTED, SLA, Exposure, Exposures, exposures_of
from tests.records import NOON
from tests.replay import exposed
from tests.replay.played import Key, Played, play, play_out, troubled

ORGANISATIONS = [
    pytest.param((1, 24, 27.0, True), id="with the story"),
    pytest.param((5, 24, 12.0, False), id="by chance"),
    *[
        pytest.param((seed, 120, 30.0, story), id=f"seed {seed} {name}", marks=pytest.mark.soak)
        for seed in (1, 2, 3)
        for story, name in ((True, "with the story"), (False, "by chance"))
    ],
]  # fmt: skip

organisations = pytest.mark.parametrize("organised", ORGANISATIONS)
Organised = tuple[int, int, float, bool]


@lru_cache(2)
def played(organised: Organised) -> Played:
    seed, people, days, story = organised
    if story:
        return play(seed, people=people, days=days)
    return play_out(troubled(seed, people, days))


def told(rows: list[Row], key: Key, around: list[Row], at: datetime) -> exposed.Exposed | None:
    """What is told of one account at an instant, of its person's events and what surrounds everybody."""
    surroundings = Bindings(row for row in around if row["occurred_at"] <= at)
    uses = [row["occurred_at"] for row in rows if row["event_type"] == "sso_auth" and row["application_id"] == key[0]]
    theirs = [row for row in rows if row["event_type"] != "sso_auth"]
    for each in exposures_of(theirs, {key}, surroundings, at):
        assert each.since is not None
        used = next((use for use in uses if each.since <= use <= at), None)
        account = each.account
        cause = account.last_cause if account.closing_tries else ""
        return exposed.Exposed(each.reason, each.since, account.closing_tries, cause, used)
    return None


@organisations
def test_an_account_is_exposed_from_the_instant_to_the_instant_for_the_reason_of_the_truth(
    organised: Organised,
) -> None:
    found = played(organised)
    truth, by_subject, around = found.truth, found.by_subject(), list(found.bindings().agenda)
    reasons: Counter[str] = Counter()
    for key, account in exposed.people(truth).items():
        if not any(change.state in CLOSED for change in account.intended):
            continue
        for edge in sorted(exposed.edges(truth, key, SLA)):
            for at in (edge - exposed.MICROSECOND, edge, edge + exposed.MICROSECOND):
                expected = exposed.exposure_of(truth, key, account, exposed.micros(at), SLA)
                assert told(by_subject[key[1]], key, around, at) == expected, (key, at)
                reasons[expected.reason if expected else ""] += 1
    assert reasons.keys() >= {"", "failing", "left_behind"}
    assert organised[-1] or reasons.keys() >= {"reported_absent"}


def test_those_that_were_used_since_come_first_then_the_longest_open() -> None:
    def exposure(reason: str, since: datetime, used: datetime | None) -> Exposure:
        return Exposure("o", "s", "p", Account("a", "a"), reason, since, used, used is not None)

    old, new = NOON - timedelta(days=9), NOON
    failing = [exposure(FAILING, old, None), exposure(FAILING, new, NOON)]
    untried = [exposure(NEVER_ATTEMPTED, new, None), exposure(NEVER_ATTEMPTED, old, NOON)]
    order = [(each.since, each.used_since) for each in Exposures(failing, untried).open]
    assert order == [(old, NOON), (new, NOON), (old, None), (new, None)]
