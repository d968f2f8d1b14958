"""Computes accounts without reading accepted updates, of which people have hundreds: only the first and last are known.

Pure. Where an update in between may have changed something, no account is returned and the caller reads all events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from queries.accounts.account import Account
from queries.accounts.bindings import Bindings, Memberships
from queries.accounts.folding import Place, Row, in_force, place_of
from queries.accounts.step import COLUMNS
from queries.lifecycle import Fold
from schemas.outcome import Outcome
from schemas.times import LATEST, SENTINEL, TimeQuality

NOT_KEPT: Final = {"attribute": "", "http_status": 0}
"""Columns that the store does not keep of these events; accounts do not depend on them."""
TURNS: Final = ", ".join(name for name in COLUMNS if name not in NOT_KEPT)
NO_UPDATE: Final = 2**256 - 1

_LOW: Final = 2**64 - 1
_UUID: Final = 2**128 - 1


class Updates(NamedTuple):
    """The accepted updates of one account that do not say what state it is to be in."""

    first: Place
    last: Place
    versions: tuple[int, int]
    """The versions of the copies of the first and the last update."""
    application: str
    person: str
    """The person's name in the last update."""

    def rows(self, application_id: str) -> list[Row]:
        """Return the first and the last update as rows for the fold."""
        return [
            {
                **dict.fromkeys(COLUMNS, ""),
                "event_id": UUID(int=place[1]),
                "occurred_at": place[0],
                "time_quality": TimeQuality.OK.value,
                "version": version,
                "fingerprint": b"",
                "event_type": "user_update_provision",
                "kind": "user",
                "action": "update",
                "outcome": Outcome.SUCCESS.value,
                "application_id": application_id,
                "application_name": self.application,
                "subject_name": self.person,
                "changed": [],
            }
            for place, version in zip((self.first, self.last), self.versions, strict=True)
        ][: 1 if self.first == self.last else 2]


def updates_of(first: int, last: int, application: str, person: str) -> Updates | None:
    """Return the updates that the store keeps as numbers (see migration 24); None if there were none."""
    if first == NO_UPDATE:
        return None
    return Updates(_place(first), _place(last), (~first & _LOW, last & _LOW), application, person)


def _place(number: int) -> Place:
    return SENTINEL + timedelta(microseconds=number >> 192), number >> 64 & _UUID


class Turned(NamedTuple):
    """The events and accounts of one subject."""

    events: list[Row]
    """The copies in force, in order."""
    accounts: list[Account]


def fold_turns(
    turns: Sequence[Row], updates: Mapping[str, Updates], bindings: Bindings, until: datetime = LATEST
) -> Turned | None:
    """Return the same accounts that all the subject's events up to a time give; None if all events must be read.

    `turns`: all stored copies except accepted updates. `updates`: the accepted updates by application.
    """
    own = {each: told for each, told in updates.items() if told.first[0] <= until}
    if any(told.last[0] > until for told in own.values()):
        return None
    made = [row for application, told in own.items() for row in told.rows(application)]
    ids = {row["event_id"] for row in made}
    if len(ids) < len(made) or any(row["event_id"] in ids for row in turns):
        return None  # Only one of several contradicting copies counts.
    rows = [row for row in in_force([*turns, *made]) if row["occurred_at"] <= until]
    folding = Fold(bindings, Memberships(rows), explained=False)
    for row in rows:
        folding.add({**row, **NOT_KEPT})
        place = place_of(row)
        for application, told in own.items():
            if place >= told.last:
                continue
            if folding.in_doubt(application) or (told.first <= place and folding.heeds_update(application)):
                return None
    return Turned(rows, folding.accounts())
