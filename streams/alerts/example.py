"""The tests inside a rule: events in few words, and the alerts that must come of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from streams.alerts.duration import Duration


class Part(BaseModel):
    """Part of a rule: it means what it says, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=4_000)


class ExampleEvent(Part):
    """One event of a test, in few words or as the whole record."""

    at: Duration = Field(description="How long after 2026-01-05T09:00:00Z, a Monday, it occurs.")
    event_type: str = Field("", description="Its type. Not needed beside `raw`.")
    subject: str = Field("", description="Whom or what it is about: the id and the name of the person or group.")
    application: str = Field("", description="The application's id and name.")
    actor: str = Field("", description="Who caused it: an administrator's id and mail address.")
    status: int | None = Field(None, ge=100, le=599, description="The provider's answer; 400 and above is a failure.")
    success: bool | None = Field(None, description="Overrules what `status` says; true if there is neither.")
    detail: str = Field("", description="The provider's text, or the JSON that it answered.")
    changes: tuple[dict[str, Any], ...] = Field((), description="What was set: `field`, `from`, `to`.")
    raw: dict[str, Any] | None = Field(
        None, description="A whole Directory Insights record instead; only its time is set by `at`."
    )


class ExpectedAlert(Part):
    """One alert of a test."""

    group: dict[str, str] = Field({}, description="The facts of `group_by` with their values.")
    count: int = Field(ge=1, description="How many events it counts.")
    state: Literal["open", "resolved"] = Field("open", description="Its state when the test's time is over.")


class Example(Part):
    """A test of a rule: events, and exactly the alerts that they make."""

    name: str = Field(min_length=1, max_length=200, description="What it shows.")
    events: tuple[ExampleEvent, ...] = Field(min_length=1, max_length=1_000, description="In any order.")
    clock: Duration = Field(timedelta(), description="How far time goes on after the last event.")
    alerts: tuple[ExpectedAlert, ...] = Field((), description="Exactly these, in the order in which they open.")
