"""A step of a lifecycle: one event, and what is found out about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from queries.account import Because
from queries.folding import Row

COLUMNS: Final = (
    "event_id", "occurred_at", "time_quality", "event_type", "kind", "action", "outcome", "cause", "attribute",
    "http_status", "detail", "application_id", "application_name", "actor_name", "account_state", "changed",
    "group_id", "group_name",
)  # fmt: skip
"""What the fold reads of an event."""


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
    """Of an association: the group."""
    actor: str
    account_state: str
    changed: list[str]
    """Names of the attributes it set; values only of states."""
    retry_of: UUID | None = None
    """The first of the failed attempts that this one repeats."""
    because: Because | None = None
    """What set the attempt off; the acts of the directory themselves have none."""
    superseded_by: UUID | None = None
    """Of a failed attempt that is not tried again: the event that something else came to be wanted by."""
    subject_id: str = ""
    """Under which id of the person, where a person is read."""


def step_of(row: Row) -> Step:
    """The event as a step, before anything is known of what set it off."""
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
