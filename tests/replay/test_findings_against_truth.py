"""Mass changes against the simulator's truth: those that were seeded are found, whole, and no other is."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

import pytest

from producers.simulation import Organisation
from producers.simulation.at_once import MassChange, Unmapped
from producers.simulation.model import DAY
from producers.simulation.truth import instant
from producers.simulation.world import Pace
from queries.bindings import is_membership
from queries.finding import App, Finding
from queries.finding_rows import bindings_of
from queries.folding import Row
from queries.mappings import orphaned_values, remaps_of, stale_people
from queries.mass_changes import LITTLE, History, bound_at, kind_of, mass_changes, set_off
from queries.twice_groups import twice_groups
from schemas.association import ASSOCIATION_CHANGE
from tests.replay.played import Played, play_out

END = 1 << 62
QUIET = Pace(edits=0.02, sign_ins=0.01, joins=0.02, leaves=0.02, transfers=0.02, touches=0.2, admin_acts=1)
"""An ordinary month in which more people than usual come, move and go, and little else happens."""


@cache
def played(seed: int) -> Played:
    """Two of the applications are given up after three weeks; a mapping is added in two others and
    one removed in a third."""
    organisation = Organisation(seed, 40, 6, 30, story=False, oddities=0.0, pace=QUIET)
    world = organisation.world
    for app in world.roster.applications[:2]:
        at = world.start + (20 + app.index) * DAY
        world.agenda.add(at, organisation.integrations.retire, app, world.roster.admins[0])
    admin = world.roster.admins[1]
    for app in world.roster.applications[2:4]:
        world.agenda.add(world.start + 28 * DAY, organisation.integrations.reconfigure, app, admin)
    world.agenda.add(world.start + 20 * DAY, organisation.integrations.unmap, world.roster.applications[4], admin)
    return play_out(organisation)


def findings_of(played: Played) -> list[Finding]:
    """What the queries find in the store, of rows in memory."""
    by_app: dict[str, list[Row]] = defaultdict(list)
    bound = [row for row in played.rows if row["event_type"] == ASSOCIATION_CHANGE and row["application_id"]]
    bindings = bindings_of(bound)
    begun: dict[str, datetime] = {}
    people: dict[str, set[str]] = defaultdict(set)
    for row in played.rows:
        app = row["application_id"]
        if row["kind"] in ("user", "group") and app:
            begun.setdefault(app, row["occurred_at"])
            if row["kind"] == "user" and row["occurred_at"] < begun[app] + LITTLE:
                people[app].add(row["subject_id"])
        if is_membership(row):
            for bound_to in bound_at(bindings.get(row["group_id"], []), row["occurred_at"]):
                by_app[bound_to].append(row)
        elif row["kind"] == "integration" or kind_of(row):
            by_app[app].append(row)
    found = []
    for app, rows in by_app.items():
        if not app:
            continue
        acts = [row for row in played.rows if row["kind"] == "other" or row["application_id"] == app]
        acts = [row for row in acts if row["application_id"] in ("", app)]
        for one in mass_changes(App("", app, ""), rows, History(begun[app], len(people[app]))):
            found.append(one._replace(act=set_off(one, acts)))
    return found


@pytest.mark.parametrize("seed", [3, 11, 42])
def test_every_application_that_is_given_up_is_found_and_nothing_else_of_the_month(seed: int) -> None:
    month = played(seed)
    found = findings_of(month)
    kinds = {"mass_deactivations": "deactivations", "mass_deletions": "deletions"}
    told = {(kinds[one.kind.value], one.app.application_id): one for one in found}
    seeded = {(one.kind, one.application_id): one for one in month.truth.mass_changes}
    assert len(found) == len(told) == 4
    assert told.keys() == seeded.keys()
    ordinary = sum(kind_of(row) is not None for row in month.rows) - sum(len(one.events) for one in found)
    assert ordinary > 100, "there is something to be mistaken for one"
    acts = {event for one in month.truth.mass_changes for event in one.acts}
    for key, truth in seeded.items():
        _same(told[key], truth, acts, month.ids)


def _same(found: Finding, truth: MassChange, acts: set[str], ids: dict[UUID, str]) -> None:
    assert set(found.subjects) <= set(truth.subjects)
    assert len(found.subjects) > 0.9 * len(truth.subjects), "who is refused and overtaken may have no attempt of it"
    assert instant(truth.at) <= found.since <= instant(truth.at) + timedelta(seconds=10)
    told = {ids[found.act.because.event_id]} if found.act and found.act.because.event_id else set()
    assert told <= acts, "an hour after, nothing is told, or what began it"
    assert told or not truth.acts


@pytest.mark.parametrize("seed", [3, 11, 42])
def test_values_left_behind_are_found_and_no_group_is_there_twice(seed: int) -> None:
    month = played(seed)
    stale = 0
    left: dict[str, set[str]] = {}
    for app in {row["application_id"] for row in month.rows} - {""}:
        rows = [row for row in month.rows if row["application_id"] == app]
        own = App("", app, "")
        assert sum(row["event_type"] == "group_create_provision" for row in rows) >= 2
        assert twice_groups(own, rows) == []
        remaps = list(
            remaps_of((row, month.changes[row["event_id"]]) for row in rows if row["event_id"] in month.changes)
        )
        for found in orphaned_values(own, remaps, rows):
            assert app not in left, "told once"
            left[app] = set(found.subjects)
        for found in stale_people(own, remaps, rows):
            stale += len(found.subjects)
            for subject in found.subjects:
                assert month.truth.accounts[app, subject].state("confirmed", END) == "active"
    assert stale
    (unmapped,) = month.truth.unmapped
    expected = {subject for subject in unmapped.subjects if _kept(month, unmapped, subject)}
    assert len(expected) > 10
    assert left == {unmapped.application_id: expected}


def _kept(month: Played, unmapped: Unmapped, subject: str) -> bool:
    """Whether the account was there ever since, and is open at the end."""
    account = month.truth.accounts[unmapped.application_id, subject]
    since = [change.state for change in account.confirmed if change.at > unmapped.at]
    return not {"deleted", "absent"}.intersection(since) and account.state("confirmed", END) == "active"
