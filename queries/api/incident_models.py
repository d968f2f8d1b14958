"""The API's answers about incidents."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from queries.api.models import Blame, Change
from queries.incidents.listing import IncidentState


class Incident(BaseModel):
    """Failures of one application, cause, attribute and text that are one problem."""

    incident_id: str = Field(description="32 hexadecimal digits.")
    organization: str
    application_id: str
    application: str
    cause: str
    attribute: str
    detail: str = Field(description="What the provider said last.")
    http_status: int
    state: IncidentState = Field(
        description="open: ongoing; regressed: open again after it had ended; quiet: not ended, but nothing has failed "
        "for a day; resolved: ended by a success or because the integration is gone."
    )
    attempts: int = Field(description="Distinct events that failed.")
    people: int = Field(description="Distinct people among them.")
    groups: int = Field(description="Distinct groups among them.")
    affected: int = Field(description="People and groups still in trouble.")
    first_at: datetime
    last_at: datetime
    first_event: UUID
    last_event: UUID
    episodes: int = Field(description="Stretches of trouble with a success between them.")
    since: datetime = Field(description="When the last of them began.")
    ended_at: datetime | None = Field(description="When it ended; null while it is ongoing.")
    ended_by: UUID | None = Field(description="The success, or the integration's deletion, that ended it.")
    change: Change | None = Field(description="The integration's last change before `since`; null if none is known.")
    sentence: str
    remedy: str
    retryable: bool


class Incidents(BaseModel):
    """A page of incidents: ongoing, then quiet, then ended ones; in each group the newest trouble first.

    `next` is null on the last page.
    """

    items: list[Incident]
    next: str | None


class Subject(BaseModel):
    """A person or group whose attempts failed."""

    subject_id: str
    kind: str = Field(description="user or group.")
    name: str = Field(description="Its latest name; empty when none is known.")
    attempts: int
    first_at: datetime
    last_at: datetime
    mended_at: datetime | None = Field(
        description="When a success, perhaps of somebody else, ended its last trouble here; null while it is ongoing."
    )
    accepted_at: datetime | None = Field(
        description="When an attempt of its own was accepted since; null if none was, and its account is as the last"
        " failure left it."
    )


class Said(BaseModel):
    """A text from the provider."""

    detail: str
    attempts: int
    first_at: datetime
    last_at: datetime


class Hour(BaseModel):
    """Failures within one hour."""

    hour: datetime
    attempts: int


class IncidentDetail(Incident):
    """One incident in full. `next` is the cursor of more subjects, null on the last page."""

    subjects: list[Subject] = Field(
        description="Subjects still in trouble come first, then those with the latest failures."
    )
    next: str | None
    texts: list[Said] | None = Field(description="The most frequent twenty; null on pages after the first.")
    hours: list[Hour] | None = Field(description="Hours with failures, in order; null on pages after the first.")
    blame: Blame | None = Field(
        description="For the last failure, if the answer names an attribute; null on pages after the first."
    )
