"""The answers of the API, as its document shows them. Times are RFC 3339 in UTC; unknown texts are empty."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from queries.incidents import incident_text
from queries.redrive import Outcome as LetterOutcome
from schemas.normal_form import Relation
from schemas.outcome import Outcome

IncidentId = Annotated[str | None, BeforeValidator(lambda given: incident_text(given))]
"""As the store has it, or as it is shown."""


class Answer(BaseModel):
    """Made from a value of the queries, by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Event(Answer):
    """One event, as its copy in force tells it."""

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
    account_state: str = Field(description="What the attempt meant the account to become; empty when unchanged.")
    changed: list[str]
    flags: list[str]
    source: str
    trust: int
    incident_id: IncidentId = Field(description="Of the incident that this failure belongs to; null: none.")


class Events(BaseModel):
    """A page, newest first. `next` is the cursor of the following page; null ends. A page may be short."""

    items: list[Event]
    next: str | None


class Copy(Answer):
    """One record of an event, as it stands on the log."""

    raw: str
    digest: str = Field(description="SHA-256 of the bytes.")
    fingerprint: str
    source: str
    trust: str
    known_at: datetime
    received_at: datetime
    redacted: bool = Field(description="Secrets were cut out before it was logged.")
    topic: str
    partition: int
    offset: int
    place: str
    in_force: bool
    relation: Relation = Field(description="To the copy in force.")


class Change(Answer):
    """An event that configured an integration."""

    event_id: UUID
    event_type: str
    at: datetime
    actor: str


class Blame(Answer):
    """What the application refused, beside what it last accepted: shapes, never values."""

    attribute: str = Field(description="In RFC 7643's spelling; empty when the answer names none.")
    member: str = Field(description="Id of the group's member at fault, where the answer names one.")
    refused_shape: str = Field(description="Of the value that was sent, or `not sent`; empty when not told.")
    accepted_shape: str
    accepted_event: UUID | None = Field(description="The last one before it that set the attribute there.")
    accepted_at: datetime | None
    whose: str = Field(description="`same person`, `another person`, `same group` or `another group`.")


class EventDetail(Event):
    """One event with every copy, the one in force first."""

    blame: Blame | None = Field(description="Null when it did not fail.")
    copies: list[Copy]


class Counts(BaseModel):
    """Distinct events, the largest count first: a value for each dimension, and `events`."""

    items: list[dict[str, Any]]
    complete: bool = Field(description="False: the rarest combinations are left out; ask with a larger limit.")


class TypeCount(BaseModel):
    """Events of one type, and what became of them."""

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
    """How much there is, and how far the store is behind the log."""

    events: int
    people: int
    applications: int
    first: datetime | None
    last: datetime | None
    types: list[TypeCount]
    dead_letters: int = Field(description="Records that could not be read, and wait.")
    unplaced: int = Field(description="Events whose time cannot be believed; in no range.")
    behind: int = Field(description="Records on the log that are not stored yet.")
    log: list[LogPlace]


class LetterDecision(BaseModel):
    """What was decided, or found out, about a letter."""

    decision: str = Field(description="redriven, still_unreadable or discarded.")
    decided_at: datetime
    decided_by: str = Field(description="The token's name.")
    reason: str = Field(description="Of one still unreadable: the short word of the newer error.")
    message: str = Field(description="That error's sentence; of a discarded one, why it was discarded.")
    event_id: UUID | None = Field(description="Of a redriven one.")


class Letter(BaseModel):
    """A record that could not be read, and the decision that made its state (or the last vain attempt)."""

    letter_id: UUID
    organization: str
    source: str
    position: str
    reason: str
    message: str
    known_at: datetime
    size: int
    log_topic: str
    log_partition: int
    log_offset: int
    state: Literal["waiting", "redriven", "discarded"]
    attempts: int = Field(description="How often it was tried again.")
    decision: str = Field(description="redriven, still_unreadable, discarded, or empty.")
    decided_at: datetime | None
    decided_by: str
    decision_reason: str
    decision_message: str
    event_id: UUID | None


class Letters(BaseModel):
    """A page, newest first; a null `next` ends."""

    items: list[Letter]
    next: str | None


class LetterDetail(Letter):
    """One with its bytes; what is not UTF-8 in them is shown as U+FFFD."""

    raw: str | None = Field(description="null: the log has them no more.")
    decisions: list[LetterDecision] = Field(description="All of them, the oldest first.")


class LetterResult(Answer):
    """What became of a letter; of a dry run, what would."""

    letter_id: UUID
    source: str
    position: str
    outcome: LetterOutcome
    reason: str
    message: str
    event_id: UUID | None


class LetterResults(BaseModel):
    """A page, newest letters first; a null `next` ends."""

    items: list[LetterResult]
    next: str | None
    dry_run: bool


class LetterCount(BaseModel):
    """Letters of one reason and source."""

    reason: str
    source: str
    letters: int
    waiting: int
    redriven: int
    discarded: int
    first: datetime = Field(description="When the log got the first of them.")
    last: datetime


class LetterCounts(BaseModel):
    """The most first."""

    items: list[LetterCount]


class Token(Answer):
    """What a token allows; never its text."""

    token_id: UUID
    name: str
    scopes: list[str]
    organization: str = Field(description="*: every organization.")
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class CreatedToken(Token):
    """A new token. Its text is in this answer and nowhere else."""

    token: str


class TokenList(BaseModel):
    """The newest first."""

    items: list[Token]


class RefusedRecord(BaseModel):
    """A record of the request that was not accepted; it is in the dead letters."""

    event: int = Field(description="Its number in the request, from 1.")
    reason: str
    message: str


class Accepted(BaseModel):
    """What became of the records of a request."""

    logged: int
    spooled: int
    dead_lettered: int
    refused: list[RefusedRecord] = Field(description="The first hundred.")
    by_type: dict[str, int]


class BlindSpot(BaseModel):
    """Something of which events may be missing."""

    what: Literal["source", "sink", "dead_letters"]
    name: str = Field(description="The source, the partition or the organization; may be empty.")
    since: datetime
    text: str


class PartitionLag(BaseModel):
    """How far one partition's storage is behind the log."""

    topic: str
    partition: int
    end: int
    stored: int
    behind: int


class Health(BaseModel):
    """What the trail may be missing, and how far it is."""

    at: datetime
    trouble: list[str] = Field(description="What does not answer; empty when all does.")
    blind: list[BlindSpot]
    newest: datetime | None = Field(description="When the newest event stored became known.")
    lag: list[PartitionLag]


class Problem(BaseModel):
    """RFC 9457. Some problems say more, in members of their own."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
