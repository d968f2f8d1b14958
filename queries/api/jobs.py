"""Routes about long jobs on the store: rebuild, verify, backtest. They run in this process, and clients poll until they
end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from queries.api.access import Admin, Given
from queries.jobs import JobState
from schemas.errors import Forbidden, NotFound
from schemas.times import parse_when, require_order

router = APIRouter(prefix="/api/v1/jobs", tags=["maintenance"])

Job = Literal["rebuild", "verify", "backtest"]


class JobAnswer(BaseModel):
    """A job, while it runs and afterwards."""

    model_config = ConfigDict(from_attributes=True)

    job: Job
    running: bool
    step: str
    done: int = Field(description="Records of the log, or events, so far.")
    total: int = Field(description="Records to do, as far as is known; more may come meanwhile.")
    started_at: datetime
    ended_at: datetime | None
    error: str = Field(description="Why it ended before it was done; empty if it did not.")
    result: dict[str, Any] = Field(description="The result, once it is done.")


RuleText = Annotated[str, Field(min_length=1, max_length=256_000)]


class RebuildOptions(BaseModel):
    """How to rebuild."""

    model_config = ConfigDict(extra="forbid")

    accept_loss: bool = Field(False, description="Continue even if the store has rows that the log does not hold.")


class WantedBacktest(BaseModel):
    """Which rules to run over which time."""

    model_config = ConfigDict(extra="forbid")

    rules: list[RuleText] = Field(min_length=1, max_length=500, description="The rules, each as YAML.")
    against: list[RuleText] = Field(
        [], max_length=500, description="Rules to compare with; without any, the results of live detection."
    )
    organization: str = Field(
        "", max_length=128, description="Restricts it to this organization's events; empty for all."
    )
    since: str = Field("30d", max_length=64, description="From this time on: RFC 3339, a date, or an age.")
    until: str | None = Field(None, max_length=64, description="Before this time; now when absent.")


async def whole(token: Admin) -> None:
    """Raise unless the token is of every organization: a job concerns everybody's events."""
    if token.only is not None:
        raise Forbidden("this needs a token with the scope admin and of every organization")


Whole = Annotated[None, Depends(whole)]


@router.post("/rebuild", status_code=202, response_model=JobAnswer)
async def start_rebuild(context: Given, allowed: Whole, options: RebuildOptions | None = None) -> JobState:
    """Rebuild every table from the log while everything goes on, or continue a rebuild that was started."""
    return context.jobs.start_rebuild(accept_loss=options is not None and options.accept_loss)


@router.post("/verify", status_code=202, response_model=JobAnswer)
async def start_verify(context: Given, allowed: Whole) -> JobState:
    """Compare the store with the log, record by record."""
    return context.jobs.start_verify()


@router.post("/backtest", status_code=202, response_model=JobAnswer)
async def start_backtest(context: Given, allowed: Whole, wanted: WantedBacktest) -> JobState:
    """Run alert rules over what is stored: which alerts they would have made, and how that differs. Notifies nobody."""
    now = context.clock()
    since = parse_when(wanted.since, now, "since")
    until = parse_when(wanted.until, now, "until") if wanted.until else now
    require_order(since, until)
    return context.jobs.start_backtest(wanted.rules, wanted.against, wanted.organization, since, until)


@router.get("/{job}", response_model=JobAnswer)
async def job(context: Given, allowed: Whole, job: Job) -> JobState:
    """Return the progress or the result of a job in this process."""
    return _known(context.jobs.state(job), job)


@router.delete("/{job}", response_model=JobAnswer)
async def stop_job(context: Given, allowed: Whole, job: Job) -> JobState:
    """Stop a job. A rebuild keeps what it has filled and continues from there when started again."""
    return _known(await context.jobs.stop(job), job)


def _known(state: JobState | None, job: str) -> JobState:
    if state is None:
        raise NotFound(f"this process has not been asked to {job} yet")
    return state
