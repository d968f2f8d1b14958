"""Puts raw records into a store as the sink would, and shortens what tests ask for again and again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.selection import Selection
from queries.store import Store
from schemas.envelope import Source, Trust
from schemas.versions import dataschema
from streams.rows import decode_events
from tests.records import NOON, Record, event, record_of

EXPORT = Source("file:export.json.gz", Trust.EXPORT)
INGEST = Source("api:anybody", Trust.OPEN_INGEST)
TENANT = Source("jumpcloud", Trust.TENANT_API)
SLACK = {"id": "5fad07f2b9f5414721b3d7aa", "name": "slack"}

_offsets = count()


def at(minutes: float) -> str:
    """A timestamp so many minutes after 11:00 of the day that tests play on."""
    moment = NOON - timedelta(hours=1) + timedelta(minutes=minutes)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def when(minutes: float) -> datetime:
    """The same as a time."""
    return NOON - timedelta(hours=1) + timedelta(minutes=minutes)


def attempt(minutes: float, event_type: str = "user_update_provision", **fields: Any) -> dict[str, Any]:
    """A successful attempt at that minute."""
    return event(event_type, timestamp=at(minutes), **fields)


def failed(
    minutes: float, event_type: str = "user_update_provision", code: str = "401", **fields: Any
) -> dict[str, Any]:
    """One that the provider refused: 401 is a matter of credentials, 404 says that the person is not there."""
    details = fields.pop("details", "User not found" if code == "404" else "refused")
    chain = {"response_code": code, "response_message": "no", "message_details": details}
    return attempt(minutes, event_type, success=False, message_chain=chain, **fields)


@dataclass(frozen=True)
class Trail:
    """One organization in a store that tests share: none sees another's."""

    store: Store
    organization: str

    def log(self, raw: dict[str, Any], source: Source = EXPORT, known_at: datetime = NOON, **rest: Any) -> Record:
        """`raw` on the log, at the next offset, as an event of this organization."""
        mine = {**raw, "organization": self.organization} if "organization" in raw else raw
        own = replace(source, organization=self.organization)
        return record_of(mine, offset=next(_offsets), source=own, known_at=known_at, **rest)

    def insert(self, *records: Record | dict[str, Any]) -> None:
        """One block, as the sink inserts it; plain events come from an export."""
        log = [record if isinstance(record, Record) else self.log(record) for record in records]
        rows = decode_events(log, timedelta(hours=24)).rows
        self.store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), f"t{next(_offsets)}")

    def day(self, **conditions: Any) -> Selection:
        """The events of the day that tests play on."""
        day = Selection(self.organization, NOON - timedelta(days=1), NOON + timedelta(days=1))
        return replace(day, **conditions)


def stored(store: Store, stories: Mapping[str, Iterable[dict[str, Any]]]) -> dict[str, Trail]:
    """Stories in organizations of their own, in one block: an insert takes as long for one event as for hundreds."""
    trails = {name: Trail(store, uuid4().hex[:24]) for name in stories}
    records = [trails[name].log(raw) for name, story in stories.items() for raw in story]
    Trail(store, "all of them").insert(*records)
    return trails


def versioned(record: Record, version: int) -> Record:
    """The same record, which names the version of the schema it was written in."""
    name = dataschema("user_update_provision", version).encode()
    return replace(record, headers=[*record.headers, ("ce_dataschema", name)])


def ids(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Event ids, as text."""
    return [str(row["event_id"]) for row in rows]


def id_of(record: Record) -> str:
    """The identity that the emitter gave it."""
    return dict(record.headers)["ce_id"].decode()
