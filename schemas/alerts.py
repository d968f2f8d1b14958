"""Records of `idtrail.alerts`: what was detected, what people did about it, and what was delivered. Pure.

Every record is kept forever, and nothing deletes an alert: its current state follows from all of its records in the
order of the log. The key of all records of an alert is its id, so they are in one partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from schemas.envelope import Header
from schemas.errors import MalformedRecord
from schemas.times import LATEST, SENTINEL

MAX_NAMED: Final = 20
"""The most people, applications and incidents that a record names."""
MAX_COUNTED: Final = 1_000
"""The most people, and the most applications, of an alert that are told apart."""
MAX_TEXT: Final = 2_000


def _placed(at: datetime) -> datetime:
    if not SENTINEL <= at < LATEST:
        raise ValueError("must be between 1970 and 2100")
    return at.astimezone(UTC)


AlertId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Time = Annotated[AwareDatetime, AfterValidator(_placed)]
Count = Annotated[int, Field(ge=0, lt=2**31)]


class Severity(StrEnum):
    """How urgent an alert is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Detection(StrEnum):
    """How the rule's condition stands."""

    OPEN = "open"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    """Late events show that the condition never held, or that the alert belongs to an earlier one."""


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
    severity: Severity
    title: str
    description: str
    remedy: str
    cause: str = Field(description="Of the last event, if it failed.")
    group: dict[str, str] = Field(description="What the rule groups by, with this alert's values.")
    staging: bool = Field(description="Recorded only: nobody is paged.")
    owner: str
    destinations: tuple[str, ...]
    detection: Detection
    opened_at: Time = Field(description="When the condition first held.")
    since: Time = Field(description="When it began to hold last.")
    triggered_at: Time = Field(description="When it held last.")
    ended_at: Time | None = Field(description="When the condition ended; given exactly when it has.")
    ended_by: UUID | None = Field(description="The event that ended it; null where time did.")
    episodes: Count = Field(description="How often it opened.")
    events: Count = Field(description="How many different events it is made of.")
    first_at: Time
    first_event: UUID | None = Field(description="Null where no event tells of it.")
    last_at: Time
    last_event: UUID | None = Field(description="Null where no event tells of it.")
    people: Count = Field(description=f"How many different people or groups; {MAX_COUNTED:,}: so many or more.")
    people_named: tuple[str, ...] = Field(max_length=MAX_NAMED, description="Ids of the first.")
    applications: tuple[str, ...] = Field(max_length=MAX_NAMED, description="Ids of the first.")
    incidents: tuple[str, ...] = Field(
        (), max_length=MAX_NAMED, description="Ids of the first that its failures belong to. Older records have none."
    )

    @model_validator(mode="after")
    def _ends_when_it_says_so(self) -> Self:
        if self.detection is (Detection.ENDED if self.ended_at is None else Detection.OPEN):
            raise ValueError("`ended_at` is only for an alert that has ended")
        return self


class Acted(_Record):
    """What somebody did."""

    record: Literal["acted"] = "acted"
    act: Act
    act_id: UUID = Field(description="Repeats of one act have one.")
    by: str = Field(description="The token's name.")
    at: Time
    text: str = Field("", max_length=MAX_TEXT, description="The note, the reason, or the new owner.")
    until: Time | None = Field(None, description="Of a snooze, and of nothing else.")
    after: Time | None = Field(
        None,
        description="The last time that the alert told of, where that was not before `at`: a source's clock is ahead."
        " What was done counts as later.",
    )

    @property
    def counts_at(self) -> datetime:
        """When it was done on the events' time scale, whose clock may be ahead of that of `at`."""
        return self.at if self.after is None else max(self.at, self.after + timedelta.resolution)

    @model_validator(mode="after")
    def _only_a_snooze_is_over_by_itself(self) -> Self:
        if (self.act is Act.SNOOZE) != (self.until is not None):
            raise ValueError("`until` is only for a snooze")
        return self


class Delivered(_Record):
    """One try to tell one destination."""

    record: Literal["delivered"] = "delivered"
    destination: str
    occasion: str = Field(description="What it was told about: `opened`, `reopened` or `ended`, and the episode.")
    attempt: Count
    at: Time
    succeeded: bool
    detail: str = Field("", max_length=MAX_TEXT, description="Why not, without the destination's address.")
    not_before: Time | None = Field(None, description="Until when it asked to be left alone.")


AlertRecord = Detected | Acted | Delivered
_RECORDS: Final[TypeAdapter[AlertRecord]] = TypeAdapter(Annotated[AlertRecord, Field(discriminator="record")])


class Sealed(NamedTuple):
    """A record in its form on the log."""

    key: bytes
    value: bytes
    headers: list[Header]


def seal_record(record: AlertRecord) -> Sealed:
    """Return key, value and headers for the log."""
    headers: list[Header] = [
        ("idtrail_record", record.record.encode()),
        ("idtrail_organization", record.organization.encode("utf-8", "replace")),
        ("content-type", b"application/json"),
    ]
    return Sealed(record.alert_id.encode(), record.model_dump_json().encode(), headers)


def read_alert_record(value: bytes | None) -> AlertRecord:
    """Decode the record in `value`. Raises `MalformedRecord`."""
    try:
        return _RECORDS.validate_json(value or b"")
    except ValidationError:
        raise MalformedRecord("not a record about an alert", reason="no_alert_record") from None


class State(StrEnum):
    """Where an alert stands, for whoever looks."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class Standing(NamedTuple):
    """The state that the records of an alert together give."""

    state: State
    since: datetime
    by: str
    """Who put it into this state; empty if nobody did."""
    reopened: bool
    """Whether it opened again after it was resolved."""
    owner: str
    snoozed_until: datetime | None


def standing(detected: Detected, acts: Sequence[Acted], now: datetime) -> Standing:
    """Return the state of an alert from its last `Detected` and all acts, in the order of the log.

    The last act counts, with these exceptions: an alert resolved by hand opens again when the condition holds later,
    and until then only by hand; an acknowledged one opens when a new episode does; a snooze holds for its time; an
    alert that ended by itself is resolved, unless somebody opened it again after the end. What an alert had already
    reported when somebody acted is not later than the act, whatever the clocks of its sources. A test compares this
    with the SQL of `queries/alerts/listing.py`.
    """
    owner = _last(acts, Act.OWN)
    stands = Standing(State.OPEN, detected.since, "", False, detected.owner if owner is None else owner.text, None)
    if detected.detection is Detection.WITHDRAWN:
        return stands._replace(state=State.WITHDRAWN, since=detected.triggered_at)
    reopening, ended = _last(acts, Act.REOPEN), detected.ended_at
    if ended is not None and (reopening is None or reopening.counts_at <= ended):
        return stands._replace(state=State.RESOLVED, since=ended)
    said = _last(acts, Act.ACKNOWLEDGE, Act.RESOLVE, Act.REOPEN, Act.SNOOZE)
    if said is None:
        return stands._replace(reopened=detected.episodes > 1)
    resolved = _resolution(detected, acts)
    if resolved is not None:
        return stands._replace(state=State.RESOLVED, since=resolved.at, by=resolved.by)
    by_hand = stands._replace(since=said.at, by=said.by)
    again = detected.episodes > 1 or ended is not None or _last(acts, Act.RESOLVE) is not None
    stands, by_hand = stands._replace(reopened=again), by_hand._replace(reopened=again)
    if said.until is not None:
        if said.until > now:
            return by_hand._replace(state=State.SNOOZED, snoozed_until=said.until)
        return stands._replace(since=max(said.until, detected.since))
    if said.counts_at < detected.since:
        return stands
    if said.act is Act.ACKNOWLEDGE:
        return by_hand._replace(state=State.ACKNOWLEDGED)
    return by_hand if said.act is Act.REOPEN else stands._replace(since=detected.triggered_at)


def too_late(detected: Detected, acts: Sequence[Acted]) -> frozenset[UUID]:
    """Return the ids of the acts that do nothing, because the alert had just been resolved and is still: whoever did
    them did not know yet."""
    resolved = _resolution(detected, acts)
    later = acts[acts.index(resolved) :] if resolved is not None else ()
    return frozenset(act.act_id for act in later if act.act in (Act.ACKNOWLEDGE, Act.SNOOZE))


def _resolution(detected: Detected, acts: Sequence[Acted]) -> Acted | None:
    """Return the resolution by hand that holds: nobody reopened the alert, and its condition did not hold later."""
    turned = _last(acts, Act.RESOLVE, Act.REOPEN)
    holds = turned is not None and turned.act is Act.RESOLVE and detected.triggered_at <= turned.counts_at
    return turned if holds else None


def _last(acts: Sequence[Acted], *wanted: Act) -> Acted | None:
    return next((act for act in reversed(acts) if act.act in wanted), None)


MEANT_FOR: Final[Mapping[Act, frozenset[State]]] = {
    Act.ACKNOWLEDGE: frozenset({State.OPEN, State.SNOOZED}),
    Act.RESOLVE: frozenset({State.OPEN, State.ACKNOWLEDGED, State.SNOOZED}),
    Act.REOPEN: frozenset({State.ACKNOWLEDGED, State.SNOOZED, State.RESOLVED}),
    Act.SNOOZE: frozenset({State.OPEN, State.ACKNOWLEDGED, State.SNOOZED}),
    Act.NOTE: frozenset(State),
    Act.OWN: frozenset(State),
}
"""The states in which each act is meaningful."""


def utc(micros: int) -> datetime:
    """Convert microseconds since 1970 to a time."""
    return SENTINEL + timedelta(microseconds=micros)


def dumped(record: AlertRecord) -> dict[str, Any]:
    """Return the record as a JSON object."""
    return record.model_dump(mode="json")
