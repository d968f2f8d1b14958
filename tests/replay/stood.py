"""Where every account truly stood at an instant, as far as a log can tell it: told from the simulator's truth alone."""

from __future__ import annotations

from datetime import datetime

from producers.simulation import Truth
from producers.simulation.account_truth import AccountTruth
from producers.simulation.model import ABSENT, ACTIVE, INACTIVE
from producers.simulation.truth import instant
from queries.accounts.account import REPORTED_ABSENT, UNKNOWN
from tests.replay.played import Key


def true_state(truth: Truth, key: Key, view: str, at: datetime) -> str:
    """The truth, with what an integration's deletion hides."""
    held = ABSENT
    for change in getattr(truth.accounts.get(key, _NONE), view):
        if instant(change.at) <= at:
            held = REPORTED_ABSENT if view == "confirmed" and change.state == ABSENT else change.state
    if view == "confirmed" and held in (ACTIVE, INACTIVE):
        deleted = False
        for application, changed_at, active in truth.integrations:
            if application == key[0] and instant(changed_at) <= at:
                deleted = not active
        if deleted:
            return UNKNOWN
    return held


def true_changes(truth: Truth, key: Key, view: str) -> list[tuple[datetime, str]]:
    """Every instant at which that may change, with the state from there on."""
    times = {change.at for change in getattr(truth.accounts.get(key, _NONE), view)}
    times |= {at for application, at, _ in truth.integrations if application == key[0]}
    return [(instant(at), true_state(truth, key, view, instant(at))) for at in sorted(times)]


_NONE = AccountTruth("", "", "")
