"""The two sides of an `association_change`: a group and an application, a person and a group, or a person and an
application.

Pure and total: other connections give None.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

ASSOCIATION_CHANGE: Final = "association_change"

_KINDS: Final = {
    "user_group": "group",
    "usergroup": "group",
    "user": "user",
    "systemuser": "user",
    "application": "application",
}


class End(NamedTuple):
    """One side of a connection."""

    id: str
    name: str


class Association(NamedTuple):
    """A connection of two of these three."""

    op: str
    """`add` or `remove`."""
    group: End | None
    user: End | None
    application: End | None


def association_in(written: dict[str, Any] | None) -> Association | None:
    """Return the connection that was made or undone; None if it is of another kind or unintelligible."""
    if written is None:
        return None
    connection, op = written.get("connection"), written.get("op")
    if not isinstance(connection, dict) or op not in ("add", "remove"):
        return None
    ends: dict[str, End] = {}
    for side in ("from", "to"):
        end = connection.get(side)
        if not isinstance(end, dict):
            return None
        own, name = end.get("object_id"), end.get("name")
        kind = _KINDS.get(str(end.get("type")).lower())
        if kind is None or not isinstance(own, str) or not own:
            return None
        ends[kind] = End(own, name if isinstance(name, str) else "")
    if len(ends) != 2:
        return None
    return Association(op, ends.get("group"), ends.get("user"), ends.get("application"))
