"""The API's answers about alerts, and the bodies of acts on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.alerts import MAX_TEXT, Detection, Severity, State

MAX_SNOOZE_MINUTES = 30 * 24 * 60
Text = Annotated[str, Field(max_length=MAX_TEXT)]


class Alert(BaseModel):
    """A problem that a rule detected, however many events it has."""

    alert_id: str = Field(description="32 hexadecimal digits.")
    organization: str
    rule_id: str
    rule_version: str = Field(description="16 hexadecimal digits of the hash of the rule's file.")
    severity: Severity
    title: str
    description: str
    remedy: str
    cause: str = Field(description="The cause of the last event, if it failed.")
    state: State = Field(
        description="open: nobody handles it yet; acknowledged: somebody does; snoozed: open again at `snoozed_until`; "
        "resolved: by hand, or its condition ended; withdrawn: late records showed that its condition never held."
    )
    state_since: datetime
    state_by: str = Field(description="The token that put it into this state; empty if none did.")
    reopened: bool = Field(description="Whether it was resolved and opened again.")
    snoozed_until: datetime | None
    owner: str
    notes: int = Field(description="Acts with a text.")
    staging: bool = Field(description="Whether the rule is in staging: nobody is notified.")
    destinations: list[str] = Field(description="The destinations that the rule names; if empty, routing decides.")
    group: dict[str, str] = Field(description="What the rule groups by, with this alert's values.")
    detection: Detection = Field(description="The state of the condition, whatever people did.")
    opened_at: datetime = Field(description="When the condition first held.")
    since: datetime = Field(description="When the condition last began to hold.")
    triggered_at: datetime = Field(description="When the condition last held.")
    ended_at: datetime | None = Field(description="When it ended; null while it is ongoing.")
    ended_by: UUID | None = Field(description="The event that ended it; null if time did.")
    episodes: int = Field(description="How often it opened.")
    events: int = Field(description="Distinct events that it is made of.")
    first_at: datetime
    first_event: UUID | None = Field(description="Null if no event shows it: a source that is silent.")
    last_at: datetime
    last_event: UUID | None = Field(description="Null if no event shows it.")
    people: int = Field(description="Distinct people or groups; counts up to 1,000.")
    people_named: list[str] = Field(description="The ids of the first twenty.")
    applications: list[str] = Field(description="The ids of the first twenty.")
    incidents: list[str] = Field(
        description="Ids of the incidents that its failures belong to, the first twenty: see `/api/v1/incidents/{id}`."
    )


class Alerts(BaseModel):
    """A page of alerts: open ones by urgency, then acknowledged, snoozed, resolved and withdrawn ones; in each group
    the latest first.

    `next` is null on the last page.
    """

    items: list[Alert]
    next: str | None


class Happened(BaseModel):
    """A detection or an act."""

    what: str = Field(
        description="opened, grew, ended, opened again, withdrawn; or acknowledge, resolve, reopen, note, snooze, own."
    )
    at: datetime
    known_at: datetime = Field(description="When it was logged.")
    by: str = Field(description="The token's name; empty for a detection of the rule.")
    text: str = Field(description="The note, the reason, or the new owner.")
    until: datetime | None = Field(description="The end of a snooze.")
    too_late: bool = Field(
        description="Whether it is an acknowledgement or a snooze that changed nothing, because the alert had just "
        "been resolved."
    )
    events: int | None = Field(description="The number known then; null for acts.")
    people: int | None


class Delivery(BaseModel):
    """One attempt to notify one destination."""

    destination: str
    occasion: str
    attempt: int
    at: datetime
    known_at: datetime
    succeeded: bool
    detail: str = Field(description="Why it did not succeed.")


class AlertDetail(Alert):
    """One alert in full."""

    history: list[Happened] = Field(
        description="In order: the last 1,000 detections and acts each. Of records of growth, only the last."
    )
    deliveries: list[Delivery] = Field(description="In order; the last 1,000.")
    names: dict[str, str] = Field(
        description="Maps ids of people, groups and applications to their names, where known."
    )


class RuleCount(BaseModel):
    """The alerts of one rule."""

    rule_id: str
    alerts: int
    going_on: int = Field(description="Neither resolved nor withdrawn.")
    events: int
    acknowledge_seconds: int | None = Field(description="Median time from opening to the first acknowledgement.")
    resolve_seconds: int | None = Field(description="Median time from opening to the end, over resolved alerts.")


class AlertCounts(BaseModel):
    """How many alerts there are, and how long people took."""

    alerts: int
    events: int
    acknowledge_seconds: int | None = Field(
        description="Median time from opening to the first acknowledgement; null if there is none."
    )
    resolve_seconds: int | None = Field(description="Median time from opening to the end, over resolved alerts.")
    severities: dict[str, int]
    states: dict[str, int]
    rules: list[RuleCount] = Field(description="The rules with the most alerts, 200 at most.")


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Remark(_Sent):
    """An act that needs no reason."""

    note: Text = Field("", description="Kept on the log with the token's name.")


class Reason(_Sent):
    """Why an alert is resolved."""

    because: Text = Field(min_length=1, description="Kept on the log with the token's name.")


class Note(_Sent):
    """A note on an alert."""

    text: Text = Field(min_length=1, description="Kept on the log with the token's name.")


class Snooze(Remark):
    """How long an alert is snoozed."""

    minutes: int = Field(ge=1, le=MAX_SNOOZE_MINUTES)


class Owner(_Sent):
    """Who owns an alert."""

    owner: str = Field(max_length=256, description="Free text; empty for nobody.")
