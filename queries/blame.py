"""Compares what an application refused in a failed event with what it last accepted: shapes, never values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.events import Detail, get_event, stored_event
from queries.selection import IN_FORCE
from queries.store import Limits, Store
from schemas.credentials import MARK
from schemas.errors import UserError
from schemas.events import parse
from schemas.member import member_in
from schemas.sent import Sent, fields_for, sent
from schemas.shape import shape
from schemas.times import to_microseconds

HORIZON: Final = timedelta(days=90)
"""How far back an accepted value is searched."""
MAX_CANDIDATES: Final = 20
"""How many accepted events are examined. An event that sent another part of the same object is skipped."""
LIMITS: Final = Limits(seconds=5, rows=MAX_CANDIDATES)


class Blame(NamedTuple):
    """What was refused in an event, and the last accepted event to compare with. Texts are empty if the record says
    nothing."""

    attribute: str
    """The attribute's name in the facts; empty if the answer names none."""
    member: str
    """The id of the group member that the answer names, if any."""
    refused_shape: str
    """The shape of the value that was sent, or `not sent`."""
    accepted_shape: str
    accepted_event: UUID | None
    """The last earlier event that set the same attribute in the same application."""
    accepted_at: datetime | None
    whose: str
    """Whose accepted event it is: `same person` or `another person`; for groups `same group` or `another group`."""


class _Accepted(NamedTuple):
    event_id: UUID
    at: datetime
    shape: str


def read_blame(store: Store, organization: str | None, event_id: UUID) -> Blame | None:
    """Return the blame of an event, or None if it did not fail. Raises `NotFound`."""
    return blame_of(store, get_event(store, organization, event_id))


def blame_of(store: Store, detail: Detail) -> Blame | None:
    """Return the blame of an event that was read already; None if it did not fail.

    If the search takes too long, the result has no accepted value.
    """
    event = detail.event
    if event["outcome"] != "failure" or not event["cause"]:
        return None
    kind, attribute = event["kind"], event["attribute"]
    member = member_in(event["detail"]) if attribute == "members" else ""
    best = detail.copies[0]
    refused = _told(sent(parse(best.raw, event["event_type"], best.schema_version), attribute))
    placed = event["time_quality"] == "ok" and event["application_id"] and event["subject_id"]
    if attribute and placed and kind in ("user", "group"):
        who = "group" if kind == "group" else "person"
        for whose, same in ((f"same {who}", True), (f"another {who}", False)):
            try:
                found = _accepted(store, event, same=same)
            except UserError:  # too much to search: the rest of the answer still holds
                break
            if found is not None:
                return Blame(attribute, member, refused, found.shape, found.event_id, found.at, whose)
    return Blame(attribute, member, refused, "", None, None, "")


def accepted_sql(*, same: bool) -> str:
    """Return the SQL of accepted events before one that set some of its fields, the latest first.

    `same` selects events of the same subject, else of others. The copies may not be in force: check with
    `accepted_rows_sql`.
    """
    table = "events_by_subject" if same else "events"
    return (
        f"SELECT event_id FROM {table} WHERE organization = {{organization:String}}"
        f" AND subject_id {'=' if same else '!='} {{subject:String}}"
        " AND occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
        " AND occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
        " AND application_id = {application:String} AND kind = {kind:String} AND outcome = 'success'"
        " AND time_quality = 'ok' AND arrayExists(change -> startsWith(change, 'urn:')"
        " OR has({fields:Array(String)}, lower(splitByString(': ', change)[1])), changed)"
        " ORDER BY occurred_at DESC, event_id DESC LIMIT 1 BY event_id LIMIT {limit:UInt32}"
    )


def accepted_rows_sql() -> str:
    """Return the SQL of the copies in force of some events, if they are accepted events of that application and
    time."""
    return (
        "SELECT event_id, occurred_at, event_type, raw, schema_version FROM (SELECT * FROM events"
        " WHERE organization = {organization:String} AND event_id IN {ids:Array(UUID)}"
        f" ORDER BY {IN_FORCE} DESC LIMIT 1 BY event_id)"
        " WHERE outcome = 'success' AND application_id = {application:String} AND kind = {kind:String}"
        " AND occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND time_quality = 'ok'"
        " ORDER BY occurred_at DESC, event_id DESC LIMIT {limit:UInt32}"
    )


def _accepted(store: Store, event: dict[str, Any], *, same: bool) -> _Accepted | None:
    attribute = event["attribute"]
    values = {
        "organization": event["organization"],
        "subject": event["subject_id"],
        "application": event["application_id"],
        "kind": event["kind"],
        "since": to_microseconds(event["occurred_at"] - HORIZON),
        "until": to_microseconds(event["occurred_at"]),
        "fields": list(fields_for(attribute, of_group=event["kind"] == "group")),
        "limit": MAX_CANDIDATES,
    }
    found = [str(event_id) for (event_id,) in store.query(accepted_sql(same=same), values, LIMITS)]
    if not found:
        return None
    rows = store.query_dicts(accepted_rows_sql(), values | {"ids": found}, LIMITS)
    return next(_shaped(rows, attribute), None)


def _shaped(rows: list[dict[str, Any]], attribute: str) -> Iterator[_Accepted]:
    for row in rows:
        value = sent(stored_event(row), attribute)
        if value.present:
            yield _Accepted(row["event_id"], row["occurred_at"], _told(value))


def _told(value: Sent) -> str:
    if not value.present:
        return "not sent" if value.told else ""
    return "cut out as a secret" if value.value == MARK else shape(value.value)
