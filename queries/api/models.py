"""Answers that several routes of the API share, or that are short. Times are RFC 3339; unknown texts are empty."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """An answer made from a value of the queries, by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Change(Answer):
    """An event that configured an integration."""

    event_id: UUID
    event_type: str
    at: datetime
    actor: str


class Blame(Answer):
    """What the application refused, compared with what it last accepted: shapes, never values."""

    attribute: str = Field(description="In RFC 7643's spelling; empty if the answer names none.")
    member: str = Field(description="The id of the group's member at fault, if the answer names one.")
    refused_shape: str = Field(description="The shape of the value that was sent, or `not sent`; empty if unknown.")
    accepted_shape: str
    accepted_event: UUID | None = Field(
        description="The last accepted event before it that set the attribute in the application."
    )
    accepted_at: datetime | None
    whose: str = Field(description="`same person`, `another person`, `same group` or `another group`.")


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
    """A list of tokens, the newest first."""

    items: list[Token]


class RefusedRecord(BaseModel):
    """A record of the request that was not accepted; it is in the dead letters."""

    event: int = Field(description="Its number in the request, from 1.")
    reason: str
    message: str


class Accepted(BaseModel):
    """The results of a request's records."""

    logged: int
    spooled: int
    dead_lettered: int
    refused: list[RefusedRecord] = Field(description="The first hundred.")
    by_type: dict[str, int]


class BlindSpot(BaseModel):
    """Something of which events may be missing."""

    what: Literal["source", "sink", "detection", "dead_letters", "log"]
    name: str = Field(description="The source, the topic, the organization or the place on the log; may be empty.")
    since: datetime
    text: str


class PartitionLag(BaseModel):
    """How far one partition's storage is behind the log."""

    topic: str
    partition: int
    end: int | None = Field(description="Null for a token of one organization, since the log holds all organizations.")
    stored: int | None = Field(description="Null in the same case as `end`.")
    behind: int


class Health(BaseModel):
    """What the trail may be missing, and how far it is stored."""

    at: datetime
    trouble: list[str] = Field(description="What does not answer; empty if everything does.")
    blind: list[BlindSpot]
    newest: datetime | None = Field(description="When the newest event stored became known.")
    lag: list[PartitionLag]


class Problem(BaseModel):
    """A problem document (RFC 9457). Some problems have further members."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
