"""The API's answers about dead letters."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from queries.api.models import Answer
from queries.redrive import RedriveOutcome


class LetterDecision(BaseModel):
    """What was decided or found out about a letter."""

    decision: str = Field(description="redriven, still_unreadable or discarded.")
    decided_at: datetime
    decided_by: str = Field(description="The token's name.")
    reason: str = Field(description="For a letter that is still unreadable, the short word of the new error.")
    message: str = Field(description="The sentence of that error; for a discarded letter, why it was discarded.")
    event_id: UUID | None = Field(description="The event of a redriven letter.")


class Letter(BaseModel):
    """A record that could not be read, and the decision that led to its state (or the last failed attempt)."""

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
    attempts: int = Field(description="How often it was retried.")
    decision: str = Field(description="redriven, still_unreadable, discarded, or empty.")
    decided_at: datetime | None
    decided_by: str
    decision_reason: str
    decision_message: str
    event_id: UUID | None


class Letters(BaseModel):
    """A page of dead letters, newest first; `next` is null on the last page."""

    items: list[Letter]
    next: str | None


class LetterDetail(Letter):
    """One dead letter with its bytes; what is not UTF-8 in them is shown as U+FFFD."""

    raw: str | None = Field(description="Null if the log no longer has the bytes.")
    decisions: list[LetterDecision] = Field(description="All decisions, the oldest first.")


class LetterResult(Answer):
    """The result for a letter; for a dry run, what it would be."""

    letter_id: UUID
    source: str
    position: str
    outcome: RedriveOutcome
    reason: str
    message: str
    event_id: UUID | None


class LetterResults(BaseModel):
    """A page of results, newest letters first; `next` is null on the last page."""

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
    """Counts of letters, the largest first."""

    items: list[LetterCount]
