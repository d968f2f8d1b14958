"""Records of `idtrail.provisioning`, read: events that the sink has stored and passed on to detection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.envelope import Sealed, unseal
from schemas.errors import MalformedRecord
from schemas.events import Event, parse
from schemas.times import Moment, believed, parse_timestamp


class Forwarded(NamedTuple):
    """One of them."""

    sealed: Sealed
    event: Event
    moment: Moment
    """When it occurred, as the log can believe it."""
    known_ms: int
    """When `idtrail.events` had it."""


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
    return Forwarded(sealed, event, believed(parse_timestamp(event.timestamp), known_at), known_ms)
