"""Findings against the simulator's truth: those that were seeded are found, whole, and no other is."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple
from uuid import UUID

import pytest

from producers.simulation import Organisation
from producers.simulation.at_once import MassChange, Remapped, Unmapped
from producers.simulation.model import ACTIVE, DAY, GROUP_CREATE, HOUR, SECOND, Admin, Application, Group, account_of
from producers.simulation.people import association
from producers.simulation.truth import instant
from producers.simulation.world import Pace
from queries.accounts.bindings import is_membership
from queries.accounts.bound import bindings_of, bound_at
from queries.accounts.folding import Row
from queries.findings.changed import kind_of
from queries.findings.finding import MASS, App, Finding, Kind
from queries.findings.listing import Asked, list_findings
from queries.findings.mappings import left_behind, orphaned_values, remaps_of, stale_people
from queries.findings.mass_changes import LITTLE, History, mass_changes, set_off
from queries.findings.twice_groups import twice_groups
from queries.store import BULK_LIMITS, Store
from schemas.association import ASSOCIATION_CHANGE
from tests.replay.filling import filled_store
from tests.replay.played import Played, play_out

END = 1 << 62
QUIET = Pace(edits=0.02, sign_ins=0.01, joins=0.02, leaves=0.02, transfers=0.02, touches=0.2, admin_acts=1)
"""An ordinary month in which more people than usual come, move and go, and little else happens."""

KINDS = {"mass_deactivations": "deactivations", "mass_deletions": "deletions"}


def make_groups_again(at: int, organisation: Organisation, app: Application, actor: Admin) -> None:
    """A new integration does not know the groups that it made before, so the provider has them twice."""
    for place in sorted(app.groups):
        account = account_of(organisation.world.roster.groups[place], app)
        organisation.integrations.pushes.send(at + place * SECOND, account, GROUP_CREATE, actor, None)


def add_group(at: int, organisation: Organisation, app: Application, group: Group, actor: Admin) -> None:
    """Bind one more group, which has no members."""
    bound = association("add", group, app.id, "APPLICATION", app.name)
    event = organisation.world.journal.directory(at, ASSOCIATION_CHANGE, actor, association=bound)
    organisation.truth.intend(account_of(group, app), ACTIVE, at, event.event_id)
    organisation.integrations.pushes.send(at + SECOND, account_of(group, app), GROUP_CREATE, actor, event.event_id)


@cache
def played(seed: int) -> Played:
    """Two of the applications are given up after three weeks; a mapping is added in two others and one removed in a
    third. One is set up anew and makes its groups again; to others groups come of a name that is there already, and
    from one of them the group goes again."""
    organisation = Organisation(seed, 40, 6, 30, story=False, oddities=0.0, pace=QUIET)
    world = organisation.world
    for app in world.roster.applications[:2]:
        at = world.start + (20 + app.index) * DAY
        world.agenda.add(at, organisation.integrations.retire, app, world.roster.admins[0])
    admin = world.roster.admins[1]
    for app in world.roster.applications[2:4]:
        world.agenda.add(world.start + 28 * DAY, organisation.integrations.reconfigure, app, admin)
    world.agenda.add(world.start + 20 * DAY, organisation.integrations.unmap, world.roster.applications[4], admin)
    again, doubled, tidied = world.roster.applications[5], world.roster.applications[3], world.roster.applications[2]
    world.agenda.add(world.start + 12 * DAY, organisation.integrations.renew, again, admin)
    world.agenda.add(world.start + 12 * DAY + HOUR, make_groups_again, organisation, again, admin)
    for app in (doubled, tidied):
        group = world.roster.found(world.roster.groups[min(app.groups)].name.upper())
        world.agenda.add(world.start + 14 * DAY, add_group, organisation, app, group, admin)
        if app is tidied:
            world.agenda.add(world.start + 16 * DAY, organisation.integrations.take_group, app, group, admin)
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
    told = {(KINDS[one.kind.value], one.app.application_id): one for one in found}
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


class FinePrint(NamedTuple):
    """A finding that is no mass change, as the truth tells it."""

    kind: Kind
    application_id: str
    since: datetime
    subjects: frozenset[str]
    act: str | None
    """The vendor's id of the event that set it off."""


def fine_print(month: Played) -> set[FinePrint]:
    """What is left behind, stale or there twice at the end, told from the truth alone."""
    truth = month.truth
    found = set()
    for gone in truth.unmapped:
        if not any(one.at > gone.at and one.application_id == gone.application_id for one in truth.remapped):
            left = frozenset(subject for subject in gone.subjects if _kept(month, gone, subject))
            found.add(FinePrint(Kind.ORPHANED_VALUES, gone.application_id, instant(gone.at), left, gone.event_id))
    stale: defaultdict[Remapped, set[str]] = defaultdict(set)
    for (application, subject), account in truth.accounts.items():
        if account.subject_type != "user" or account.pushed_at is None or account.state("confirmed", END) != "active":
            continue
        missed = [one for one in truth.remapped if one.application_id == application and one.at > account.pushed_at]
        if missed:
            stale[missed[0]].add(subject)
    for one, people in stale.items():
        found.add(FinePrint(Kind.STALE_PEOPLE, one.application_id, instant(one.at), frozenset(people), one.event_id))
    for application, held in truth.groups.items():
        for place, group in enumerate(held):
            before = next((one for one in held[:place] if one.name.lower() == group.name.lower()), None)
            if before is not None:
                both = frozenset((before.subject_id, group.subject_id))
                found.add(FinePrint(Kind.TWICE_GROUPS, application, instant(group.at), both, None))
    return found


def as_told(found: Finding, ids: dict[UUID, str]) -> FinePrint:
    act = found.act and found.act.because.event_id
    return FinePrint(
        found.kind, found.app.application_id, found.since, frozenset(found.subjects), ids[act] if act else None
    )


@pytest.mark.parametrize("seed", [3, 11, 42])
def test_what_is_left_behind_stale_or_there_twice_is_found_and_nothing_else(seed: int) -> None:
    month = played(seed)
    found: list[Finding] = []
    for app in {row["application_id"] for row in month.rows} - {""}:
        rows = [row for row in month.rows if row["application_id"] == app]
        own = App("", app, "")
        changes = ((row, month.changes[row["event_id"]]) for row in rows if row["event_id"] in month.changes)
        remaps = list(remaps_of(changes))
        found += [
            *twice_groups(own, rows),
            *orphaned_values(own, left_behind(remaps, rows)),
            *stale_people(own, remaps, rows),
        ]
    expected = fine_print(month)
    assert {as_told(one, month.ids) for one in found} == expected
    assert len(found) == len(expected)
    kinds = Counter(one.kind for one in expected)
    assert kinds[Kind.ORPHANED_VALUES] == 1
    assert kinds[Kind.STALE_PEOPLE] >= 2
    assert kinds[Kind.TWICE_GROUPS] == 2
    assert min(len(one.subjects) for one in expected if one.kind == Kind.ORPHANED_VALUES) > 5


@pytest.mark.store
@pytest.mark.parametrize(
    "seed", [3, pytest.param(11, marks=pytest.mark.soak), pytest.param(42, marks=pytest.mark.soak)]
)
def test_the_findings_of_a_store_are_the_truth(migrated: Store, seed: int) -> None:
    month = played(seed)
    with filled_store(migrated, month.raws, seed) as (trail, first, last):
        events = trail.store.query(
            "SELECT event_id, JSONExtractString(raw, 'id') FROM events WHERE organization = {own:String}",
            {"own": trail.organization},
            BULK_LIMITS,
        )
        found = list_findings(trail.store, Asked(trail.organization, first, last + timedelta(days=1)))
    ids = {event_id: str(own) for event_id, own in events}
    assert {as_told(one, ids) for one in found if one.kind not in MASS} == fine_print(month)
    acts = {event for one in month.truth.mass_changes for event in one.acts}
    mass = {(KINDS[one.kind.value], one.app.application_id): one for one in found if one.kind in MASS}
    seeded = {(one.kind, one.application_id): one for one in month.truth.mass_changes}
    assert mass.keys() == seeded.keys()
    assert len(found) == len(mass) + len(fine_print(month))
    for key, truth in seeded.items():
        _same(mass[key], truth, acts, ids)


def _kept(month: Played, unmapped: Unmapped, subject: str) -> bool:
    """Whether the account was there ever since, was not made anew without the value, and is open at the end."""
    account = month.truth.accounts[unmapped.application_id, subject]
    since = [change.state for change in account.confirmed if change.at > unmapped.at]
    there = not {"deleted", "absent"}.intersection(since) and (account.made_at or 0) < unmapped.at
    return there and account.state("confirmed", END) == "active"
