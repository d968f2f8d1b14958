"""Checks in memory whether one event meets the conditions of a `Selection`. Pure.

It equals the SQL of `queries.selection`, except for the time range, which a feed does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableSet
from typing import Any

from queries.scope import SCOPE
from queries.selection import LISTS, SEARCHED, Selection
from queries.store import Store

Item = Mapping[str, Any]
Condition = Callable[[Item], bool]


def conditions(selection: Selection, known: MutableSet[str]) -> tuple[Condition, ...]:
    """Return the conditions that an event must all meet. Unused ones cost nothing.

    `known` holds the ids of subjects that were ever called `selection.subject`. It grows, so that a renamed person is
    still found.
    """
    found: list[Condition] = []
    if selection.organization is not None:
        found.append(_is("organization", selection.organization))
    found += [_among(column, getattr(selection, name)) for name, column in LISTS.items() if getattr(selection, name)]
    if selection.application:
        found.append(_called(selection.application, "application_id", "application_name"))
    if selection.actor:
        found.append(_called(selection.actor, "actor_id", "actor_name"))
    if selection.incident:
        found.append(_is("incident_id", selection.incident))
    if selection.subject:
        found.append(_about(selection.subject, known))
    if selection.text:
        found.append(_holds(selection.text))
    return tuple(found)


def known_ids(store: Store, selection: Selection) -> set[str]:
    """Return the ids that `conditions` needs at the start. Raises `StoreAway`."""
    if not selection.subject:
        return set()
    named = f"{SCOPE} AND name = lowerUTF8({{subject:String}})"
    rows = store.query(f"SELECT DISTINCT subject_id FROM subjects WHERE {named}", selection.parameters())
    return {row[0] for row in rows}


def _is(column: str, wanted: str) -> Condition:
    return lambda item: bool(item[column] == wanted)


def _among(column: str, wanted: tuple[str, ...]) -> Condition:
    return lambda item: item[column] in wanted


def _called(wanted: str, own: str, name: str) -> Condition:
    lower = wanted.lower()
    return lambda item: wanted == item[own] or lower == item[name].lower()


def _about(wanted: str, known: MutableSet[str]) -> Condition:
    lower = wanted.lower()

    def meets(item: Item) -> bool:
        own: str = item["subject_id"]
        if own and lower in (item["subject_name"].lower(), item["subject_email"].lower()):
            known.add(own)
        return wanted == own or own in known

    return meets


def _holds(text: str) -> Condition:
    part = text.lower()
    return lambda item: any(part in item[column].lower() for column in SEARCHED)
