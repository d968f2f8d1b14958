"""Counts distinct events by up to two dimensions, each event by its copy in force."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from queries.selection import Selection
from queries.store import Store
from schemas.errors import BadUsage


class Dimension(StrEnum):
    """What events can be counted by."""

    EVENT_TYPE = "event_type"
    KIND = "kind"
    ACTION = "action"
    OUTCOME = "outcome"
    CAUSE = "cause"
    ATTRIBUTE = "attribute"
    APPLICATION = "application"
    SUBJECT = "subject"
    ACTOR = "actor"
    SOURCE = "source"
    HTTP_STATUS = "http_status"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


_EXPRESSIONS: Final[dict[Dimension, str]] = {
    Dimension.APPLICATION: "if(application_name = '', application_id, application_name)",
    Dimension.SUBJECT: "if(subject_name = '', subject_id, subject_name)",
    Dimension.ACTOR: "if(actor_name = '', actor_id, actor_name)",
    Dimension.MINUTE: "toStartOfMinute(occurred_at)",
    Dimension.HOUR: "toStartOfHour(occurred_at)",
    Dimension.DAY: "toStartOfDay(occurred_at)",
}
_READ: Final[dict[Dimension, tuple[str, ...]]] = {
    Dimension.APPLICATION: ("application_id", "application_name"),
    Dimension.SUBJECT: ("subject_id", "subject_name"),
    Dimension.ACTOR: ("actor_id", "actor_name"),
    Dimension.MINUTE: (),
    Dimension.HOUR: (),
    Dimension.DAY: (),
}
"""The SQL of dimensions that are not a column of the same name."""


class Counts(NamedTuple):
    """Rows with a value per dimension and `events`, the largest count first."""

    items: list[dict[str, Any]]
    complete: bool
    """False if there are more combinations than asked for; the rarest are left out."""


def counts_sql(selection: Selection, by: Sequence[Dimension]) -> str:
    """Return the SQL of one row per combination that occurs, the largest count first."""
    named = [f"{_EXPRESSIONS.get(dimension, dimension.value)} AS by_{index}" for index, dimension in enumerate(by)]
    groups = ", ".join(f"by_{index}" for index in range(len(by)))
    read = [column for dimension in by for column in _READ.get(dimension, (dimension.value,))]
    return (
        f"SELECT {', '.join([*named, 'count() AS events'])} FROM ({selection.in_force_sql(read)})"
        + (f" GROUP BY {groups}" if by else "")
        + f" ORDER BY events DESC{', ' + groups if by else ''} LIMIT {{limit:UInt32}}"
    )


def count_by(store: Store, selection: Selection, by: Sequence[Dimension], limit: int = 1000) -> Counts:
    """Count events. Raises `BadUsage` for more than two dimensions, or one twice."""
    if len(by) > 2 or len(set(by)) != len(by):
        raise BadUsage("count by at most two different dimensions")
    rows = store.query(counts_sql(selection, by), selection.parameters() | {"limit": limit + 1})
    items = [{**{dimension.value: row[index] for index, dimension in enumerate(by)}, "events": row[-1]} for row in rows]
    return Counts(items[:limit], len(items) <= limit)
