"""Recognizes the test user and group of an activation: made and taken away just after it, and seen at no other time.
Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from queries.accounts.bindings import ACTIVATED
from queries.accounts.folding import Row
from schemas.action import CLOSINGS, Action
from schemas.outcome import Outcome
from schemas.times import TimeQuality

BURST: Final = timedelta(seconds=30)
"""The test user and group are made and taken away within this time after the activation."""

Subject = tuple[str, str]
"""(kind, id)."""


@dataclass(slots=True)
class Trial:
    """What the attempts on one subject in one application, taken in order, show about an activation's test.

    A subject that is first pushed just after an activation and stays is no test. Nor is one that existed before, even
    if it is deactivated or made anew just after the activation.
    """

    known: bool = False
    """True once the subject was seen outside a test."""
    begun: UUID | None = None
    """The activation just before the subject was made."""
    over: bool = False
    """True if an attempt just after the same activation was to take the subject away, whatever its outcome."""

    def take(self, row: Row, activation: Row | None) -> bool:
        """Take an attempt, and return whether it may be the activation's test.

        `activation`: a successful one at most `BURST` before the attempt, if any.
        """
        if self.known:
            return False
        after = activation["event_id"] if activation is not None else None
        if after is not None and row["action"] == Action.CREATE and (self.over or self.begun is None):
            self.begun, self.over = after, False
        if after is not None and after == self.begun:
            self.over = self.over or row["action"] in CLOSINGS
            return True
        if row["action"] != Action.LOOKUP and not (self.over and row["action"] in CLOSINGS):
            self.known = True
        return False

    @property
    def test(self) -> bool:
        """Whether the subject is only a test, as far as the attempts show."""
        return self.over and not self.known


def only_tests(rows: Iterable[Row]) -> set[Subject]:
    """Return the subjects that are tests, from one application's rows, in force and in order.

    The rows must hold what configured the integration and the attempts on these subjects, at least the first ones.
    """
    trials: defaultdict[Subject, Trial] = defaultdict(Trial)
    for row, activation in _after_activations(rows):
        trials[row["kind"], row["subject_id"]].take(row, activation)
    return {subject for subject, trial in trials.items() if trial.test}


def perhaps_tests(rows: Iterable[Row]) -> set[str]:
    """Return the ids of the subjects that an attempt was to take away just after an activation, from such rows."""
    return {
        row["subject_id"]
        for row, activation in _after_activations(rows)
        if activation is not None and row["action"] in CLOSINGS
    }


def _after_activations(rows: Iterable[Row]) -> Iterable[tuple[Row, Row | None]]:
    """Yield each attempt with the activation just before it."""
    activation: Row | None = None
    for row in rows:
        if row["time_quality"] != TimeQuality.OK:
            continue
        if row["event_type"] == ACTIVATED and row["outcome"] == Outcome.SUCCESS:
            activation = row
        elif row["kind"] in ("user", "group") and row["subject_id"]:
            near = activation is not None and row["occurred_at"] - activation["occurred_at"] <= BURST
            yield row, activation if near else None
