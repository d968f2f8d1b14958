"""Converts records about dead letters to rows of the store: the letters, and the decisions about them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid5

from schemas.letters import Decision, read_decision
from schemas.times import to_microseconds
from streams.chunk import Span
from streams.rows import Decoded, LogRecord, Row

DEAD_LETTER_COLUMNS: Final = (
    "letter_id", "organization", "source", "position", "reason", "message", "known_at", "size",
    "log_topic", "log_partition", "log_offset", "version",
)  # fmt: skip
"""The columns of a row that `decode_dead_letters` returns, in order."""

_LETTERS: Final = uuid5(NAMESPACE_OID, "idtrail.dead-letters")


LETTER_DECISION_COLUMNS: Final = (
    "organization", "letter_id", "decision", "decided_at", "decided_by", "reason", "message", "event_id",
    "log_topic", "log_partition", "log_offset",
)  # fmt: skip
"""The columns of the rows in `Decoded.decisions`, in order."""


def decode_dead_letters(records: Sequence[LogRecord]) -> Decoded:
    """Decode a chunk of `idtrail.dead-letters` or `idtrail.letter-decisions` into places, reasons and decisions; the
    letters' bytes stay on the log. Either topic may hold both kinds."""
    decoded = Decoded(Span(records[0].offset, records[-1].offset))
    for record in records:
        value = record.value or b""
        decision = read_decision(value, record.headers)
        if decision is None:
            decoded.rows.append(_letter_row(record, value))
        else:
            decoded.rows.append(_decided_letter_row(decision))
            decoded.decisions.append(_decision_row(record, decision))
    return decoded


def _letter_row(record: LogRecord, value: bytes) -> Row:
    # Kafka allows a header's value to be null.
    headers = {name: (content or b"").decode(errors="replace") for name, content in record.headers}
    return (
        letter_id(headers, value).bytes,
        headers.get("idtrail_organization", ""),
        headers.get("idtrail_source", ""),
        headers.get("idtrail_position", ""),
        headers.get("idtrail_reason", ""),
        headers.get("idtrail_message", ""),
        record.timestamp,
        len(value),
        record.topic,
        record.partition,
        record.offset,
        -record.timestamp,
    )


def _decided_letter_row(decision: Decision) -> Row:
    """Return the letter's row once more: a decision outlives its letter on the log."""
    letter = decision.letter
    known_ms = to_microseconds(letter.known_at) // 1000
    return (letter.letter_id.bytes, *letter[1:6], known_ms, letter.size, *letter.place, -known_ms)


def _decision_row(record: LogRecord, decision: Decision) -> Row:
    return (
        decision.letter.organization,
        decision.letter.letter_id.bytes,
        decision.verdict.value,
        to_microseconds(decision.at) // 1000,
        decision.by,
        decision.reason,
        decision.message,
        (decision.event_id or UUID(int=0)).bytes,
        record.topic,
        record.partition,
        record.offset,
    )


def letter_id(headers: dict[str, str], value: bytes) -> UUID:
    """Return one id for one bad record, however often it came: from its place of origin and its bytes."""
    source, position = headers.get("idtrail_source", ""), headers.get("idtrail_position", "")
    return uuid5(_LETTERS, f"{source}\0{position}\0" + value.hex())
