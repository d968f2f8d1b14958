"""Converts records of `idtrail.alerts` to rows of the store. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from schemas.alerts import Acted, AlertRecord, Delivered, Detected, read_alert_record
from schemas.errors import RecordError
from schemas.times import SENTINEL, to_microseconds
from streams.chunk import Span
from streams.rows import Decoded, LogRecord, Row, append_time

ALERT_RECORD_COLUMNS: Final = (
    "organization", "alert_id", "record", "rule_id", "severity", "cause", "title", "detection", "staging",
    "opened_at", "since", "triggered_at", "ended_at", "last_at", "episodes", "events", "people", "applications",
    "act", "act_id", "at", "done_by", "snoozed_until", "destination", "succeeded",
    "known_at", "body", "log_topic", "log_partition", "log_offset",
)  # fmt: skip
"""The columns of a row that `decode_alerts` returns, in order."""

_EMPTY: Final[dict[str, Any]] = {
    **dict.fromkeys(("severity", "cause", "title", "detection", "act", "done_by", "destination"), ""),
    **dict.fromkeys(("opened_at", "since", "triggered_at", "ended_at", "last_at", "at", "snoozed_until"), 0),
    **dict.fromkeys(("episodes", "events", "people"), 0),
    "staging": False,
    "succeeded": False,
    "applications": [],
    "act_id": UUID(int=0).bytes,
}
"""Values of these columns for records of another kind."""


def decode_alerts(records: Sequence[LogRecord]) -> Decoded:
    """Decode a chunk into rows; a record that is not an alert record goes to the dead letters."""
    decoded = Decoded(Span(records[0].offset, records[-1].offset))
    for record in records:
        try:
            append_time(record.timestamp)
            found = read_alert_record(record.value)
        except RecordError as error:
            decoded.bury(record, error)
        else:
            decoded.unreadable = 0
            decoded.rows.append(_row(record, found))
    return decoded


def _row(record: LogRecord, found: AlertRecord) -> Row:
    values = {
        **_EMPTY,
        **_typed(found),
        "organization": found.organization,
        "alert_id": bytes.fromhex(found.alert_id),
        "record": found.record,
        "rule_id": found.rule_id,
        "known_at": record.timestamp,
        "body": record.value,
        "log_topic": record.topic,
        "log_partition": record.partition,
        "log_offset": record.offset,
    }
    return tuple(values[name] for name in ALERT_RECORD_COLUMNS)


def _typed(found: AlertRecord) -> dict[str, object]:
    match found:
        case Detected():
            return {
                "severity": found.severity.value,
                "cause": found.cause,
                "title": found.title,
                "detection": found.detection.value,
                "staging": found.staging,
                "opened_at": to_microseconds(found.opened_at),
                "since": to_microseconds(found.since),
                "triggered_at": to_microseconds(found.triggered_at),
                "ended_at": _micros(found.ended_at),
                "last_at": to_microseconds(found.last_at),
                "episodes": found.episodes,
                "events": found.events,
                "people": found.people,
                "applications": list(found.applications),
            }
        case Acted():
            return {
                "act": found.act.value,
                "act_id": found.act_id.bytes,
                "at": to_microseconds(found.counts_at),  # states are ordered by it; the body has the act's own time
                "done_by": found.by,
                "snoozed_until": _micros(found.until),
            }
        case Delivered():
            return {"destination": found.destination, "at": to_microseconds(found.at), "succeeded": found.succeeded}


def _micros(at: datetime | None) -> int:
    return to_microseconds(at or SENTINEL)
