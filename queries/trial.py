"""The test user and group of an activation: made and taken away again just after it, and never seen otherwise. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from queries.account import CLOSINGS
from queries.bindings import ACTIVATED
from queries.folding import Row
from schemas.outcome import Outcome
from schemas.times import TimeQuality

BURST: Final = timedelta(seconds=30)
"""An activation's test user and group are made and taken away again within this."""

Subject = tuple[str, str]
"""Kind and id."""


@dataclass(slots=True)
class Trial:
    """What the attempts on one subject in one application tell of it, taken in order.

    Whoever is pushed for the first time just after an activation, and stays, is no test; nor is whoever was there
    before, though they be deactivated or made anew just after one.
    """

    known: bool = False
    """Seen otherwise."""
    begun: UUID | None = None
    """The activation just after which it was made."""
    over: bool = False
    """It was to be taken away again just after the same one, whatever came of it."""

    def take(self, row: Row, activation: Row | None) -> bool:
        """Whether the attempt may be the test of the activation: one with success at most `BURST` before, if any."""
        if self.known:
            return False
        after = activation["event_id"] if activation is not None else None
        if after is not None and row["action"] == "create" and (self.over or self.begun is None):
            self.begun, self.over = after, False
        if after is not None and after == self.begun:
            self.over = self.over or row["action"] in CLOSINGS
            return True
        if row["action"] != "lookup" and not (self.over and row["action"] in CLOSINGS):
            self.known = True
        return False

    @property
    def test(self) -> bool:
        """Whether the subject is nothing but a test, as far as is told."""
        return self.over and not self.known


def only_tests(rows: Iterable[Row]) -> set[Subject]:
    """The subjects that are tests, of one application's rows, in force and in order: what configured the integration,
    and the attempts on these subjects, the first ones at least."""
    trials: defaultdict[Subject, Trial] = defaultdict(Trial)
    for row, activation in _after_activations(rows):
        trials[row["kind"], row["subject_id"]].take(row, activation)
    return {subject for subject, trial in trials.items() if trial.test}


def perhaps_tests(rows: Iterable[Row]) -> set[str]:
    """The ids of whoever was to be taken away just after an activation, of such rows."""
    return {
        row["subject_id"]
        for row, activation in _after_activations(rows)
        if activation is not None and row["action"] in CLOSINGS
    }


def _after_activations(rows: Iterable[Row]) -> Iterable[tuple[Row, Row | None]]:
    """The attempts, each with the activation just before it."""
    activation: Row | None = None
    for row in rows:
        if row["time_quality"] != TimeQuality.OK:
            continue
        if row["event_type"] == ACTIVATED and row["outcome"] == Outcome.SUCCESS:
            activation = row
        elif row["kind"] in ("user", "group") and row["subject_id"]:
            near = activation is not None and row["occurred_at"] - activation["occurred_at"] <= BURST
            yield row, activation if near else None
