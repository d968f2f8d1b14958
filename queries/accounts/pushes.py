"""The attempts on one account: which are retries, which are superseded, and what set each one off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from queries.accounts.account import ACTIVE, CLOSED, NOT_TOLD, UNKNOWN, Account, Because
from queries.accounts.because import Triggers
from queries.accounts.folding import Place, Row
from queries.accounts.step import Step
from schemas.action import Action
from schemas.cause import Cause
from schemas.outcome import Outcome

RETRY_WINDOW: Final = timedelta(hours=48)
"""An identical attempt within this time after the last of a failing run counts as its retry."""
INSTEAD: Final = timedelta(minutes=1)
"""A create within this time after an update that found no account takes the update's place."""

MAX_RUNS: Final = 64
"""How many different failing attempts of one account are remembered; the oldest is forgotten first."""

_UPDATING: Final = (Action.UPDATE, Action.LOOKUP)
_Key = tuple[str, ...]


@dataclass(slots=True)
class _Run:
    """A series of identical attempts that keeps failing."""

    first: UUID
    first_at: datetime
    last: Step


@dataclass(slots=True)
class Pushes:
    """The attempts on one account since its first event."""

    triggers: Triggers
    runs: dict[_Key, _Run] = field(default_factory=dict)
    overtaken: dict[_Key, _Run] = field(default_factory=dict)
    """Runs that the last decision superseded. Some are tried again all the same."""
    tried: bool = True
    """Whether the last decision has been attempted."""
    updated: bool = True
    """Whether the account has been updated since the last decision."""
    carried: Place | None = None
    """Changes up to this place have been pushed, or need no push."""
    was_open: bool = False
    latest: Step | None = None
    latest_key: _Key = ()

    def copy(self) -> Pushes:
        """Return a copy with a run table of its own."""
        return replace(self, runs=dict(self.runs))

    def opened(self, is_open: bool, place: Place | None) -> None:
        """Record whether the account is open, as far as the directory knows. Changes are pushed only from when it
        opens."""
        if is_open and not self.was_open and place is not None:
            self.carried = place
        self.was_open = is_open

    def decided(self, because: Because, place: Place) -> None:
        """Record a new decision, which supersedes all failing runs."""
        self._give_way(self.runs.values(), because)
        self.overtaken, self.runs = self.runs, {}
        self.tried = self.updated = False
        self.carried = place

    def set_off(self, row: Row, meant: str, account: Account, step: Step) -> Because:
        """Record an attempt and return what set it off."""
        key = (row["application_id"], row["event_type"], row["account_state"], *row["changed"])
        because = self._because(row, key, meant, account)
        run = self._run(row, key, against=account.intended in CLOSED and meant not in CLOSED)
        missed = self._missed(row) if because is None else None
        if missed is not None:
            because = Because("superseded", missed.event_id, "in place of an update that found no account")
        if because is None:
            if run is not None:
                because = Because("retry", run.first, f"retry of {run.first_at:%Y-%m-%d %H:%M:%S}")
                run.last.superseded_by = None
            else:
                because = self._otherwise(row, account)
        else:
            self._give_way([*self.runs.values(), *([run] if run else [])], because)
            run = None
        if row["outcome"] == Outcome.FAILURE:
            if len(self.runs) >= MAX_RUNS:
                del self.runs[next(iter(self.runs))]
            self.runs[key] = (
                _Run(row["event_id"], row["occurred_at"], step) if run is None else _Run(run.first, run.first_at, step)
            )
        self.latest, self.latest_key = step, key
        self.updated = self.updated or row["action"] == "update"
        return because

    def _give_way(self, runs: Iterable[_Run], because: Because) -> None:
        for run in runs:
            if run.last.superseded_by is None:
                # If a change's own push was superseded in turn, that change had already ended the run.
                ended = self.triggers.first_after((run.last.occurred_at, run.last.event_id.int))
                run.last.superseded_by = ended or because.event_id

    def _because(self, row: Row, key: _Key, meant: str, account: Account) -> Because | None:
        if not self.tried and _tries(row, meant, account):
            self.tried = True
            return account.intended_because
        if meant or not (self.was_open or account.initial == UNKNOWN):
            return None
        found = self.triggers.carried_by(
            row["occurred_at"], row["changed"] if row["action"] == "update" else [], self.carried
        )
        if found is None:
            return None
        because, self.carried = found
        return because

    def _run(self, row: Row, key: _Key, *, against: bool) -> _Run | None:
        """Return the failing run that this attempt continues, if any.

        With `against` the attempt opposes the current intention, so superseded runs count too.
        """
        run = self.runs.pop(key, None) or (self.overtaken.pop(key, None) if against else None)
        latest = self.latest
        actions = (row["action"], latest.action if latest is not None else "")
        if run is None and "lookup" in actions and all(action in _UPDATING for action in actions):
            # An update whose lookup failed is logged as that lookup, without its attributes.
            run = self.runs.pop(self.latest_key, None)
        if run is not None and row["occurred_at"] - run.last.occurred_at > RETRY_WINDOW:
            return None
        return run

    def _missed(self, row: Row) -> Step | None:
        """Return the update just before that found no account, if this attempt creates the account."""
        latest = self.latest
        if row["action"] != "create" or latest is None or latest.action != "update":
            return None
        missed = latest.outcome == Outcome.FAILURE and (latest.http_status == 404 or latest.cause == Cause.NOT_FOUND)
        return latest if missed and row["occurred_at"] - latest.occurred_at <= INSTEAD else None

    def _otherwise(self, row: Row, account: Account) -> Because:
        if row["kind"] == "group" and row["action"] == "update" and not self.updated and account.intended == ACTIVE:
            return account.intended_because or NOT_TOLD
        return NOT_TOLD


class Unasked(Pushes):
    """A reduced `Pushes` for folds that need no causes: it keeps only whether the decision was tried, which affects
    accounts."""

    __slots__ = ()

    def opened(self, is_open: bool, place: Place | None) -> None:
        pass

    def decided(self, because: Because, place: Place) -> None:
        self.tried = False

    def set_off(self, row: Row, meant: str, account: Account, step: Step) -> Because:
        self.tried = self.tried or _tries(row, meant, account)
        return NOT_TOLD


def _tries(row: Row, meant: str, account: Account) -> bool:
    """Whether the attempt carries out the last decision. One that opens an account intended closed does not."""
    return meant == account.intended or row["action"] == "lookup"
