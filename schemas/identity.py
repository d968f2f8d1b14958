"""Manual decisions on which ids are one person: events of our own, on the log like any other, so that a rebuild keeps
them.

Such an event is filed under the first id and names the second. It counts only if it comes from a source of ours:
whoever may send events but not decide can send one that looks the same, and it has no effect.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from schemas.envelope import Envelope, Source, Trust, seal
from schemas.events import Event, parse
from schemas.times import parse_timestamp
from schemas.versions import dataschema

LINKED: Final = "identity_linked"
SEPARATED: Final = "identity_separated"
OTHER: Final = "other_resource"
"""The field with the second id, as `resource` has the first."""
SOURCE: Final = "idtrail:"
"""Prefix of the sources of decisions; no other source has it."""
MAX_BECAUSE: Final = 500


class IdentityDecision(NamedTuple):
    """A decision that two ids are, or are not, one person: by whom, when and why."""

    first: str
    second: str
    linked: bool
    at: datetime
    by: str
    """The token's name."""
    because: str
    event_id: UUID

    @property
    def pair(self) -> frozenset[str]:
        """The two ids as a set, because a decision has no direction."""
        return frozenset((self.first, self.second))


def seal_decision(organization: str, decision: IdentityDecision) -> Envelope:
    """Make the envelope for the log. The event's own id in it is `decision.event_id`; the trail's id is the
    envelope's."""
    event_type = LINKED if decision.linked else SEPARATED
    record = {
        "id": str(decision.event_id),
        "event_type": event_type,
        "service": "idtrail",
        "organization": organization,
        "timestamp": decision.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "success": True,
        "initiated_by": {"type": "token", "username": decision.by},
        "resource": {"id": decision.first, "type": "user"},
        OTHER: {"id": decision.second, "type": "user"},
        "because": decision.because,
    }
    source = Source(f"{SOURCE}{decision.by}", Trust.CONNECTOR, organization)
    sealed = seal(orjson.dumps(record), source, decision.at)
    return sealed._replace(headers=[*sealed.headers, ("ce_dataschema", dataschema(event_type).encode())])


def read_identity_decision(raw: bytes, event_id: UUID) -> IdentityDecision | None:
    """Return the decision in a logged event; None if it is not one. The caller checks whether the source may
    decide."""
    event = parse(raw)
    other = decided_other(event)
    if not other or event.resource is None or not event.resource.id or event.initiated_by is None:
        return None
    more: dict[str, Any] = event.model_extra or {}
    return IdentityDecision(
        event.resource.id,
        other,
        event.event_type == LINKED,
        parse_timestamp(event.timestamp).at,
        event.initiated_by.username or "",
        str(more.get("because") or ""),
        event_id,
    )


def decided_other(event: Event) -> str:
    """Return the second id of an event in the form of a decision, else an empty text."""
    if event.event_type not in (LINKED, SEPARATED):
        return ""
    other = (event.model_extra or {}).get(OTHER)
    own = other.get("id") if isinstance(other, dict) else None
    return own if isinstance(own, str) else ""
