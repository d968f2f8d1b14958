"""A step of a lifecycle: one event and its cause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from queries.accounts.account import Because
from queries.accounts.folding import Row

COLUMNS: Final = (
    "event_id", "occurred_at", "time_quality", "event_type", "kind", "action", "outcome", "cause", "attribute",
    "http_status", "detail", "application_id", "application_name", "actor_name", "account_state", "changed",
    "group_id", "group_name",
)  # fmt: skip
"""The columns of an event that the fold reads."""


@dataclass(slots=True)
class Step:
    """One event of the lifecycle."""

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
    group: str
    """The group of an association."""
    actor: str
    account_state: str
    changed: list[str]
    """Names of the attributes that the event set; values only for states."""
    retry_of: UUID | None = None
    """The first failed attempt of the run that this one continues."""
    because: Because | None = None
    """What set the attempt off. Events of the directory itself have no cause."""
    superseded_by: UUID | None = None
    """For a failed attempt that is not retried: the event that changed what is wanted."""
    subject_id: str = ""
    """The id of the person that the event belongs to, when a person with several ids is read."""


def step_of(row: Row) -> Step:
    """Return the event as a step without its cause."""
    return Step(
        event_id=row["event_id"],
        occurred_at=row["occurred_at"],
        time_quality=row["time_quality"],
        event_type=row["event_type"],
        kind=row["kind"],
        action=row["action"],
        outcome=row["outcome"],
        cause=row["cause"],
        attribute=row["attribute"],
        http_status=row["http_status"],
        detail=row["detail"],
        application_id=row["application_id"],
        application=row["application_name"],
        group=row["group_name"],
        actor=row["actor_name"],
        account_state=row["account_state"],
        changed=list(row["changed"]),
    )
