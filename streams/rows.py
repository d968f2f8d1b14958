"""Converts records of the log to rows of the store. Pure: the same records always give the same rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

from schemas.envelope import Header, Sealed, unseal, version_of
from schemas.errors import MalformedRecord, RecordError
from schemas.events import Event, Kind, parse
from schemas.facts import Facts
from schemas.identifiers import identifiers
from schemas.redaction import redact
from schemas.times import Moment, TimeQuality, believed, parse_timestamp, to_microseconds
from streams.chunk import Span
from streams.forwarded import Found, found_in, headers_of

Row = tuple[object, ...]


class LogRecord(Protocol):
    """The attributes of a Kafka record that are used."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...  # append time, milliseconds
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[Header]: ...


class Record(NamedTuple):
    """A `LogRecord` made by this process."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class Produced(NamedTuple):
    """A record for another topic."""

    key: bytes
    value: bytes
    headers: list[Header]


@dataclass(slots=True)
class Decoded:
    """A decoded chunk: what goes into the store, to the dead letters, and on to detection."""

    span: Span
    rows: list[Row] = field(default_factory=list)
    dead: list[Produced] = field(default_factory=list)
    forward: list[Produced] = field(default_factory=list)
    unreadable: int = 0
    """The number of consecutive unreadable records at the end."""
    most_unreadable: int = 0
    """The longest run of unreadable records."""
    leading: int = 0
    """The number of unreadable records before the first readable one."""
    decisions: list[Row] = field(default_factory=list)
    """Decisions about dead letters: rows of their own table."""

    def bury(self, record: LogRecord, error: RecordError) -> None:
        """Add a record that could not be read."""
        self.dead.append(_dead(record, error))
        self.unreadable += 1
        self.most_unreadable = max(self.most_unreadable, self.unreadable)
        if not self.rows:
            self.leading = self.unreadable


EVENT_COLUMNS: Final = (
    "organization", "event_id", "fingerprint", "version", "occurred_at", "occurred_text", "time_quality",
    "known_at", "received_at", "source", "trust", "fresh", "event_key", "correlation_id", "redacted", "raw",
    "log_topic", "log_partition", "log_offset",
    *Facts._fields, "incident_id", "drift", "schema_version", "identifiers",
)  # fmt: skip
"""The columns of a row that `decode_events` returns, in order."""


def decode_events(records: Sequence[LogRecord], horizon: timedelta, also: Collection[str] = ()) -> Decoded:
    """Decode a chunk of `idtrail.events`.

    `horizon` is the age up to which an event is fresh. Detection gets the fresh events of provisioning, of the types in
    `also`, and with drift.
    """
    decoded = Decoded(_span(records))
    rows, forward = decoded.rows, decoded.forward
    for record in records:
        try:
            value, sealed, event, moment, known_at = read(record)
        except RecordError as error:
            decoded.bury(record, error)
            continue
        decoded.unreadable = 0
        found = found_in(sealed.organization, event, moment)
        fresh = is_fresh(moment, known_at, horizon)
        rows.append(_row(record, value, sealed, event, moment, found, fresh))
        if fresh and (event.kind is not Kind.OTHER or found.facts.event_type in also or found.drift):
            forward.append(_forward(record, value, sealed.organization, found))
    return decoded


def is_fresh(moment: Moment, known_at: datetime, horizon: timedelta) -> bool:
    """Whether the log had the event soon after it happened; otherwise it is part of a backfill. False if its time is
    unknown."""
    return moment.quality is not TimeQuality.OK or known_at - moment.at <= horizon


class Logged(NamedTuple):
    """A decoded record of `idtrail.events`."""

    value: bytes
    """The event's bytes; if another producer wrote the record, unwrapped and with its secrets cut out."""
    sealed: Sealed
    event: Event
    moment: Moment
    """When it occurred, as far as the log can believe it."""
    known_at: datetime


def read(record: LogRecord) -> Logged:
    """Decode a record. Raises `RecordError` for one that can never be read."""
    known_at = append_time(record.timestamp)
    if record.value is None:
        raise MalformedRecord("the record has no value", reason="no_value")
    sealed = unseal(record.value, record.headers, known_at)
    event = parse(sealed.value, sealed.event_type, sealed.version)
    return Logged(sealed.value, sealed, event, believed(parse_timestamp(event.timestamp), known_at), known_at)


def _span(records: Sequence[LogRecord]) -> Span:
    return Span(records[0].offset, records[-1].offset)


def append_time(milliseconds: int) -> datetime:
    """Convert a record's append time. Raises `MalformedRecord` for a time that no clock of ours shows."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        # Only on a foreign topic, where the producer stamps its records.
        raise MalformedRecord("the record's append time is out of range", reason="bad_append_time") from None


def _row(
    record: LogRecord, value: bytes, sealed: Sealed, event: Event, moment: Moment, found: Found, fresh: bool
) -> Row:
    return (
        sealed.organization,
        sealed.event_id,
        sealed.fingerprint,
        version_of(sealed.trust, record.timestamp, sealed.fingerprint),
        found.at,
        moment.text,
        moment.quality.value,
        record.timestamp,
        to_microseconds(sealed.received_at),
        sealed.source,
        int(sealed.trust),
        fresh,
        "" if event.id is None else str(event.id),
        (event.correlation.id or "") if event.correlation else "",
        sealed.redacted,
        value,
        record.topic,
        record.partition,
        record.offset,
        *found.facts,
        found.incident_id,
        found.drift,
        sealed.version or 0,
        identifiers(event, found.facts),
    )


def _forward(record: LogRecord, value: bytes, organization: str, found: Found) -> Produced:
    origin = [
        *_place(record.topic, record.partition, record.offset),
        *headers_of(record.timestamp, found),
    ]
    return Produced(organization.encode(), value, [*record.headers, *origin])


def _place(topic: str, partition: int, offset: int) -> list[Header]:
    return [
        ("idtrail_topic", topic.encode()),
        ("idtrail_partition", str(partition).encode()),
        ("idtrail_offset", str(offset).encode()),
    ]


def _dead(record: LogRecord, error: RecordError) -> Produced:
    return dead_letter(record.topic, record.partition, record.offset, record.key, record.value, record.headers, error)


def dead_letter(
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[Header],
    error: RecordError,
) -> Produced:
    """Return the dead letter of a record that could not be read: byte for byte except for secrets, with its place and
    the reason."""
    kept = list(headers)
    shown, cut_out = redact(value or b"")
    why: list[Header] = [
        ("idtrail_source", dict(kept).get("ce_source") or b"kafka"),
        ("idtrail_position", f"{topic}[{partition}]@{offset}".encode()),
        ("idtrail_reason", error.reason.encode()),
        ("idtrail_message", str(error).encode()),
        *_place(topic, partition, offset),
    ]
    if cut_out:
        why.append(("idtrail_redacted", str(cut_out).encode()))
    return Produced(key or b"", shown, [*kept, *why])
