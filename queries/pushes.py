"""The attempts on one account: which one repeats which, which gives way to which, and what set each off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from queries.account import ACTIVE, CLOSED, NOT_TOLD, UNKNOWN, Account, Because
from queries.because import Triggers
from queries.folding import Place, Row
from queries.step import Step
from schemas.cause import Cause
from schemas.outcome import Outcome

RETRY_WINDOW: Final = timedelta(hours=48)
"""A same attempt within this after the last of a run that failed counts as its retry."""
INSTEAD: Final = timedelta(minutes=1)
"""An account that an update did not find is made anew within this."""

MAX_RUNS: Final = 64
"""Failing attempts of one account that differ in what they send, and are remembered: the latest ones."""

_UPDATING: Final = ("update", "lookup")
_Key = tuple[str, ...]


@dataclass(slots=True)
class _Run:
    """The same attempt, failing again and again."""

    first: UUID
    first_at: datetime
    last: Step


@dataclass(slots=True)
class Pushes:
    """Of one account, since it is known."""

    triggers: Triggers
    runs: dict[_Key, _Run] = field(default_factory=dict)
    overtaken: dict[_Key, _Run] = field(default_factory=dict)
    """Those that gave way to what was decided last. Some are tried again nevertheless."""
    tried: bool = True
    """Whether what was decided last has been attempted."""
    updated: bool = True
    """Whether it has been updated since."""
    carried: Place | None = None
    """Changes up to here have been pushed, or were never to be."""
    was_open: bool = False
    latest: Step | None = None
    latest_key: _Key = ()

    def copy(self) -> Pushes:
        """As it stands now."""
        return replace(self, runs=dict(self.runs))

    def opened(self, is_open: bool, place: Place | None) -> None:
        """Changes are pushed from where the account is, as far as the directory knows, open."""
        if is_open and not self.was_open and place is not None:
            self.carried = place
        self.was_open = is_open

    def decided(self, because: Because, place: Place) -> None:
        """Something else came to be wanted: what still failed gives way."""
        self._give_way(self.runs.values(), because)
        self.overtaken, self.runs = self.runs, {}
        self.tried = self.updated = False
        self.carried = place

    def set_off(self, row: Row, meant: str, account: Account, step: Step) -> Because:
        """What set the attempt off."""
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
                # A change whose own push gave way, in turn, had ended the run already.
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
        """The failing attempts that this one repeats; `against` what is meant, what gave way to that too."""
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
        """The update just before that found no account, if the attempt is to make one."""
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
    """Where nobody asks what set attempts off: only whether there were any is kept, which decides about accounts."""

    __slots__ = ()

    def opened(self, is_open: bool, place: Place | None) -> None:
        pass

    def decided(self, because: Because, place: Place) -> None:
        self.tried = False

    def set_off(self, row: Row, meant: str, account: Account, step: Step) -> Because:
        self.tried = self.tried or _tries(row, meant, account)
        return NOT_TOLD


def _tries(row: Row, meant: str, account: Account) -> bool:
    """Whether it attempts what was decided last: what opens an account that is meant closed does not."""
    return meant == account.intended or row["action"] == "lookup"
