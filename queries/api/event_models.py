"""The API's answers about events and their counts. Times are RFC 3339 in UTC; unknown texts are empty."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field

from queries.api.models import Answer, Blame
from queries.incidents.listing import incident_text
from schemas.normal_form import Relation
from schemas.outcome import Outcome

IncidentId = Annotated[str | None, BeforeValidator(lambda given: incident_text(given))]
"""An incident's id, as stored or as shown."""


class Event(Answer):
    """One event, by its copy in force."""

    event_id: UUID
    organization: str
    event_type: str
    occurred_at: datetime = Field(description="1970-01-01 when its own time cannot be believed; see time_quality.")
    occurred_text: str = Field(description="The event's timestamp as it was written.")
    time_quality: str = Field(description="ok, future, missing, garbage or out_of_range.")
    known_at: datetime = Field(description="When Kafka appended it: no producer can forge this.")
    kind: str
    action: str
    outcome: Outcome
    cause: str
    attribute: str
    http_status: int = Field(description="The provider's answer; 0 when unknown.")
    scim_type: str
    detail: str
    retryable: bool
    subject_id: str
    subject_type: str
    subject_name: str
    subject_email: str
    application_id: str
    application_name: str
    integration_id: str
    actor_id: str
    actor_type: str
    actor_name: str
    account_state: str = Field(
        description="The state that the attempt asked for; empty if it leaves the state unchanged."
    )
    changed: list[str]
    flags: list[str]
    source: str
    trust: int
    incident_id: IncidentId = Field(
        description="The id of the incident that this failure belongs to; null if there is none."
    )


class Events(BaseModel):
    """A page of events, newest first. `next` is the cursor of the next page, null on the last one. A page may be
    short."""

    items: list[Event]
    next: str | None


class Copy(Answer):
    """One record of an event on the log."""

    raw: str
    digest: str = Field(description="SHA-256 of the bytes.")
    fingerprint: str
    source: str
    trust: str
    known_at: datetime
    received_at: datetime
    redacted: bool = Field(description="Secrets were cut out before it was logged.")
    schema_version: int | None = Field(
        description="The version that `ce_dataschema` names; null if the record names none."
    )
    topic: str
    partition: int
    offset: int
    place: str
    in_force: bool
    relation: Relation = Field(description="How the copy relates to the copy in force.")


class EventDetail(Event):
    """One event with every copy, the one in force first."""

    blame: Blame | None = Field(description="Null if it did not fail.")
    copies: list[Copy]


class Counts(BaseModel):
    """Counts of distinct events, the largest first: a value for each dimension, and `events`."""

    items: list[dict[str, Any]]
    complete: bool = Field(description="False if the rarest combinations are left out; ask with a larger limit.")


class TypeCount(BaseModel):
    """Events of one type by outcome."""

    event_type: str
    kind: str
    events: int
    success: int
    failure: int
    reported_absent: int
    unknown: int


class LogPlace(BaseModel):
    """One partition of the log, and up to where it is stored."""

    topic: str
    partition: int
    end: int = Field(description="Offset of the next record to be written.")
    stored: int = Field(description="All records before this offset are stored.")


class Statistics(BaseModel):
    """The numbers of stored events, and how far the store is behind the log."""

    events: int
    people: int
    applications: int
    first: datetime | None
    last: datetime | None
    types: list[TypeCount]
    dead_letters: int = Field(description="Waiting dead letters.")
    unplaced: int = Field(description="Events whose time cannot be believed; in no range.")
    behind: int = Field(description="Records on the log that are not stored yet.")
    log: list[LogPlace] = Field(description="The partitions; only for tokens of every organization.")
