"""Identifiers of a person in an event, besides its subject: names and addresses that were set, numbers.

Each is a text `kind:value`. Pure and total, as `facts` is. The values are the directory's own, so an attempt that the
application refused gives them as well as one that it accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

from schemas.events import Event, Kind
from schemas.facts import MAX_CHANGES, MAX_ID, MAX_NAME, Facts
from schemas.identity import decided_other
from schemas.outcome import Outcome

MAX_IDENTIFIERS: Final = 12
"""The most identifiers of one event."""


class IdentifierKind(StrEnum):
    """The kinds of identifiers."""

    NAME = "name"
    """A user name."""
    EMAIL = "email"
    EMPLOYEE = "employee"
    """The employer's number for the person."""
    EXTERNAL = "external"
    """An id of the person other than the one that the event is filed under."""
    FULL_NAME = "full_name"
    """Full names of people, not of accounts: many people may share one, so it proves nothing."""
    DECIDED = "decided"
    """The other id of a manual decision: see schemas/identity.py."""


PEOPLE: Final = frozenset({"user", "systemuser", ""})
"""Subject types that can be people."""

_ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_SIMPLE: Final = {
    "userName": IdentifierKind.NAME,
    "username": IdentifierKind.NAME,
    "email": IdentifierKind.EMAIL,
    "emails": IdentifierKind.EMAIL,
    "externalId": IdentifierKind.EXTERNAL,
    "employeeIdentifier": IdentifierKind.EMPLOYEE,
    "employeeNumber": IdentifierKind.EMPLOYEE,
    f"{_ENTERPRISE}:employeeNumber": IdentifierKind.EMPLOYEE,
    _ENTERPRISE: IdentifierKind.EMPLOYEE,
    "displayName": IdentifierKind.FULL_NAME,
    "name": IdentifierKind.FULL_NAME,
    "firstname": IdentifierKind.FULL_NAME,
}
_FAMILY: Final = "lastname"
_ODD: Final = frozenset({"firstname", "emails"})
"""Whose text alone is no identifier."""


def identifiers(event: Event, found: Facts) -> tuple[str, ...]:
    """Return the identifiers of the subject of `event`, whose facts are `found`, in the order of the event."""
    if not found.subject_id or found.subject_type not in PEOPLE:
        return ()
    if event.kind is Kind.OTHER:
        if other := decided_other(event):
            return (f"{IdentifierKind.DECIDED.value}:{other[:MAX_ID]}",)
        if found.outcome == Outcome.FAILURE:
            return ()  # the directory itself refused the change
    if event.kind not in (Kind.USER, Kind.OTHER) or not event.changes:
        return ()
    # Values that the subject's own columns have are found there.
    told = {found.subject_id, found.subject_name.lower(), found.subject_email.lower()}
    external, full = IdentifierKind.EXTERNAL, IdentifierKind.FULL_NAME  # members of an enum are slow to look up
    texts: dict[str, None] = {}
    for kind, text in _changed(event):
        shown = text if kind is external else text.lower()
        if shown not in told or kind is full:
            texts[kind + ":" + shown[:MAX_NAME]] = None
    return tuple(texts)[:MAX_IDENTIFIERS]


def full_name(event: Event, shown: str) -> str:
    """Return a full name in the event's own spelling; `shown` is its form in `identifiers`."""
    texts = (text for kind, text in _changed(event) if kind is IdentifierKind.FULL_NAME)
    return next((text[:MAX_NAME] for text in texts if text.lower()[:MAX_NAME] == shown), shown)


def _changed(event: Event) -> Iterator[tuple[IdentifierKind, str]]:
    """Yields the identifiers in changed values, in their original spelling."""
    left = MAX_CHANGES
    for change in event.changes or ():
        field, value = change.field or "", change.to
        kind = _SIMPLE.get(field)
        if kind is None:
            continue
        text = value.strip() if type(value) is str and field not in _ODD else _text(field, value, event)
        if text:
            yield kind, text
        left -= 1
        if not left:
            return


def _text(field: str, value: Any, event: Event) -> str:
    """Return the identifier in a changed value, or an empty text."""
    if field == "firstname":
        family = next((change.to for change in event.changes or () if change.field == _FAMILY), None)
        return f"{value} {family}".strip() if isinstance(value, str) and isinstance(family, str) else ""
    if field == "emails":
        sent = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
        sent.sort(key=lambda one: one.get("primary") is not True)
        return _word(sent[0].get("value")) if sent else ""
    if isinstance(value, dict):
        if field == _ENTERPRISE:
            return _word(value.get("employeeNumber"))
        parts = (_word(value.get("givenName")), _word(value.get("familyName")))
        return " ".join(parts) if field == "name" and all(parts) else ""
    return _word(value)


def _word(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""
