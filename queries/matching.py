"""Whether one event is what a question is about: the conditions of `Selection`, in memory. Pure.

Equal in meaning to the SQL of `queries.selection`, but for the range of time: a feed has none.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableSet
from typing import Any

from queries.selection import LISTS, SEARCHED, Selection
from queries.store import Store


def matches(selection: Selection, item: Mapping[str, Any], known: MutableSet[str]) -> bool:
    """Whether the event meets every condition.

    `known` holds the ids of subjects that were ever called `selection.subject`, and learns: a person who is
    renamed is still the one who was asked for.
    """
    if selection.organization is not None and item["organization"] != selection.organization:
        return False
    for name, column in LISTS.items():
        wanted = getattr(selection, name)
        if wanted and item[column] not in wanted:
            return False
    if selection.application and not _called(selection.application, item["application_id"], item["application_name"]):
        return False
    if selection.actor and not _called(selection.actor, item["actor_id"], item["actor_name"]):
        return False
    if selection.subject and not _about(selection.subject, item, known):
        return False
    if selection.incident and item["incident_id"] != selection.incident:
        return False
    return not selection.text or _found(selection.text, item)


def known_ids(store: Store, selection: Selection) -> set[str]:
    """The ids that `matches` needs to begin with. Raises `StoreAway`."""
    if not selection.subject:
        return set()
    named = f"{selection.organization_sql()} AND name = lowerUTF8({{subject:String}})"
    return {
        row[0] for row in store.query(f"SELECT DISTINCT subject_id FROM subjects WHERE {named}", selection.parameters())
    }


def _called(wanted: str, own: str, name: str) -> bool:
    return wanted == own or wanted.lower() == name.lower()


def _about(wanted: str, item: Mapping[str, Any], known: MutableSet[str]) -> bool:
    own: str = item["subject_id"]
    if own and wanted.lower() in (item["subject_name"].lower(), item["subject_email"].lower()):
        known.add(own)
    return wanted == own or own in known


def _found(text: str, item: Mapping[str, Any]) -> bool:
    part = text.lower()
    return any(part in item[column].lower() for column in SEARCHED)
