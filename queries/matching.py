"""Checks in memory whether one event meets the conditions of a `Selection`.

They equal its SQL, except for the time range, which a feed does not have.
"""

from __future__ import annotations

from collections.abc import Container, MutableSet

from queries.conditions import CONDITIONS, Check, subjects_called
from queries.selection import Selection
from queries.store import Store


def conditions(selection: Selection, known: MutableSet[str], names: Container[str] = CONDITIONS) -> tuple[Check, ...]:
    """Return the conditions, of those in `names`, that an event must all meet. Unused ones cost nothing.

    `known` holds the ids of subjects that were ever called `selection.subject`. It grows, so that a renamed person is
    still found.
    """
    found = [CONDITIONS[name].check(value, known) for name, value in selection.given().items() if name in names]
    if (organization := selection.organization) is not None:
        return (lambda item: bool(item["organization"] == organization), *found)
    return tuple(found)


def known_ids(store: Store, selection: Selection) -> set[str]:
    """Return the ids that `conditions` needs at the start. Raises `StoreAway`."""
    if not selection.subject:
        return set()
    return {row[0] for row in store.query(subjects_called("subject"), selection.parameters())}
