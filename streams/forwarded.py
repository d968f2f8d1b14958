"""Records of `idtrail.provisioning`: events that the sink has stored and passed on to detection, with its findings.

What the sink derives from an event goes with it in a header, so that detection need not derive it again. If the header
is from another release than the reader, the event is derived anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple, get_type_hints

import orjson

from schemas.drift import drift
from schemas.envelope import Header, unseal, version_of
from schemas.errors import MalformedRecord
from schemas.events import Event, parse
from schemas.facts import Facts, facts
from schemas.signature import incident_id
from schemas.times import Moment, TimeQuality, believed, parse_timestamp, to_microseconds

KNOWN_AT: Final = "idtrail_known_at"
FOUND: Final = "idtrail_found"


class Found(NamedTuple):
    """Derived data of an event, computed once for the store and for detection."""

    at: int
    """When it occurred, as far as it is credible: microseconds since 1970, 0 if not `timed`."""
    timed: bool
    """Whether its time is credible; if not, it belongs to no window."""
    incident_id: bytes
    """`schemas.signature.NONE` if the event did not fail."""
    drift: tuple[str, ...]
    """How it differs from the known shape of its type: see `schemas.drift`."""
    facts: Facts


class Forwarded(NamedTuple):
    """One decoded record."""

    organization: str
    event_id: bytes
    fingerprint: bytes
    version: int
    """Among an event's copies, the one with the largest version is in force."""
    known_ms: int
    """When `idtrail.events` had it, in milliseconds."""
    found: Found
    raw: bytes


def found_in(organization: str, event: Event, moment: Moment) -> Found:
    """Derive everything from an event."""
    told = facts(event)
    return Found(
        to_microseconds(moment.at),
        moment.quality is TimeQuality.OK,
        incident_id(organization, event, told),
        tuple([finding.text() for finding in drift(event)]),
        told,
    )


_SHAPE: Final = blake2b(repr(get_type_hints(Facts)).encode(), digest_size=8).hexdigest()
"""The format of the header; the facts of another release may differ."""
_TYPES: Final = (
    *(str, int, bool, str, list),
    *(list if kind == tuple[str, ...] else kind for kind in get_type_hints(Facts).values()),
)
_LISTS: Final = tuple(at for at, kind in enumerate(_TYPES) if kind is list)


def headers_of(known_ms: int, found: Found) -> list[Header]:
    """Return the headers that the sink adds to the event's own headers and its place."""
    headers: list[Header] = [(KNOWN_AT, str(known_ms).encode())]
    at, timed, incident, drifted, told = found
    with suppress(TypeError):  # a lone surrogate, which JSON cannot express: such an event is derived anew
        headers.append((FOUND, orjson.dumps([_SHAPE, at, timed, incident.hex(), drifted, *told])))
    return headers


def read_forwarded(value: bytes | None, headers: Mapping[str, bytes]) -> Forwarded:
    """Decode a record. Raises `RecordError` for one that the sink did not write."""
    try:
        known_ms = int(headers[KNOWN_AT])
        known_at = datetime.fromtimestamp(known_ms / 1000, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise MalformedRecord("the record was not forwarded by the sink", reason="not_forwarded") from None
    if value is None:
        raise MalformedRecord("the record has no value", reason="no_value")
    sealed = unseal(value, list(headers.items()), known_at)
    found = _read(headers.get(FOUND))
    if found is None:
        event = parse(sealed.value, sealed.event_type, sealed.version)
        found = found_in(sealed.organization, event, believed(parse_timestamp(event.timestamp), known_at))
    version = version_of(sealed.trust, known_ms, sealed.fingerprint)
    return Forwarded(sealed.organization, sealed.event_id, sealed.fingerprint, version, known_ms, found, sealed.value)


def _read(header: bytes | None) -> Found | None:
    """Return what the sink found; None if the header is missing or from another release."""
    try:
        told: Any = orjson.loads(header or b"null")
        if type(told) is not list or tuple(map(type, told)) != _TYPES or told[0] != _SHAPE:
            return None
        for at in _LISTS:
            if not all(type(text) is str for text in told[at]):
                return None
            told[at] = tuple(told[at])
        return Found(told[1], told[2], bytes.fromhex(told[3]), told[4], Facts._make(told[5:]))
    except ValueError:
        return None
