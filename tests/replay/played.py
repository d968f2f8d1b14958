"""A simulated organisation, played and folded without a store: what is told of every account beside the truth."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from producers.simulation import Organisation, Truth
from producers.simulation.model import DAY
from producers.simulation.world import Pace
from queries.accounts.account import Account
from queries.accounts.bindings import ACTIVATED, DEACTIVATED, GROUP_DELETED, Bindings, is_membership
from queries.accounts.folding import Row
from queries.integrations.uses import uses_of
from queries.lifecycle import Lifecycle, fold
from schemas.association import ASSOCIATION_CHANGE
from schemas.events import parse
from schemas.facts import facts
from schemas.normal_form import event_id
from schemas.parts import Change
from schemas.times import believed, parse_timestamp

_KNOWN = datetime(2027, 6, 1, tzinfo=UTC)
SURROUNDING = frozenset({ASSOCIATION_CHANGE, ACTIVATED, DEACTIVATED, GROUP_DELETED})

LEAVING = Pace(edits=0.05, leaves=0.05, touches=0.2, admin_acts=1)
"""Little happens but that people leave, are taken back, and are deleted."""

Key = tuple[str, str]
"""Of an account: application and subject."""


@dataclass
class Played:
    """What the log tells, and the truth."""

    truth: Truth
    rows: list[Row]
    ids: dict[UUID, str]
    """The vendor's own ids."""
    changes: dict[UUID, list[Change]]
    """What changes of integrations' settings tell."""
    raws: list[bytes]
    """As they were logged."""

    def by_subject(self) -> dict[str, list[Row]]:
        found: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            if row["subject_id"]:
                found[row["subject_id"]].append(row)
        return found

    def bindings(self) -> Bindings:
        """For everybody: no memberships."""
        around = (row for row in self.rows if row["event_type"] in SURROUNDING and not is_membership(row))
        return Bindings([*around, *uses_of(self.rows)])

    def bindings_of_group(self, group: str) -> Bindings:
        around = (
            row for row in self.rows
            if row["event_type"] in (ACTIVATED, DEACTIVATED) or (is_membership(row) and row["group_id"] == group)
        )  # fmt: skip
        return Bindings([*around, *uses_of(self.rows)])

    def lifecycles(self) -> dict[str, Lifecycle]:
        """Of everybody and every group, by id."""
        shared = self.bindings()
        told = {}
        for subject, rows in self.by_subject().items():
            kinds = {row["subject_type"] for row in rows}
            told[subject] = fold(
                rows, self.bindings_of_group(subject) if "user_group" in kinds else shared, timeline=True
            )
        return told

    def accounts(self) -> dict[Key, Account]:
        return {
            (account.application_id, subject): account
            for subject, told in self.lifecycles().items()
            for account in told.accounts
        }


def play(seed: int, *, people: int = 41, days: float = 30, story: bool = True, oddities: float = 0.0) -> Played:
    """Plays to the end."""
    return play_out(Organisation(seed, people, 6, days, story=story, oddities=oddities))


def troubled(seed: int, people: int, days: float) -> Organisation:
    """One application is given up while its credentials do not work, of another one only the integration is deleted; in
    a third one accounts are deleted by hand; one loses one of the groups that are bound to it."""
    organisation = Organisation(seed, people, 6, days, story=False, oddities=0.0, pace=LEAVING)
    world, integrations = organisation.world, organisation.integrations
    given_up, emptied, dropped = world.roster.applications[:3]
    world.agenda.add(world.start + 2 * DAY, integrations.vanish, emptied, people)
    world.agenda.add(world.end - 4 * DAY, integrations.begin, given_up, "token_expired", None)
    world.agenda.add(world.end - 3 * DAY, integrations.retire, given_up, world.roster.admins[0])
    world.agenda.add(world.end - 5 * DAY, integrations.drop, dropped, world.roster.admins[0])
    several = next(app for app in world.roster.applications[3:] if len(app.groups) > 1)
    lost = max(several.groups)
    world.agenda.add(world.end - 6 * DAY, integrations.unbind, several, lost, world.roster.admins[1])
    return organisation


def play_out(organisation: Organisation) -> Played:
    """Plays this one to the end."""
    rows, ids, raws = [], {}, []
    changes: dict[UUID, list[Change]] = {}
    for simulated in organisation:
        event = parse(simulated.raw)
        moment = believed(parse_timestamp(event.timestamp), _KNOWN)
        own = event_id(str(event.organization), event.id, simulated.raw)
        ids[own] = str(event.id)
        raws.append(simulated.raw)
        if event.canonical == "idm_integration_update":
            changes[own] = list(event.changes or ())
        rows.append(
            {
                **facts(event)._asdict(),
                "organization": str(event.organization),
                "event_id": own,
                "occurred_at": moment.at,
                "time_quality": moment.quality.value,
                "version": 1,
                "fingerprint": b"",
            }
        )
    return Played(organisation.truth, rows, ids, changes, raws)


def state_at(account: Account, view: str, at: datetime) -> str:
    """The `intended` or `confirmed` state at that instant, by its changes."""
    return next(
        (change.state for change in reversed(account.changes) if change.view == view and change.at <= at),
        account.initial,
    )
