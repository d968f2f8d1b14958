"""Which groups were bound to which applications at a given time, as far as the log says. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from queries.accounts.folding import Row
from schemas.association import ASSOCIATION_CHANGE


class Bound(NamedTuple):
    """The binding of a group to an application, or its end."""

    at: datetime
    application_id: str
    added: bool


def binds(row: Row, application_id: str) -> bool:
    """Whether the event binds a group to the application or unbinds it."""
    own = row["event_type"] == ASSOCIATION_CHANGE and row["application_id"] == application_id
    return bool(own and row["group_id"])


def bindings_of(rows: Iterable[Row]) -> dict[str, list[Bound]]:
    """Return the bindings of each group in order of time."""
    found: dict[str, list[Bound]] = defaultdict(list)
    for row in rows:
        found[row["group_id"]].append(Bound(row["occurred_at"], row["application_id"], row["action"] == "add"))
    for own in found.values():
        own.sort(key=lambda one: one.at)
    return found


def bound_at(bindings: Sequence[Bound], at: datetime) -> set[str]:
    """Return the applications that a group was bound to at a time, given its `bindings` in order.

    A binding whose end is the first event after `at` was in effect at `at`.
    """
    found = {}
    for binding in reversed(bindings):
        if binding.at > at:
            found[binding.application_id] = not binding.added
    for binding in bindings[: bisect_right(bindings, at, key=lambda one: one.at)]:
        found[binding.application_id] = binding.added
    return {application for application, held in found.items() if held}
