"""Decisions by hand on who is one person: events of our own, on the log like any other, so that a rebuild keeps them.

Such an event is filed under the first id and names the second. It counts only from a source of ours: whoever may send
events, but not decide, can put one on the log that looks the same, and it decides nothing.
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
"""The field that names the second id, as `resource` does the first."""
SOURCE: Final = "idtrail:"
"""How the sources of decisions begin; no other source's name does."""
MAX_BECAUSE: Final = 500


class IdentityDecision(NamedTuple):
    """That two ids are one person, or are not; by whom, when and why."""

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
        """The two ids: a decision has no direction."""
        return frozenset((self.first, self.second))


def seal_decision(organization: str, decision: IdentityDecision) -> Envelope:
    """What goes on the log. The event's own id there is `decision.event_id`; the trail's is the envelope's."""
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
    """The decision that a logged event is; None for what is none. Whether its source may decide, the caller knows."""
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
    """The second id of an event that is a decision by its form, else empty."""
    if event.event_type not in (LINKED, SEPARATED):
        return ""
    other = (event.model_extra or {}).get(OTHER)
    own = other.get("id") if isinstance(other, dict) else None
    return own if isinstance(own, str) else ""
