"""Records of `idtrail.provisioning`, read: events that the sink has stored and passed on to detection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.envelope import Sealed, unseal
from schemas.errors import MalformedRecord
from schemas.events import Event, parse
from schemas.facts import Facts, facts
from schemas.signature import NONE, incident_id
from schemas.times import Moment, TimeQuality, believed, parse_timestamp


class Forwarded(NamedTuple):
    """One of them."""

    sealed: Sealed
    event: Event
    moment: Moment
    """When it occurred, as the log can believe it."""
    known_ms: int
    """When `idtrail.events` had it."""
    facts: Facts
    incident_id: bytes
    """`schemas.signature.NONE` of what did not fail, and of what happened nobody knows when."""

    @property
    def timed(self) -> bool:
        """Whether its time can be believed: if not, it belongs into no window."""
        return self.moment.quality is TimeQuality.OK


def forwarded_of(sealed: Sealed, event: Event, moment: Moment, known_ms: int) -> Forwarded:
    """What detection makes of an event that the sink has read."""
    found = facts(event)
    incident = incident_id(sealed.organization, event, found) if moment.quality is TimeQuality.OK else NONE
    return Forwarded(sealed, event, moment, known_ms, found, incident)


def read_forwarded(value: bytes | None, headers: Mapping[str, bytes]) -> Forwarded:
    """Raises `RecordError` for a record that the sink did not write."""
    try:
        known_ms = int(headers["idtrail_known_at"])
        known_at = datetime.fromtimestamp(known_ms / 1000, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise MalformedRecord("the record was not forwarded by the sink", reason="not_forwarded") from None
    if value is None:
        raise MalformedRecord("the record has no value", reason="no_value")
    sealed = unseal(value, list(headers.items()), known_at)
    event = parse(sealed.value, sealed.event_type, sealed.version)
    return forwarded_of(sealed, event, believed(parse_timestamp(event.timestamp), known_at), known_ms)
