"""Converts received bytes to their form on the log, and back: CloudEvents 1.0 in Kafka's binary mode.

The value is the received object's own bytes, from `{` to `}`; for a wrapped event, the inner object's. Nothing is
rewritten: only secrets are cut out, which a header then notes. The event's context is in headers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas import normal_form as identity
from schemas.errors import ForeignOrganization, MalformedRecord, RecordError
from schemas.events import Event, Kind, from_object
from schemas.facts import MAX_ID, subject, type_of
from schemas.jsontext import decode_object, inner_object, trim
from schemas.organization import is_organization, require_organization
from schemas.redaction import redact
from schemas.times import TimeQuality, parse_timestamp, rfc3339
from schemas.versions import version_in

WRAPPERS: Final = ("jumpcloud", "jumpcloud_bridge", "di_event")
"""Keys under which shippers and alert webhooks nest the vendor's object."""

_STAMPS: Final = frozenset({"timestamp", "jc_timestamp"})

TYPE_PREFIX: Final = "idtrail."
OTHER_TYPE: Final = "idtrail.directory_event"

Header = tuple[str, bytes]


class Trust(IntEnum):
    """By which route an event came. Of two copies of one event, the one with the higher trust is in force."""

    OPEN_INGEST = 1
    WEBHOOK = 2
    EXPORT = 3
    TENANT_API = 4
    CONNECTOR = 5


TRUST_STEP: Final = 10**16
"""A copy's version is its trust times this, minus an amount for when it was known: the larger is in force."""


def version_of(trust: int, known_ms: int, fingerprint: bytes) -> int:
    """Return a copy's version. Among an event's copies the largest is in force: by trust, then by the earliest append.

    Copies of the same millisecond are ordered by their content, so that no merge has to choose by chance.
    """
    return trust * TRUST_STEP - known_ms * 1000 + int.from_bytes(fingerprint[:2]) % 1000


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of records, and the organization that they belong to."""

    name: str
    """Becomes `ce_source`, such as `file:export.json.gz` or `api:<token>`."""
    trust: Trust
    organization: str | None = None
    """The only organization that this source may speak for; None accepts what each record says."""

    def __post_init__(self) -> None:
        """Raises `BadUsage` for what is no organization: the log would keep its events for ever."""
        if self.organization is not None:
            require_organization(self.organization, "organization")


class Envelope(NamedTuple):
    """One event as it goes on the log."""

    key: bytes
    value: bytes
    headers: list[Header]
    event_id: UUID
    event_type: str
    organization: str


def unwrap(raw: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return the vendor's object in `raw`, as its own bytes and decoded. Raises `MalformedRecord`."""
    value = trim(raw)
    record = decode_object(value)
    if "timestamp" not in record or "event_type" not in record:  # a shipper adds its own timestamps, but no types
        for wrapper in WRAPPERS:
            inner = record.get(wrapper)
            if isinstance(inner, dict) and not _STAMPS.isdisjoint(inner):
                found = inner_object(value, wrapper)
                # The decoder takes the last of repeated keys and the scanner the first: not one event.
                if found is None or decode_object(found) != inner:
                    raise MalformedRecord(f"more than one {wrapper!r} in the record", reason="repeated_key")
                value, record = found, inner
                break
    if _STAMPS.isdisjoint(record):
        raise MalformedRecord("no timestamp", reason="no_timestamp")
    return value, record


def seal(raw: bytes, source: Source, received_at: datetime) -> Envelope:
    """Make the envelope of one received record. Pure; raises `RecordError`."""
    value, record = unwrap(raw)
    event = from_object(record)
    organization = _organization(event, source)
    own_id = event.id
    value, cut = redact(value)
    if cut:  # everything derived from the record is on the log, too: anybody could guess a password from its hash
        record = decode_object(value)
        event = from_object(record)
    who = subject(event).id
    normal = identity.normal_form(record)
    fingerprint = identity.fingerprint(normal)
    own = identity.event_id(organization, own_id, normal)
    moment = parse_timestamp(event.timestamp)
    event_type = type_of(event)
    headers: list[Header] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(own).encode()),
        ("ce_type", _encode(TYPE_PREFIX + event_type) if event_type else OTHER_TYPE.encode()),
        ("ce_source", _encode(source.name)),
        ("content-type", b"application/json"),
        ("idtrail_organization", _encode(organization)),
        ("idtrail_received_at", _instant(received_at)),
        ("idtrail_fingerprint", fingerprint.hex().encode()),
        ("idtrail_digest", hashlib.sha256(value).hexdigest().encode()),
        ("idtrail_trust", source.trust.name.lower().encode()),
    ]
    if moment.quality is TimeQuality.OK:
        headers.append(("ce_time", rfc3339(moment).encode()))
    if who:
        headers.append(("ce_subject", _encode(who)))
    if cut:
        headers.append(("idtrail_redacted", str(cut).encode()))
    return Envelope(_encode(f"{organization}|{_key(event, who)}"), value, headers, own, event_type, organization)


def _organization(event: Event, source: Source) -> str:
    own = event.organization
    if "organization" in event.set_aside:
        raise ForeignOrganization("the record's organization is not a text", reason="odd_organization")
    if own and not is_organization(own):
        raise ForeignOrganization("the record's organization is not a valid organization id", reason="odd_organization")
    if source.organization is None:
        if not own:
            raise ForeignOrganization(
                "the record names no organization, and its source is not bound to one: "
                "import it with --organization or set IDTRAIL_ORGANIZATION",
                reason="no_organization",
            )
        return own
    if own and own != source.organization:
        raise ForeignOrganization(
            f"the record is of organization {own[:64]}, but {source.name} speaks for {source.organization}",
            reason="foreign_organization",
        )
    return source.organization


def _key(event: Event, who: str) -> str:
    """Return the Kafka key: one person's events share it and stay in order; an integration's share the
    application's."""
    if event.kind is Kind.INTEGRATION and event.application is not None and event.application.id:
        return event.application.id[:MAX_ID]
    return who


@lru_cache(maxsize=16)
def _instant(at: datetime) -> bytes:
    """Return the time as header text, the same for events that come together."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").encode()


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


_CONTEXT: Final = frozenset(
    ("ce_id", "ce_type", "ce_source", "idtrail_fingerprint", "idtrail_organization", "idtrail_trust")
) | {"idtrail_received_at"}
TRUSTS: Final = {trust.name.lower().encode(): trust for trust in Trust}
"""Trust levels by their names in headers."""


class Sealed(NamedTuple):
    """The context of a logged event, read back from its headers."""

    event_id: bytes
    """16 bytes, in the order of the text."""
    fingerprint: bytes
    event_type: str
    """The type's own name, for `parse`."""
    organization: str
    source: str
    trust: Trust
    received_at: datetime
    redacted: bool
    version: int | None
    """The schema version in `ce_dataschema`, for `parse`."""
    value: bytes
    """The event itself; if another producer wrote the record, without its wrapper and its secrets."""


def unseal(value: bytes, headers: Sequence[Header], known_at: datetime) -> Sealed:
    """Read the context of a logged event.

    A record that another producer wrote without headers gets the context that `seal` would have given it, at the lowest
    trust. Raises `RecordError` if that is impossible.
    """
    found = dict(headers)
    if not found.keys() >= _CONTEXT:
        sealed = seal(value, Source("kafka", Trust.OPEN_INGEST), known_at)
        value, found = sealed.value, dict(sealed.headers)
    dataschema = found.get("ce_dataschema")
    try:
        context = Sealed(
            bytes.fromhex(found["ce_id"].decode().replace("-", "")),
            bytes.fromhex(found["idtrail_fingerprint"].decode()),
            found["ce_type"].decode().removeprefix(TYPE_PREFIX),
            found["idtrail_organization"].decode(),
            found["ce_source"].decode(),
            TRUSTS[found["idtrail_trust"]],
            datetime.fromisoformat(found["idtrail_received_at"].decode()),
            "idtrail_redacted" in found,
            None if dataschema is None else version_in(dataschema.decode()),
            value,
        )
    except (KeyError, ValueError, AttributeError):  # AttributeError: Kafka allows null for a header's value
        raise MalformedRecord("unreadable idtrail headers", reason="bad_headers") from None
    if len(context.event_id) != 16 or len(context.fingerprint) != 16 or context.received_at.tzinfo is None:
        raise MalformedRecord("unreadable idtrail headers", reason="bad_headers")
    return context


def dead_letter(raw: bytes, source: Source, reason: RecordError, position: str) -> tuple[bytes, bytes, list[Header]]:
    """Return key, value and headers of a dead letter: the record as it came, except for its secrets."""
    value, cut = redact(raw)
    headers: list[Header] = [
        ("idtrail_source", _encode(source.name)),
        ("idtrail_position", _encode(position)),
        ("idtrail_reason", _encode(reason.reason)),
        ("idtrail_message", _encode(str(reason))),
        ("idtrail_organization", _encode(source.organization or "")),
        ("idtrail_trust", source.trust.name.lower().encode()),
    ]
    if cut:
        headers.append(("idtrail_redacted", str(cut).encode()))
    return _encode(f"{source.organization or ''}|{source.name}"), value, headers
