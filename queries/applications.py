"""Finds applications by id or by any name that they had. An unknown name is an error, not an empty answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from queries.scope import SCOPE, scoped
from queries.store import SMALL_LIMITS, Store
from schemas.errors import Unknown
from schemas.near import nearest

MAX_NAMES: Final = 1_000
"""How many names are searched for a similar one."""
MAX_NEAR: Final = 3
TOLD: Final = 8
"""How many names one message lists."""

IDS: Final = (
    f"SELECT DISTINCT application_id FROM applications WHERE {SCOPE}"
    " AND (application_id = {application:String} OR lowerUTF8(name) = lowerUTF8({application:String}))"
    f" ORDER BY application_id LIMIT {MAX_NAMES}"
)
NAMES: Final = (
    f"SELECT DISTINCT if(name = '', application_id, name) AS called FROM applications WHERE {SCOPE}"
    f" ORDER BY lowerUTF8(called), called LIMIT {MAX_NAMES}"
)


def find_application(store: Store, organization: str | None, asked: str) -> tuple[str, ...]:
    """Return the ids of the applications that have or had this id or name. Raises `Unknown`."""
    scope = scoped(organization)
    found = store.query(IDS, {**scope, "application": asked}, SMALL_LIMITS)
    if not found:
        raise _unknown(asked, [name for (name,) in store.query(NAMES, scope, SMALL_LIMITS)])
    return tuple(own for (own,) in found)


def _unknown(asked: str, names: Sequence[str]) -> Unknown:
    near = nearest(asked, names, MAX_NEAR)
    told = [*near, *(name for name in names if name not in near)]
    more = f" and {len(told) - TOLD} more" if len(told) > TOLD else ""
    there_are = f"there are: {', '.join(told[:TOLD])}{more}" if told else "no event names one yet"
    return Unknown(f"no application is known as {asked[:100]!r}; {there_are}", near)
