"""Plain records and events for tests: what a Kafka record offers, and the smallest provisioning events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas.envelope import Header, Source, Trust, seal
from streams.alerts.seen import Seen, seen_of
from streams.forwarded import KNOWN_AT, Forwarded, read_forwarded

ORGANIZATION = "641b3db57090821c0b2f8183"
STATSIG = {"id": "5fad07f2b9f5414721b3d797", "name": "statsig"}
NOON = datetime(2026, 3, 19, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Record:
    """Stands for `aiokafka.ConsumerRecord`."""

    value: bytes | None
    headers: Sequence[Header] = ()
    offset: int = 0
    timestamp: int = int(NOON.timestamp() * 1000)
    topic: str = "idtrail.events"
    partition: int = 0
    key: bytes | None = None


@dataclass
class Numbers:
    """Distinct event ids, in the vendor's form."""

    last: int = field(default=0)

    def __call__(self) -> str:
        self.last += 1
        return f"{self.last:024x}"


_numbers = Numbers()


def event(event_type: str = "user_update_provision", **fields: Any) -> dict[str, Any]:
    """A provisioning event of Ines in statsig; `fields` replace or add to it, None takes away."""
    base: dict[str, Any] = {
        "id": _numbers(),
        "event_type": event_type,
        "organization": ORGANIZATION,
        "timestamp": "2026-03-19T11:59:30.250Z",
        "success": True,
        "resource": {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.almeida"},
        "application": STATSIG,
    }
    return {name: value for name, value in {**base, **fields}.items() if value is not None}


def record_of(
    raw: dict[str, Any] | bytes,
    *,
    offset: int = 0,
    source: Source | None = None,
    known_at: datetime = NOON,
    **rest: Any,
) -> Record:
    """`raw` as it stands on the log after the emitter sealed it."""
    value = raw if isinstance(raw, bytes) else orjson.dumps(raw)
    sealed = seal(value, source or Source("file:test.json", Trust.EXPORT), NOON)
    stamp = int(known_at.timestamp() * 1000)
    return Record(sealed.value, sealed.headers, offset, stamp, key=sealed.key, **rest)


def forwarded_of(record: Record) -> Forwarded:
    """What detection reads of a record of `idtrail.events`, worked out anew."""
    return read_forwarded(record.value, {**dict(record.headers), KNOWN_AT: str(record.timestamp).encode()})


def seen_in(record: Record) -> Seen | None:
    """What rules see of it."""
    return seen_of(forwarded_of(record))
