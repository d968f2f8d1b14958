"""Records of `idtrail.alerts`: what was detected, what people did about it, and who was told. Pure.

Every one is kept for ever, and nothing deletes an alert: what it is now is what its records, in the order of the log,
say together. All records of an alert have its id as their key, and so are in one partition.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from schemas.envelope import Header
from schemas.errors import MalformedRecord

MAX_NAMED: Final = 20
"""People and applications that a record names; it counts them all."""
MAX_TEXT: Final = 2_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

AlertId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class Detection(StrEnum):
    """How the rule's condition stands."""

    OPEN = "open"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    """What came late shows that the condition never held, or that the alert belongs to an earlier one."""


class Act(StrEnum):
    """What somebody did about an alert."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    NOTE = "note"
    SNOOZE = "snooze"
    OWN = "own"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    alert_id: AlertId
    organization: str
    rule_id: str


class Detected(_Record):
    """An alert as the rule finds it at the time of the record. Of two, the later on the log holds."""

    record: Literal["detected"] = "detected"
    rule_version: str = Field(description="Of the rule's file: 16 hexadecimal digits of its hash.")
    severity: str
    title: str
    description: str
    remedy: str
    cause: str = Field(description="Of the last event, if it failed.")
    group: dict[str, str] = Field(description="What the rule groups by, with this alert's values.")
    staging: bool = Field(description="Recorded only: nobody is paged.")
    owner: str
    destinations: tuple[str, ...]
    detection: Detection
    opened_at: AwareDatetime = Field(description="When the condition first held.")
    since: AwareDatetime = Field(description="When it began to hold last.")
    triggered_at: AwareDatetime = Field(description="When it held last.")
    ended_at: AwareDatetime | None
    ended_by: UUID | None = Field(description="The event that ended it; null where time did.")
    episodes: int = Field(description="How often it opened.")
    events: int = Field(description="How many different events it is made of.")
    first_at: AwareDatetime
    first_event: UUID
    last_at: AwareDatetime
    last_event: UUID
    people: int = Field(description="How many different people or groups; counts up to 1,000.")
    people_named: tuple[str, ...] = Field(max_length=MAX_NAMED, description="Ids of the first.")
    applications: tuple[str, ...] = Field(max_length=MAX_NAMED, description="Ids of the first.")


class Acted(_Record):
    """What somebody did."""

    record: Literal["acted"] = "acted"
    act: Act
    act_id: UUID = Field(description="Repeats of one act have one.")
    by: str = Field(description="The token's name.")
    at: AwareDatetime
    text: str = Field("", max_length=MAX_TEXT, description="The note, the reason, or the new owner.")
    until: AwareDatetime | None = Field(None, description="Of a snooze.")


class Delivered(_Record):
    """One try to tell one destination."""

    record: Literal["delivered"] = "delivered"
    destination: str
    occasion: str = Field(description="What it was told about: `opened`, `reopened` or `ended`, and the episode.")
    attempt: int
    at: AwareDatetime
    succeeded: bool
    detail: str = Field("", max_length=MAX_TEXT, description="Why not, without the destination's address.")


AlertRecord = Detected | Acted | Delivered
_RECORDS: Final[TypeAdapter[AlertRecord]] = TypeAdapter(Annotated[AlertRecord, Field(discriminator="record")])


class Sealed(NamedTuple):
    """A record as it goes on the log."""

    key: bytes
    value: bytes
    headers: list[Header]


def seal_record(record: AlertRecord) -> Sealed:
    """Key, value and headers for the log."""
    headers: list[Header] = [
        ("idtrail_record", record.record.encode()),
        ("idtrail_organization", record.organization.encode("utf-8", "replace")),
        ("content-type", b"application/json"),
    ]
    return Sealed(record.alert_id.encode(), record.model_dump_json().encode(), headers)


def read_alert_record(value: bytes | None) -> AlertRecord:
    """The record in `value`. Raises `MalformedRecord`."""
    try:
        return _RECORDS.validate_json(value or b"")
    except ValidationError:
        raise MalformedRecord("the record is none about an alert", reason="no_alert_record") from None


class State(StrEnum):
    """Where an alert stands, for whoever looks."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class Standing(NamedTuple):
    """What the records of an alert say together."""

    state: State
    since: datetime
    by: str
    """Who put it into this state; empty where nobody did."""
    reopened: bool
    """It was resolved, and opened again."""
    owner: str
    snoozed_until: datetime | None


def standing(detected: Detected, acts: list[Acted], now: datetime) -> Standing:
    """Where an alert stands by its last `Detected` and all that was done, in the order of the log.

    What was resolved by hand opens again when the condition holds again after that; so does what was acknowledged,
    when it opens anew.
    """
    owner = next((act.text for act in reversed(acts) if act.act is Act.OWN), detected.owner)
    if detected.detection is Detection.WITHDRAWN:
        return Standing(State.WITHDRAWN, detected.triggered_at, "", False, owner, None)
    reopened = detected.episodes > 1
    if detected.detection is Detection.ENDED:
        assert detected.ended_at is not None
        return Standing(State.RESOLVED, detected.ended_at, "", False, owner, None)
    said = [act for act in acts if act.act in (Act.ACKNOWLEDGE, Act.RESOLVE, Act.REOPEN)]
    last = said[-1] if said else None
    snooze = next((act.until for act in reversed(acts) if act.act is Act.SNOOZE), None)
    snoozed = snooze if snooze is not None and snooze > now else None
    if last is not None and last.act is Act.RESOLVE:
        if detected.triggered_at <= last.at:
            return Standing(State.RESOLVED, last.at, last.by, False, owner, None)
        reopened = True
    elif last is not None and last.act is Act.ACKNOWLEDGE and detected.since <= last.at:
        state = State.SNOOZED if snoozed else State.ACKNOWLEDGED
        return Standing(state, last.at, last.by, reopened, owner, snoozed)
    elif last is not None and last.act is Act.REOPEN:
        reopened = True
    return Standing(State.SNOOZED if snoozed else State.OPEN, detected.since, "", reopened, owner, snoozed)


def utc(micros: int) -> datetime:
    """Microseconds since 1970 as a time."""
    return _EPOCH + timedelta(microseconds=micros)


def dumped(record: AlertRecord) -> dict[str, Any]:
    """As JSON objects hold it."""
    return record.model_dump(mode="json")
