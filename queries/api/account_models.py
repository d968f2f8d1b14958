"""The API's answers about failures, lifecycles and accounts that should be closed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from queries.api.models import Answer


class FailureGroup(BaseModel):
    """Failed attempts of one application, cause and attribute."""

    organization: str
    application_id: str
    application: str
    cause: str
    attribute: str
    tries: int = Field(description="Failed events.")
    people: int = Field(description="Distinct people among them.")
    groups: int = Field(description="Distinct groups among them.")
    first: datetime
    last: datetime
    last_success: datetime | None = Field(
        description="The application's last success for a person or group, from `since` to now; null if there is none."
    )
    last_event: UUID
    detail: str = Field(description="What the provider said last.")
    http_status: int
    state: Literal["open", "resolved"] = Field(
        description="open: some of these failures have not ended. What ends a failure depends on its cause, as with "
        "incidents; the filters do not restrict it."
    )
    sentence: str
    remedy: str
    retryable: bool


class Failures(BaseModel):
    """What failed and why, the most attempts first."""

    since: datetime = Field(description="The range that was counted.")
    until: datetime
    attempts: int
    failures: int
    share: float = Field(description="Failures of attempts, from 0 to 1.")
    total: int = Field(description="The number of groups, including those beyond the limit.")
    items: list[FailureGroup]


class Window(BaseModel):
    """One minute of one application, event type and cause, as folded by the streams."""

    organization: str
    window_start: datetime
    application_id: str
    application_name: str
    event_type: str
    cause: str
    attempts: int
    failures: int
    subjects: int
    first_event: UUID
    last_event: UUID
    first_at: datetime
    last_at: datetime


class Windows(BaseModel):
    """A list of windows, newest first."""

    items: list[Window]
    complete: bool = Field(description="False if older ones are left out; narrow the range.")


class Person(Answer):
    """The person that the answer is about."""

    organization: str
    subject_id: str
    names: list[str] = Field(description="Names and addresses, the latest first.")
    subject_ids: list[str] = Field(description="All ids of the person, the earliest first; see /api/v1/people.")
    note: str = Field(description="Who else had the given name, and when; empty if nobody had.")


class Because(Answer):
    """The cause of a step, or of the decision about an account."""

    kind: str = Field(description="directory, membership, binding, integration, retry, superseded, test or unknown.")
    event_id: UUID | None = Field(description="The event; null if the log does not identify it for certain.")
    text: str


class Step(Answer):
    """One event of a lifecycle. Events of the directory have no application."""

    event_id: UUID
    occurred_at: datetime
    time_quality: str
    event_type: str
    kind: str
    action: str
    outcome: str
    cause: str
    attribute: str
    http_status: int
    detail: str
    application_id: str
    application: str
    actor: str
    account_state: str
    changed: list[str]
    group: str = Field(description="The group of an association.")
    retry_of: UUID | None = Field(description="The first of the failed attempts that this one repeats.")
    because: Because | None = Field(description="What set the attempt off; null for events of the directory.")
    superseded_by: UUID | None = Field(
        description="For a failed attempt that was not retried: the event that changed what is wanted."
    )
    subject_id: str = Field(description="The id of the person that the event belongs to.")


class Account(Answer):
    """The person's account in one application, as far as the log says."""

    subject_id: str = Field(
        description="The id of the person that the account belongs to: each id has its own accounts."
    )
    application_id: str
    application: str
    intended: str = Field(description="The state that the directory wants: absent, active, inactive, deleted, unknown.")
    intended_since: datetime | None
    intended_because: Because | None
    test: bool = Field(
        description="Whether it is the test user or group that an activation makes and takes away again."
    )
    attempted: str = Field(description="The state that the last attempt asked for: active, inactive, deleted.")
    attempted_at: datetime | None
    confirmed: str = Field(
        description="What the provider last accepted; absent if it accepted nothing, unknown if an attempt without a"
        " clear answer may have opened the account since."
    )
    confirmed_since: datetime | None
    updated_at: datetime | None = Field(description="When the provider last accepted an update.")
    left_behind: datetime | None = Field(description="When the integration was deleted; null unless it is deleted now.")
    confirmed_at: datetime | None
    state: Literal["open", "closed", "reported_absent", "unknown"]
    closing_since: datetime | None = Field(
        description="When the account was first to be closed; null unless it is to be closed now."
    )
    closing_tries: int
    last_try: datetime | None
    last_outcome: str
    last_cause: str
    last_detail: str
    exposed: bool = Field(
        description="Whether the account is to be closed and is neither confirmed closed nor reported absent."
    )


class StateChange(Answer):
    """A change of the intended or confirmed state, in effect from `at`."""

    view: Literal["intended", "confirmed"]
    state: str
    at: datetime
    because: Because


class TimedAccount(Account):
    """The person's account in one application, with every change of its states."""

    initial: str = Field(description="The intended and confirmed state before the first change: absent or unknown.")
    changes: list[StateChange] = Field(description="Every change of both states in order; empty without `timeline`.")


class Lifecycle(BaseModel):
    """One person's events in order, and the accounts, which are null on pages after the first."""

    person: Person
    known_at: datetime | None = Field(description="Null stands for everything known now.")
    later: int = Field(description="Events before `until` that became known only after `known_at`.")
    accounts: list[TimedAccount] | None
    items: list[Step]
    next: str | None


class Exposure(Account):
    """An account that should be closed and is not confirmed closed."""

    organization: str
    person: str
    reason: Literal["failing", "never_attempted", "left_behind", "reported_absent"]
    since: datetime | None = Field(description="When it should have been closed.")
    used_since: datetime | None = Field(
        description="The first sign-in after that; null if none was seen, which tells nothing unless `sign_ins_known`."
    )
    sign_ins_known: bool = Field(
        description="Whether the trail has sign-ins to the application: this one, or anybody's in the 90 days before."
    )


class ListedExposure(Exposure):
    """An exposed account in a list."""

    namesakes: bool = Field(description="Others have or had this name too: ask for the person by `subject_id`.")


class Exposures(BaseModel):
    """Exposed accounts, those used since first, then those open the longest."""

    at: datetime
    items: list[ListedExposure] = Field(description="Accounts whose closing failed or was not tried within the SLA.")
    total: int = Field(description="The total number, including those beyond the limit.")
    used_total: int = Field(description="How many of these were used since, as far as sign-ins are known.")
    sign_ins_unknown_total: int = Field(description="Of how many of these no sign-ins are known.")
    left_behind: list[ListedExposure] = Field(description="Open when their integration was deleted.")
    left_behind_total: int
    reported_absent: list[ListedExposure] = Field(description="The provider does not know them (404).")
    reported_absent_total: int
    complete: bool = Field(description="False if more accounts may be exposed than were examined.")


class ClosingSummary(Answer):
    """How long closing took in one application, in seconds; null if all are reported absent. An account that is still
    open counts with its age."""

    organization: str
    application_id: str
    application: str
    closings: int = Field(description="Accounts that became intended closed in the period.")
    still_open: int
    reported_absent: int = Field(description="The application answered 404: neither confirmed closed nor open.")
    within_sla: int = Field(description="Confirmed closed within it.")
    p50: float | None
    p90: float | None
    p99: float | None
    longest: float | None
    at_least: list[str] = Field(
        description="Which of `p50`, `p90`, `p99` and `longest` are lower bounds, because of accounts still open."
    )


class ClosingException(Answer):
    """An account that was open for longer than the SLA."""

    organization: str
    subject_id: str
    person: str
    application_id: str
    application: str
    since: datetime
    closed_at: datetime | None = Field(description="Null if it was not confirmed.")
    absent_at: datetime | None = Field(
        description="When the application answered 404; null if the account is closed or open."
    )
    seconds: float = Field(description="The time until it was closed or reported absent, or until now.")


class ClosingReport(BaseModel):
    """Times to close, by application."""

    since: datetime
    until: datetime
    sla_seconds: int
    items: list[ClosingSummary] = Field(description="Applications, those with the most exceptions first.")
    exceptions: list[ClosingException] = Field(description="The longest first.")
    exceptions_total: int
