"""Routes about rebuilding and verifying the store: begun here, done by this process, asked about until they end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from queries.api.access import Admin, Given
from queries.api.problems import Forbidden
from queries.jobs import JobState
from queries.tokens import EVERY_ORGANIZATION
from schemas.errors import NotFound

router = APIRouter(prefix="/api/v1/jobs", tags=["maintenance"])

Job = Literal["rebuild", "verify"]


class JobAnswer(BaseModel):
    """A rebuild or a verification, while it runs and afterwards."""

    model_config = ConfigDict(from_attributes=True)

    job: Job
    running: bool
    step: str
    done: int = Field(description="Records of the log so far.")
    total: int = Field(description="Records to do, as far as is known; more may come meanwhile.")
    started_at: datetime
    ended_at: datetime | None
    error: str = Field(description="Why it ended before it was done; empty: it did not.")
    result: dict[str, Any] = Field(description="What it found, once it is done.")


class RebuildOptions(BaseModel):
    """How to rebuild."""

    model_config = ConfigDict(extra="forbid")

    accept_loss: bool = Field(False, description="Go on although the store has rows that the log does not hold.")


def whole(token: Admin) -> None:
    """It concerns everybody's events."""
    if token.organization != EVERY_ORGANIZATION:
        raise Forbidden("this needs a token with the scope admin and of every organization")


Whole = Annotated[None, Depends(whole)]


@router.post("/rebuild", status_code=202, response_model=JobAnswer)
async def start_rebuild(context: Given, allowed: Whole, options: RebuildOptions | None = None) -> JobState:
    """Make every table anew from the log, while everything goes on; or go on with what was begun."""
    return context.jobs.start_rebuild(accept_loss=options is not None and options.accept_loss)


@router.post("/verify", status_code=202, response_model=JobAnswer)
async def start_verify(context: Given, allowed: Whole) -> JobState:
    """Compare the store with the log, record by record."""
    return context.jobs.start_verify()


@router.get("/{job}", response_model=JobAnswer)
async def job(context: Given, allowed: Whole, job: Job) -> JobState:
    """How far it is, or what became of it, in this process."""
    return _known(context.jobs.state(job), job)


@router.delete("/{job}", response_model=JobAnswer)
async def stop_job(context: Given, allowed: Whole, job: Job) -> JobState:
    """Stop it. A rebuild keeps what it has filled, and goes on from there when it is begun again."""
    return _known(await context.jobs.stop(job), job)


def _known(state: JobState | None, job: str) -> JobState:
    if state is None:
        raise NotFound(f"this process has not been asked to {job} yet")
    return state
