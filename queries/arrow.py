"""Builds the Arrow batches that the store takes, with types that ClickHouse copies instead of parsing.

UUID and FixedString(16) columns are 16 raw bytes in the order of their text. Times are integers in the column's unit.
Texts are plain strings, which ClickHouse turns into LowCardinality itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

_UUID: Final[pa.DataType] = pa.binary(16)
_MICROS: Final[pa.DataType] = pa.timestamp("us", tz="UTC")
_MILLIS: Final[pa.DataType] = pa.timestamp("ms", tz="UTC")
_SECONDS: Final[pa.DataType] = pa.timestamp("s", tz="UTC")
_TEXT: Final[pa.DataType] = pa.string()

EVENTS_ARROW_SCHEMA: Final = pa.schema(
    [
        ("organization", _TEXT),
        ("event_id", _UUID),
        ("fingerprint", pa.binary(16)),
        ("version", pa.int64()),
        ("occurred_at", _MICROS),
        ("occurred_text", _TEXT),
        ("time_quality", _TEXT),
        ("known_at", _MILLIS),
        ("received_at", _MICROS),
        ("source", _TEXT),
        ("trust", pa.uint8()),
        ("fresh", pa.bool_()),
        ("event_key", _TEXT),
        ("correlation_id", _TEXT),
        ("redacted", pa.bool_()),
        ("raw", pa.binary()),
        ("log_topic", _TEXT),
        ("log_partition", pa.uint16()),
        ("log_offset", pa.uint64()),
        ("event_type", _TEXT),
        ("kind", _TEXT),
        ("action", _TEXT),
        ("outcome", _TEXT),
        ("subject_id", _TEXT),
        ("subject_type", _TEXT),
        ("subject_name", _TEXT),
        ("subject_email", _TEXT),
        ("application_id", _TEXT),
        ("application_name", _TEXT),
        ("integration_id", _TEXT),
        ("actor_id", _TEXT),
        ("actor_type", _TEXT),
        ("actor_name", _TEXT),
        ("http_status", pa.uint16()),
        ("scim_type", _TEXT),
        ("cause", _TEXT),
        ("attribute", _TEXT),
        ("detail", _TEXT),
        ("retryable", pa.bool_()),
        ("account_state", _TEXT),
        ("changed", pa.list_(_TEXT)),
        ("flags", pa.list_(_TEXT)),
        ("group_id", _TEXT),
        ("group_name", _TEXT),
        ("incident_id", pa.binary(16)),
        ("drift", pa.list_(_TEXT)),
        ("schema_version", pa.uint16()),
        ("identifiers", pa.list_(_TEXT)),
    ]
)

DEAD_LETTERS_ARROW_SCHEMA: Final = pa.schema(
    [
        ("letter_id", _UUID),
        ("organization", _TEXT),
        ("source", _TEXT),
        ("position", _TEXT),
        ("reason", _TEXT),
        ("message", _TEXT),
        ("known_at", _MILLIS),
        ("size", pa.uint32()),
        ("log_topic", _TEXT),
        ("log_partition", pa.uint16()),
        ("log_offset", pa.uint64()),
        ("version", pa.int64()),
    ]
)

LETTER_DECISIONS_ARROW_SCHEMA: Final = pa.schema(
    [
        ("organization", _TEXT),
        ("letter_id", _UUID),
        ("decision", _TEXT),
        ("decided_at", _MILLIS),
        ("decided_by", _TEXT),
        ("reason", _TEXT),
        ("message", _TEXT),
        ("event_id", _UUID),
        ("log_topic", _TEXT),
        ("log_partition", pa.uint16()),
        ("log_offset", pa.uint64()),
    ]
)

ALERT_RECORDS_ARROW_SCHEMA: Final = pa.schema(
    [
        ("organization", _TEXT),
        ("alert_id", pa.binary(16)),
        ("record", _TEXT),
        ("rule_id", _TEXT),
        ("severity", _TEXT),
        ("cause", _TEXT),
        ("title", _TEXT),
        ("detection", _TEXT),
        ("staging", pa.bool_()),
        ("opened_at", _MICROS),
        ("since", _MICROS),
        ("triggered_at", _MICROS),
        ("ended_at", _MICROS),
        ("last_at", _MICROS),
        ("episodes", pa.uint32()),
        ("events", pa.uint32()),
        ("people", pa.uint32()),
        ("applications", pa.list_(_TEXT)),
        ("act", _TEXT),
        ("act_id", _UUID),
        ("at", _MICROS),
        ("done_by", _TEXT),
        ("snoozed_until", _MICROS),
        ("destination", _TEXT),
        ("succeeded", pa.bool_()),
        ("known_at", _MILLIS),
        ("body", pa.binary()),
        ("log_topic", _TEXT),
        ("log_partition", pa.uint16()),
        ("log_offset", pa.uint64()),
    ]
)

FAILURE_WINDOWS_ARROW_SCHEMA: Final = pa.schema(
    [
        ("organization", _TEXT),
        ("window_start", _SECONDS),
        ("application_id", _TEXT),
        ("application_name", _TEXT),
        ("event_type", _TEXT),
        ("cause", _TEXT),
        ("attempts", pa.uint64()),
        ("failures", pa.uint64()),
        ("subjects", pa.uint64()),
        ("first_event", _UUID),
        ("last_event", _UUID),
        ("first_at", _MICROS),
        ("last_at", _MICROS),
        ("seen", pa.uint64()),
    ]
)

INCIDENTS_ARROW_SCHEMA: Final = pa.schema(
    [
        ("organization", _TEXT),
        ("incident_id", pa.binary(16)),
        ("application_id", _TEXT),
        ("application_name", _TEXT),
        ("cause", _TEXT),
        ("attribute", _TEXT),
        ("detail", _TEXT),
        ("http_status", pa.uint16()),
        ("attempts", pa.uint64()),
        ("people", pa.uint64()),
        ("groups", pa.uint64()),
        ("affected", pa.uint64()),
        ("first_at", _MICROS),
        ("last_at", _MICROS),
        ("first_event", _UUID),
        ("last_event", _UUID),
        ("episodes", pa.uint32()),
        ("since", _MICROS),
        ("ended_at", _MICROS),
        ("ended_by", _UUID),
        ("change_at", _MICROS),
        ("change_event", _UUID),
        ("change_type", _TEXT),
        ("change_actor", _TEXT),
        ("folded_at", pa.int64()),
    ]
)


def batch(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.Table:
    """Return an Arrow table of rows whose values are in the order of `schema`."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def bytes_of(table: pa.Table) -> memoryview:
    """Serialize a table for a pipe."""
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return memoryview(out.getvalue())


def table_of(data: bytes) -> pa.Table:
    """Return the table that `bytes_of` serialized."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()
