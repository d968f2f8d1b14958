"""Which events a question is about: a filter, and its SQL. Pure; every value is bound by the server."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from schemas.times import to_microseconds


@dataclass(frozen=True, slots=True)
class Selection:
    """Everything that is given must hold. Lists mean any of."""

    organization: str | None
    """None: every organization, for tokens that may see them all."""
    since: datetime
    until: datetime
    unplaced: bool = False
    """Instead of a time range: the events whose time cannot be believed."""
    event_types: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    application: str = ""
    """Id or name."""
    subject: str = ""
    """Id, user name or mail address."""
    actor: str = ""
    """Id or name."""
    text: str = ""
    """Part of the detail, of a name or of the event type, in any case."""

    def fingerprint(self) -> str:
        """Binds a cursor to the question it was given for."""
        parts = [f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.name != "until"]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()

    def range_sql(self) -> str:
        """The conditions that the primary key serves."""
        conditions = []
        if self.organization is not None:
            conditions.append("organization = {organization:String}")
        if self.unplaced:
            conditions.append("time_quality != 'ok'")
            conditions.append("occurred_at = toDateTime64(0, 6, 'UTC')")
        else:
            conditions.append("occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')")
            conditions.append("occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC')")
        return " AND ".join(conditions)

    def filter_sql(self) -> str:
        """The other conditions, which hold for the copy in force."""
        conditions = ["1"]
        for name, column in _LISTS.items():
            if getattr(self, name):
                conditions.append(f"{column} IN {{{name}:Array(String)}}")
        if self.application:
            conditions.append(
                "(application_id = {application:String}"
                " OR lowerUTF8(application_name) = lowerUTF8({application:String}))"
            )
        if self.subject:
            conditions.append(
                "(subject_id = {subject:String} OR lowerUTF8(subject_name) = lowerUTF8({subject:String})"
                " OR lowerUTF8(subject_email) = lowerUTF8({subject:String}))"
            )
        if self.actor:
            conditions.append("(actor_id = {actor:String} OR lowerUTF8(actor_name) = lowerUTF8({actor:String}))")
        if self.text:
            found = [f"positionCaseInsensitiveUTF8({column}, {{text:String}}) > 0" for column in _SEARCHED]
            conditions.append(f"({' OR '.join(found)})")
        return " AND ".join(conditions)

    def parameters(self) -> dict[str, Any]:
        """The values of both."""
        values: dict[str, Any] = {name: list(getattr(self, name)) for name in _LISTS if getattr(self, name)}
        values |= {
            name: getattr(self, name)
            for name in ("organization", "application", "subject", "actor", "text")
            if getattr(self, name)
        }
        if self.organization == "":
            values["organization"] = ""
        if not self.unplaced:
            values |= {"since": to_microseconds(self.since), "until": to_microseconds(self.until)}
        return values


_LISTS = {"event_types": "event_type", "kinds": "kind", "outcomes": "outcome", "causes": "cause"}
_SEARCHED = ("detail", "subject_name", "subject_email", "application_name", "actor_name", "event_type")
