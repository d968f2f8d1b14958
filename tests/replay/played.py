"""A simulated organisation, played and folded without a store: what is told of every account beside the truth."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from producers.simulation import Organisation, Truth
from queries.account import Account
from queries.bindings import ACTIVATED, DEACTIVATED, GROUP_DELETED, Bindings, is_membership
from queries.folding import Row
from queries.lifecycle import Lifecycle, fold
from schemas.association import ASSOCIATION_CHANGE
from schemas.events import parse
from schemas.facts import facts
from schemas.normal_form import event_id
from schemas.parts import Change
from schemas.times import believed, parse_timestamp

_KNOWN = datetime(2027, 6, 1, tzinfo=UTC)
_SURROUNDING = frozenset({ASSOCIATION_CHANGE, ACTIVATED, DEACTIVATED, GROUP_DELETED})

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

    def by_subject(self) -> dict[str, list[Row]]:
        found: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            if row["subject_id"]:
                found[row["subject_id"]].append(row)
        return found

    def bindings(self) -> Bindings:
        """For everybody: no memberships."""
        return Bindings(row for row in self.rows if row["event_type"] in _SURROUNDING and not is_membership(row))

    def bindings_of_group(self, group: str) -> Bindings:
        return Bindings(
            row for row in self.rows
            if row["event_type"] in (ACTIVATED, DEACTIVATED) or (is_membership(row) and row["group_id"] == group)
        )  # fmt: skip

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


def play_out(organisation: Organisation) -> Played:
    """Plays this one to the end."""
    rows, ids = [], {}
    changes: dict[UUID, list[Change]] = {}
    for simulated in organisation:
        event = parse(simulated.raw)
        moment = believed(parse_timestamp(event.timestamp), _KNOWN)
        own = event_id(str(event.organization), event.id, simulated.raw)
        ids[own] = str(event.id)
        if event.canonical == "idm_integration_update":
            changes[own] = list(event.changes or ())
        rows.append(
            {
                **facts(event)._asdict(),
                "event_id": own,
                "occurred_at": moment.at,
                "time_quality": moment.quality.value,
                "version": 1,
                "fingerprint": b"",
            }
        )
    return Played(organisation.truth, rows, ids, changes)
