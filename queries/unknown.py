"""Event types and rules that do not exist: they are refused with names like them, not answered with nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from queries.scope import SCOPE, scoped
from queries.store import SMALL_LIMITS, Store
from schemas.errors import BadUsage
from schemas.near import nearest, suggestion
from schemas.vendor_types import KNOWN_TYPES

MAX_NAMES: Final = 10_000
"""Of those that only the store knows."""
MAX_NEAR: Final = 3

TYPES: Final = f"SELECT DISTINCT event_type FROM event_counts WHERE {SCOPE} LIMIT {MAX_NAMES}"
RULES: Final = f"SELECT DISTINCT rule_id FROM alert_records WHERE {SCOPE} LIMIT {MAX_NAMES}"


def refuse_unknown_types(store: Store, organization: str | None, types: Iterable[str]) -> None:
    """Raises `BadUsage` for one that neither the vendor documents nor any event has."""
    _refuse("event type", types, KNOWN_TYPES, store, TYPES, organization)


def refuse_unknown_rules(store: Store, organization: str | None, rules: Iterable[str], known: Collection[str]) -> None:
    """Raises `BadUsage` for one that is not among the known ones, and that no alert is of."""
    _refuse("rule", rules, known, store, RULES, organization)


def _refuse(
    what: str, asked: Iterable[str], known: Collection[str], store: Store, sql: str, organization: str | None
) -> None:
    others = [name for name in asked if name not in known]
    if not others:
        return
    names = {*known, *(name for (name,) in store.query(sql, scoped(organization), SMALL_LIMITS))}
    for name in others:
        if name not in names:
            raise BadUsage(f"no {what} is known as {name[:100]!r}{suggestion(nearest(name, names, MAX_NEAR))}")
