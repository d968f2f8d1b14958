"""Derives an event's facts as plain columns, the same wherever they are needed.

`facts` is pure and total: any typed event has facts, and the same event always has the same ones.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from schemas.action import PUSHES, Action
from schemas.association import Association, End, association_in
from schemas.events import AssociationChange, DirectoryEvent, Event, Kind
from schemas.jsontext import encode
from schemas.parts import Change
from schemas.verdict import verdict

MAX_NAME: Final = 256
MAX_ID: Final = 256
"""Longer ids are cut: they go into keys and headers, which must fit into a Kafka record together with the event."""
MAX_CHANGES: Final = 32
"""The most names of changed attributes of one event, and after them the most states."""
MAX_STATE: Final = 64

_STATES = frozenset({"active", "state", "suspended", "activated", "account_locked"})
"""Attributes whose values are states and never personal."""
_ACTIVE = {"true": "active", "1": "active", "1.0": "active", "false": "inactive", "0": "inactive", "0.0": "inactive"}
"""Providers' spellings of a boolean. Anything else is not a state."""

MEANT: Final = {
    Action.CREATE: "active",
    Action.UPDATE: "",
    Action.DEPROVISION: "inactive",
    Action.DELETE: "deleted",
    Action.LOOKUP: "",
    Action.ACTIVATE: "",
    Action.REAUTH: "",
}
"""The state that each action is to give a person's account, unless an attribute of a push says otherwise; empty for
none."""


class Facts(NamedTuple):
    """The columns that every event has. Texts are empty where the event has no value."""

    event_type: str
    kind: str
    action: str
    outcome: str
    subject_id: str
    subject_type: str
    subject_name: str
    subject_email: str
    application_id: str
    application_name: str
    integration_id: str
    actor_id: str
    actor_type: str
    actor_name: str
    http_status: int
    """The status of the provider's answer; 0 when unknown."""
    scim_type: str
    cause: str
    """One of `Cause` for failures, else empty."""
    attribute: str
    """The SCIM attribute that the provider rejected, if its text names one."""
    detail: str
    """The provider's text, without secrets and mail addresses, limited in length."""
    retryable: bool
    account_state: str
    """The state that the attempt was to give the account: active, inactive, deleted; empty when unchanged."""
    changed: tuple[str, ...]
    """Names of the attributes that the attempt set; values only for states, such as `active: false`."""
    flags: tuple[str, ...]
    group_id: str
    """The group that was bound to or unbound from an application, or whose member was added or removed."""
    group_name: str


class Subject(NamedTuple):
    """The person or thing that an event is about."""

    id: str
    type: str
    name: str
    email: str


_NOBODY = Subject("", "", "", "")
_NOTHING = End("", "")


def facts(event: Event) -> Facts:
    """Return the facts of an event."""
    event_type = type_of(event)
    found = verdict(event, event_type)
    own, own_type, name, email = subject(event)
    if not email and event.kind is Kind.USER:
        email = _changed_email(event)
    application = event.application
    actor = event.initiated_by
    told = Facts(
        event_type,
        event.kind.value,
        str(event.action) if event.action else "",
        found.outcome,
        own,
        own_type,
        name,
        email,
        (application.id or "")[:MAX_ID] if application else "",
        (application.name or application.display_label or "")[:MAX_NAME] if application else "",
        (event.idm_client_id or "")[:MAX_ID],
        (actor.id or "")[:MAX_ID] if actor else "",
        (actor.type or "")[:MAX_NAME] if actor else "",
        (actor.email or actor.username or actor.source or "")[:MAX_NAME] if actor else "",
        found.http_status,
        found.scim_type,
        found.cause,
        found.attribute,
        found.detail,
        found.retryable,
        _account_state(event),
        _changed(event),
        _flags(event, event_type, found.flag),
        "",
        "",
    )
    return _connecting(event, told) if type(event) is AssociationChange else told


def _connecting(event: AssociationChange, found: Facts) -> Facts:
    connected = association_in(event.association)
    if connected is None:
        return found
    application, group = connected.application or _NOTHING, connected.group or _NOTHING
    return found._replace(
        action=connected.op,
        application_id=application.id[:MAX_ID],
        application_name=application.name[:MAX_NAME],
        group_id=group.id[:MAX_ID],
        group_name=group.name[:MAX_NAME],
    )


def _connected(connected: Association) -> Subject:
    if connected.user is not None:
        return Subject(connected.user.id, "user", connected.user.name, "")
    group = connected.group or _NOTHING
    return Subject(group.id, "user_group", group.name, "")


def type_of(event: Event) -> str:
    """Return the type's own name, whichever alias the record uses; empty if it has none."""
    return event.canonical or (event.event_type or "")[:MAX_NAME]


def _flags(event: Event, event_type: str, contradiction: str) -> tuple[str, ...]:
    if event.id and event_type and not contradiction and not event.set_aside:
        return ()
    found = [contradiction] if contradiction else []
    found += [f"odd_{name}"[:MAX_NAME] for name in event.set_aside]
    if not event.id:
        found.append("no_id")
    if not event_type:
        found.append("no_event_type")
    return tuple(found)


def subject(event: Event) -> Subject:
    """Return what the event is about: the account's person, the group, or the application.

    For an association, it is the person, or the group that is bound to an application.
    """
    own, kind, name, email = _subject(event)
    return Subject(own[:MAX_ID], kind[:MAX_NAME], name[:MAX_NAME], email[:MAX_NAME])


def _subject(event: Event) -> Subject:
    resource, kind = event.resource, event.kind
    if type(event) is AssociationChange:
        connected = association_in(event.association)
        if connected is not None:
            return _connected(connected)
    if kind is Kind.INTEGRATION:
        application = event.application
        if application is None:
            return Subject(event.idm_client_id or "", "application", "", "")
        name = application.name or application.display_label or ""
        return Subject(application.id or event.idm_client_id or name, "application", name, "")
    if resource is not None and (resource.id or resource.username or resource.email or resource.name):
        name = resource.username or resource.display_name or resource.name or resource.email or ""
        own = resource.id or (_changed_to(event, "externalId") if kind is Kind.USER else "") or name
        return Subject(own, resource.type or _subject_type(kind), name, resource.email or "")
    if kind is Kind.USER:
        name = _changed_to(event, "userName")
        own = _changed_to(event, "externalId") or name
        return Subject(own, "user", name, "") if own else _NOBODY
    if kind is Kind.GROUP:
        name = _changed_to(event, "displayName")
        return Subject(name, "user_group", name, "") if name else _NOBODY
    return _acting_user(event)


def _acting_user(event: Event) -> Subject:
    """Return the user who signs in: sign-in events are about that user."""
    actor = event.initiated_by
    if actor is not None and (actor.id or actor.username):
        name = actor.username or actor.email or ""
        return Subject(actor.id or name, actor.type or "", name, actor.email or "")
    if isinstance(event, DirectoryEvent) and event.username:
        return Subject(event.username, "user", event.username, "")
    return _NOBODY


def _subject_type(kind: Kind) -> str:
    return {Kind.USER: "user", Kind.GROUP: "user_group"}.get(kind, "")


def _changed_to(event: Event, field: str) -> str:
    for change in event.changes or ():
        if change.field == field:
            return change.to if isinstance(change.to, str) else ""
    return ""


def _changed_email(event: Event) -> str:
    """Return the primary address of those that were sent, else the first."""
    for change in event.changes or ():
        if change.field == "emails" and isinstance(change.to, list):
            sent = [one for one in change.to if isinstance(one, dict) and isinstance(one.get("value"), str)]
            sent.sort(key=lambda one: one.get("primary") is not True)
            return str(sent[0]["value"])[:MAX_NAME] if sent else ""
    return ""


def _changed(event: Event) -> tuple[str, ...]:
    names = []
    for change in (event.changes or ())[:MAX_CHANGES]:
        name = change.field
        if name:
            names.append(_shown_change(change) if name in _STATES else name[:MAX_NAME])
    if event.changes and len(event.changes) > MAX_CHANGES:
        names += _states_of(event.changes[MAX_CHANGES:])
    return tuple(names)


def _states_of(changes: list[Change]) -> list[str]:
    """Return the first change of each state: a suspension counts wherever it stands among the attributes."""
    first: dict[str, Change] = {}
    for change in changes:
        if change.field in _STATES:
            first.setdefault(change.field, change)
    return [_shown_change(change) for change in first.values()]


def _shown_change(change: Change) -> str:
    after = _shown_value(change.to)
    if change.from_ is None:
        return f"{change.field}: {after}"
    return f"{change.field}: {_shown_value(change.from_)} -> {after}"


def _shown_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (value if isinstance(value, str) else encode(value))[:MAX_STATE]


def _account_state(event: Event) -> str:
    if event.kind is not Kind.USER:
        return ""
    if event.action in PUSHES:
        for change in event.changes or ():
            if change.field == "active" and change.to is not None:
                return _ACTIVE.get(str(change.to).lower(), "")
    return MEANT[event.action] if event.action else ""
