"""The tests inside a rule: events in few words, and the alerts that they must make.

An event in few words is expanded to a whole Directory Insights record, which is then read as any other: a test shows
what the trail would see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from schemas.envelope import Source, Trust, seal
from schemas.events import Kind, class_of
from streams.alerts.duration import Duration, as_default
from streams.alerts.seen import Seen, seen_of
from streams.forwarded import KNOWN_AT, read_forwarded

START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""Where the time of every test starts: a Monday morning."""
ORGANIZATION: Final = "organization-of-tests"
SIGN_IN: Final = "sso_auth"
MINUTE: Final = timedelta(minutes=1)


class Part(BaseModel):
    """Part of a rule: it means what it says, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=4_000)


class ExampleEvent(Part):
    """One event of a test, or several that are alike, in few words or as a whole record."""

    at: Duration = Field(description="When it occurs, as time after 2026-01-05T09:00:00Z, a Monday.")
    event_type: str = Field("", description="The event type, such as `user_deprovision`.")
    subject: str = Field("", description="The person or group: both id and name.")
    application: str = Field("", description="The application: both id and name.")
    actor: str = Field("", description="Who caused it: an administrator's id and mail address.")
    status: int | None = Field(None, ge=100, le=599, description="The provider's status; 400 and above is a failure.")
    success: bool | None = Field(None, description="Overrides `status`; true if neither is given.")
    detail: str = Field("", description="The provider's text, or its JSON answer.")
    changes: tuple[dict[str, Any], ...] = Field((), description="What was set: `field`, `from`, `to`.")
    times: int = Field(
        1, ge=1, le=1_000, description="How many such events; `{n}` in `subject` and `actor` is the number."
    )
    every: Duration = Field(MINUTE, json_schema_extra=as_default(MINUTE), description="The time between them.")
    raw: dict[str, Any] = Field(
        {}, description="Fields of the record as the vendor writes them; they override the others."
    )


class ExpectedAlert(Part):
    """One alert of a test."""

    group: dict[str, str] = Field({}, description="The facts of `group_by` with their values.")
    count: int = Field(ge=1, description="How many events the alert counts.")
    state: Literal["open", "resolved"] = Field("open", description="The alert's state at the end of the test.")


class Example(Part):
    """A test of a rule: events, and exactly the alerts that they make."""

    name: str = Field(min_length=1, max_length=200, description="What the test shows.")
    events: tuple[ExampleEvent, ...] = Field(min_length=1, max_length=1_000, description="In any order.")
    clock: Duration = Field(
        timedelta(),
        json_schema_extra=as_default(timedelta()),
        description="How long time continues after the last event.",
    )
    alerts: tuple[ExpectedAlert, ...] = Field(
        (), description="Exactly the alerts expected, in the order in which they open."
    )

    @property
    def ends_at(self) -> datetime:
        """Return when the test's time ends."""
        return START + max(event.at + (event.times - 1) * event.every for event in self.events) + self.clock

    def grouped_otherwise(self, group_by: Sequence[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yields the places of expected alerts whose group a rule with these `group_by` fields never makes, each with
        the group it must have."""
        for number, alert in enumerate(self.alerts):
            if alert.group.keys() != set(group_by):
                told = (
                    f"must have {', '.join(group_by)}, as `group_by` says" if group_by else "is for rules with groups"
                )
                yield ("alerts", number, "group"), told


def seen_in(events: Iterable[ExampleEvent]) -> list[Seen]:
    """Return the events as rules see them. Raises `RecordError` for a `raw` that cannot be read."""
    each = (one for event in events for one in _one_by_one(event))
    seen = (_seen(event, number) for number, event in enumerate(each, 1))
    return [one for one in seen if one is not None]


def _one_by_one(event: ExampleEvent) -> Iterator[ExampleEvent]:
    for number in range(event.times):
        subject, actor = (text.replace("{n}", str(number + 1)) for text in (event.subject, event.actor))
        yield event.model_copy(
            update={"at": event.at + number * event.every, "subject": subject, "actor": actor, "times": 1}
        )


def record_of(event: ExampleEvent, number: int) -> dict[str, Any]:
    """Return the Directory Insights record that an event stands for; `number` makes its id distinct."""
    success = event.success if event.success is not None else event.status is None or event.status < 400
    record: dict[str, Any] = {
        "id": f"{number:024x}",
        "event_type": event.event_type,
        "service": "sso" if event.event_type == SIGN_IN else "directory",
        "organization": ORGANIZATION,
        "timestamp": (START + event.at).isoformat().replace("+00:00", "Z"),
    }
    if event.event_type == SIGN_IN:
        record["sso_token_success"] = success
        record["initiated_by"] = {"id": event.subject, "type": "user", "username": event.subject}
    else:
        record["success"] = success
        if event.actor:
            record["initiated_by"] = {"id": event.actor, "type": "admin", "email": event.actor}
        if event.subject:
            record["resource"] = _resource(event)
    if event.application:
        record["application"] = {"id": event.application, "name": event.application}
    if event.status is not None or event.detail:
        record["message_chain"] = {"response_code": str(event.status or ""), "message_details": event.detail}
    if event.changes:
        record["changes"] = list(event.changes)
    return {**record, **event.raw}


def _resource(event: ExampleEvent) -> dict[str, str]:
    if class_of(event.event_type).kind is Kind.GROUP or event.event_type.startswith("group_"):
        return {"id": event.subject, "type": "user_group", "name": event.subject}
    return {"id": event.subject, "type": "user", "username": event.subject}


def _seen(event: ExampleEvent, number: int) -> Seen | None:
    known_at = START + event.at
    envelope = seal(orjson.dumps(record_of(event, number)), Source("test", Trust.TENANT_API), known_at)
    known_ms = int(known_at.timestamp() * 1000)
    return seen_of(read_forwarded(envelope.value, {**dict(envelope.headers), KNOWN_AT: str(known_ms).encode()}))
